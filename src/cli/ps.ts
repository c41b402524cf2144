// `spikecam ps`: who runs on the nodes.
import type { Config } from '../config.ts'
import { exitCodes } from '../model/errors.ts'
import { connect } from './connect.ts'
import { describeSilent, renderProcesses } from './inventory-text.ts'
import { note, readOutput, writeForm, writeOut } from './output.ts'
import { parseSelector } from './parse-target.ts'

/** @returns 5 when a node did not answer */
export async function runPs({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, ['json', 'yaml', 'wide', 'name'])
  const form = output && 'form' in output ? output.form : undefined
  const answer = await connect(options).get('/api/v1/processes', { query: parseSelector(args[0], options) })
  const { rows, nodes } = answer
  if (form === 'json' || form === 'yaml') await writeForm(rows, form)
  else if (form === 'name') {
    await writeOut(rows.flatMap(({ processes }) => processes.map(({ pid }) => `pid/${pid}\n`)).join(''))
  } else if (rows.every(({ processes }) => processes.length === 0)) {
    note('No process of it runs now; "spikecam whois" has what is known of its containers.')
  } else await writeOut(renderProcesses(rows, form === 'wide'))
  for (const { node, runtime } of nodes) {
    const isUnnamed = rows.some(
      (row) => row.node === node && !row.pod && row.processes.some((each) => each.containerId),
    )
    if (!runtime && isUnnamed)
      note(`${node}: no container runtime answers, so containers have only ids; see "spikecam doctor".`)
  }
  for (const line of describeSilent(answer)) note(line)
  return answer.silent.length > 0 ? exitCodes.partial : 0
}
