// `spikecam top` without a file: containers by CPU, live, with what their limits and neighbours held back.
import type { UsageAnswer } from '../api/shapes.ts'
import type { Config } from '../config.ts'
import { printShare } from '../lib/units.ts'
import { exitCodes, Failure } from '../model/errors.ts'
import type { UsageRow } from '../model/inventory.ts'
import { commandName } from '../model/target.ts'
import { connect } from './connect.ts'
import { describeSilent, printCores, printNumber } from './inventory-text.ts'
import { forTerminal, note, readOutput, renderTable, writeAsIs, writeForm, writeOut } from './output.ts'
import { parseSelector } from './parse-target.ts'

/** As top(1) at its fastest readable; the numbers are means over a second. */
const refreshMs = 2000

/** @returns 5 when a node did not answer */
export async function runLiveTop({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, ['json', 'yaml'])
  const { name, node } = parseSelector(args[0], options)
  if (name !== undefined) throw new Failure('USAGE', `${name} is neither a file nor node/NAME`)
  const client = connect(options)
  const ask = (): Promise<UsageAnswer> => client.get('/api/v1/usage', { query: { node } })
  if (!process.stdout.isTTY || output) {
    const answer = await ask()
    if (output && 'form' in output) await writeForm(flatRows(answer), output.form as 'json' | 'yaml')
    else await writeOut(renderUsage(answer, options.limit))
    for (const line of describeSilent(answer)) note(line)
    return answer.silent.length > 0 ? exitCodes.partial : 0
  }
  let ended = false
  let wake: () => void = () => undefined
  const onInterrupt = (): void => {
    ended = true
    wake()
  }
  process.once('SIGINT', onInterrupt)
  try {
    while (!ended) {
      const answer = await ask()
      // A terminal that nobody told its size, as under `docker exec -t`, says that it has none.
      const { rows, columns } = process.stdout
      const room = Math.max(1, (rows || 24) - headLines(answer))
      const silent = describeSilent(answer).map((line) => `${line}\n`)
      // Home, the new table line by line over the old one, and away with what is left below it: no flicker.
      const text = `${renderUsage(answer, Math.min(options.limit, room))}${silent.join('')}`
      await writeAsIs(`\x1b[H${cutLines(forTerminal(text), columns || 80).replaceAll('\n', '\x1b[K\n')}\x1b[J`)
      if (ended) break
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, refreshMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  } finally {
    process.off('SIGINT', onInterrupt)
  }
  return 0
}

/** Titles, the lines of the nodes, and one for the cursor. */
const headLines = ({ nodes, silent }: UsageAnswer): number => nodes.length + silent.length + 3

const cutLines = (text: string, columns: number): string =>
  text
    .split('\n')
    .map((line) => line.slice(0, columns))
    .join('\n')

type FlatRow = UsageRow & { readonly node: string }

const flatRows = ({ nodes }: UsageAnswer): FlatRow[] =>
  nodes.flatMap(({ node, rows }) => rows.map((row) => ({ node, ...row }))).sort((a, b) => b.cores - a.cores)

/**
 *     vm1: 1.31 of 2 cores busy
 *
 *       CPU  LIMIT  THROTTLED  WAITING  CONTAINER  POD           COMMAND
 *     100 %      1       41 %      2 %  app        shop/cart-0   node server.js
 */
export function renderUsage(answer: UsageAnswer, limit: number): string {
  const right = { align: 'right' as const }
  const isSeveral = answer.nodes.length > 1
  const columns = [
    { title: 'CPU', ...right },
    { title: 'LIMIT', ...right },
    { title: 'THROTTLED', ...right },
    { title: 'WAITING', ...right },
    { title: 'CONTAINER' },
    { title: 'POD' },
    ...(isSeveral ? [{ title: 'NODE' }] : []),
    { title: 'COMMAND' },
  ]
  const heads = answer.nodes.map(({ node, cores, cpus }) => `${node}: ${cores.toFixed(2)} of ${cpus} cores busy\n`)
  const rows = flatRows(answer).slice(0, limit)
  const lines = rows.map(({ node, target, cores, limitCores, throttledShare, waitingShare }) => [
    printCores(cores),
    limitCores === undefined ? '' : printNumber(limitCores),
    throttledShare ? printShare(throttledShare, 1) : '',
    waitingShare ? printShare(waitingShare, 1) : '',
    target.container ?? target.containerId?.slice(0, 12) ?? '',
    target.pod ? `${target.namespace}/${target.pod}` : '',
    ...(isSeveral ? [node] : []),
    `${commandName(target)}${target.kind === 'process' ? ` (pid ${target.pid})` : ''}`,
  ])
  return `${heads.join('')}\n${renderTable(columns, lines)}`
}
