// `spikecam whois`: everything known of a PID, container, pod, address or workload.
import type { Config } from '../config.ts'
import { exitCodes } from '../model/errors.ts'
import { connect } from './connect.ts'
import { describeSilent, renderWhois } from './inventory-text.ts'
import { note, readOutput, writeForm, writeOut } from './output.ts'
import { parseSelector } from './parse-target.ts'

/** @returns 5 when a node did not answer. @throws Failure NOT_FOUND with names that come near */
export async function runWhois({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, ['json', 'yaml', 'name'])
  const form = output && 'form' in output ? output.form : undefined
  const { name = args[0]!, ...select } = parseSelector(args[0], options)
  const answer = await connect(options).get('/api/v1/whois', { query: { name, ...select } })
  const { rows } = answer
  if (form === 'json' || form === 'yaml') await writeForm(rows, form)
  else if (form === 'name') {
    // What can be given to `capture`: the container, also one that no runtime names, or the process where there is none.
    const names = rows.flatMap(({ container, processes }) =>
      container
        ? [`container/${container.id}`]
        : processes.map(({ pid, containerId }) => (containerId ? `container/${containerId}` : `pid/${pid}`)),
    )
    await writeOut([...new Set(names)].map((each) => `${each}\n`).join(''))
  } else await writeOut(renderWhois(rows))
  for (const line of describeSilent(answer)) note(line)
  return answer.silent.length > 0 ? exitCodes.partial : 0
}
