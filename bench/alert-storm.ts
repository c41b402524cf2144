//   node bench/alert-storm.ts [alerts, default 10000] [seconds, default 60] [repeats, default 100000] [kills, default 10]
//
// Alerts by the thousand against the real server: each a pod of its own, within a minute; then a storm of repeats; then
// the minute once more with the server killed (SIGKILL) ten times, while the sender repeats what was not answered 202.
// The nodes are played (bench/storm-nodes.ts). No repeats, or no kills, leaves that part out. Afterwards every alert is held against what the server has kept.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createClient } from '../src/api/client.ts'
import type { AlertRecord } from '../src/model/alert.ts'
import type { LedgerEntry } from '../src/model/ledger.ts'
import { freePort } from '../test/free-port.ts'
import { printRow, program, treeCpuSeconds, treeRssMb } from './measure.ts'
import { type StormNodes, startNodes } from './storm-nodes.ts'

const alerts = Number(process.argv[2] ?? 10_000)
const seconds = Number(process.argv[3] ?? 60)
const repeats = Number(process.argv[4] ?? 100_000)
const kills = Number(process.argv[5] ?? 10)
const nodeCount = 3
/** Connections of the senders of the storm: a handful of Alertmanagers and Grafanas. */
const senders = 16
/** Captures take 0.2 s here, so the limits decide all the time which of the alerts gets one. */
const rules = `rules:
  - name: storm
    do: [context 1s]
    limits: { perNode: 2, perNamespace: 100, fleet: 120/h, perWorkload: 3/h, cooldown: 10m }
`
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

class Server {
  readonly folder = mkdtempSync(join(tmpdir(), 'spikecam-storm-'))
  readonly port: number
  #child: ChildProcess | undefined

  constructor(port: number) {
    this.port = port
    writeFileSync(join(this.folder, 'rules.yaml'), rules)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#child?.pid as number
  }

  async start(): Promise<void> {
    const args = ['--listen', `127.0.0.1:${this.port}`, '--data', join(this.folder, 'data'), '--log-level', 'warn']
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` }
    const rulesFile = ['--rules', join(this.folder, 'rules.yaml')]
    this.#child = spawn(program(), ['server', ...args, ...rulesFile], { stdio: ['ignore', 'ignore', 'inherit'], env })
    for (;;) {
      const isReady = await fetch(`${this.url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      )
      if (isReady) return
      if (this.#child.exitCode !== null) throw new Error(`the server ended with ${this.#child.exitCode}`)
      await wait(20)
    }
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child as ChildProcess
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const startsAt = new Date().toISOString()
const bodyOf = (number: number): string =>
  JSON.stringify({
    version: '4',
    groupKey: `{}:{pod="p-${number}"}`,
    status: 'firing',
    alerts: [
      {
        status: 'firing',
        labels: { alertname: 'CpuHigh', namespace: 'storm', pod: `p-${number}` },
        annotations: { summary: `p-${number} is busy` },
        startsAt,
        endsAt: '0001-01-01T00:00:00Z',
        fingerprint: `f${number}`,
      },
    ],
  })

const agent = new Agent({ keepAlive: true, maxSockets: 64 })

/** @returns ms until the 202; undefined when there was none */
function post(url: string, body: string): Promise<number | undefined> {
  const beganMs = performance.now()
  return new Promise((resolve) => {
    const sent = request(`${url}/hooks/alertmanager`, { method: 'POST', agent, timeout: 10_000 }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode === 202 ? performance.now() - beganMs : undefined))
      response.on('error', () => resolve(undefined))
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(undefined))
    sent.end(body)
  })
}

/** All alerts, evenly over the time, each until it is answered 202. @returns ms of the first answers */
async function sendDistinct(url: string): Promise<{ answeredMs: number[]; again: number }> {
  const answeredMs: number[] = []
  let again = 0
  const beganMs = performance.now()
  const one = async (number: number): Promise<void> => {
    await wait(Math.max(0, beganMs + (number * seconds * 1000) / alerts - performance.now()))
    for (;;) {
      const ms = await post(url, bodyOf(number))
      if (ms !== undefined) {
        answeredMs.push(ms)
        return
      }
      again++
      await wait(100)
    }
  }
  await Promise.all(Array.from({ length: alerts }, (_, number) => one(number)))
  return { answeredMs, again }
}

/** @param onHalf when half of them are answered */
async function sendRepeats(url: string, onHalf: () => void): Promise<{ answeredMs: number[]; tookMs: number }> {
  const answeredMs: number[] = []
  const beganMs = performance.now()
  let next = 0
  const sender = async (): Promise<void> => {
    while (next < repeats) {
      const ms = await post(url, bodyOf(next++ % alerts))
      if (ms === undefined) throw new Error('a repeat was not answered 202')
      if (answeredMs.push(ms) === repeats >> 1) onHalf()
    }
  }
  await Promise.all(Array.from({ length: senders }, sender))
  return { answeredMs, tookMs: performance.now() - beganMs }
}

/** Waits until everything is decided and carried out, and counts what is not as it should be. */
async function audit(url: string, nodes: StormNodes) {
  const client = createClient({ baseUrl: url })
  for (;;) {
    const { alerts: newest } = await client.get('/api/v1/alerts', { query: { limit: 500 } })
    const { captures } = await client.get('/api/v1/captures', { query: { limit: 500 } })
    const isActive = captures.some(({ state }) => state === 'recording' || state === 'uploading')
    if (!isActive && newest.every(({ state }) => state !== 'queued')) {
      const records = await all((cursor) => client.get('/api/v1/alerts', { query: { limit: 500, cursor } }), 'alerts')
      if (records.every(({ state }) => state !== 'queued')) {
        const ledger = await all(
          (cursor) => client.get('/api/v1/triggers', { query: { limit: 500, cursor } }),
          'entries',
        )
        return judge(records as AlertRecord[], ledger as LedgerEntry[], nodes)
      }
    }
    await wait(250)
  }
}

async function all<K extends string, T>(
  ask: (cursor: string | undefined) => Promise<{ readonly [key in K]: T[] } & { nextCursor?: string | undefined }>,
  key: K,
): Promise<T[]> {
  const found: T[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await ask(cursor)
    found.push(...page[key])
    if (!page.nextCursor) return found
    cursor = page.nextCursor
  }
}

function judge(records: readonly AlertRecord[], ledger: readonly LedgerEntry[], nodes: StormNodes) {
  const perSeries = Map.groupBy(records, ({ alert }) => alert.series)
  const decisions = records.flatMap((record) => record.decisions)
  const steps = decisions.flatMap((each) => each.steps)
  const ordered = steps.filter(({ message }) => message === undefined).map(({ captureId }) => captureId)
  const accepted = new Set(ledger.flatMap(({ outcome, captureId }) => (outcome === 'accepted' ? [captureId] : [])))
  const refusedRows = ledger.filter(({ outcome }) => outcome === 'refused').length
  const refusals = decisions.filter(({ outcome }) => outcome === 'refused').length + steps.length - ordered.length
  return {
    lost: alerts - perSeries.size,
    twice: [...perSeries.values()].filter((each) => each.length > 1).length,
    undecided: records.filter((record) => record.decisions.length === 0).length,
    skipped: Map.groupBy(
      decisions.filter(({ outcome }) => outcome === 'skipped'),
      ({ guard, message }) => guard ?? message,
    ),
    captures: ordered.length,
    notCarriedOut: ordered.filter((id) => !nodes.runs.has(id)).length,
    carriedOutTwice: [...nodes.runs.values()].filter((runs) => runs > 1).length,
    notOrdered: [...nodes.runs.keys()].filter((id) => !ordered.includes(id)).length,
    notInLedger: ordered.filter((id) => !accepted.has(id)).length + Math.max(0, refusals - refusedRows),
    refusals,
    tooManyRows: Math.max(0, refusedRows - refusals),
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
const printMs = (values: readonly number[]): string =>
  `p99 ${percentile(values, 0.99).toFixed(1)} ms (median ${percentile(values, 0.5).toFixed(1)}, worst ${percentile(values, 1).toFixed(0)})`

function printAudit(work: string, found: Awaited<ReturnType<typeof audit>>, nodes: StormNodes): void {
  const { lost, twice, undecided, captures, notCarriedOut, carriedOutTwice, notOrdered } = found
  printRow({
    work: `${work}: alerts lost, kept twice, without a decision`,
    ours: `${lost}, ${twice}, ${undecided}`,
    goal: '0',
  })
  printRow({
    work: `${work}: captures lost, taken twice, taken without a decision, of ${captures}`,
    ours: `${notCarriedOut}, ${carriedOutTwice}, ${notOrdered} (${nodes.toldAgain()} told again)`,
    goal: '0',
  })
  printRow({
    work: `${work}: missing in the ledger, of ${captures} captures and ${found.refusals} refusals`,
    ours: `${found.notInLedger} (${found.tooManyRows} too many)`,
    goal: '0',
  })
  printRow({
    work: `${work}: at once on a node, in all`,
    ours: `${nodes.mostAtOnce()}, ${captures}`,
    goal: '≤ 2, ≤ 120',
  })
  for (const [why, some] of found.skipped) process.stderr.write(`${work}: ${some.length} skipped: ${why}\n`)
}

if (repeats > 0) {
  const server = new Server(await freePort())
  await server.start()
  const nodes = startNodes(server.url, nodeCount)
  await wait(500)
  const rssMb = [treeRssMb(server.pid)]
  const cpu = treeCpuSeconds(server.pid)
  const distinct = await sendDistinct(server.url)
  printRow({
    work: `${alerts} distinct alerts in ${seconds} s, until 202`,
    ours: printMs(distinct.answeredMs),
    goal: 'p99 ≤ 100 ms',
  })
  const decidedInMs = performance.now()
  await audit(server.url, nodes)
  const behindS = (performance.now() - decidedInMs) / 1000
  rssMb.push(treeRssMb(server.pid))
  const cpuSeconds = treeCpuSeconds(server.pid) - cpu
  const storm = await sendRepeats(server.url, () => rssMb.push(treeRssMb(server.pid)))
  rssMb.push(treeRssMb(server.pid))
  const rate = (repeats / storm.tookMs) * 1000
  printRow({
    work: `${repeats} repeats over ${senders} connections, until 202`,
    ours: `${printMs(storm.answeredMs)}, ${rate.toFixed(0)} a second`,
    goal: 'p99 ≤ 100 ms',
  })
  printRow({
    work: 'the last decision after the last alert; CPU of the server for all of them',
    ours: `${behindS.toFixed(1)} s; ${cpuSeconds.toFixed(1)} s`,
    goal: '–',
  })
  const [before, after, half, end] = rssMb.map((mb) => mb.toFixed(0))
  printRow({
    work: 'memory of the server before, after the alerts, after half of the repeats, after all',
    ours: `${before}, ${after}, ${half}, ${end} MB`,
    goal: 'flat',
  })
  printAudit('without kills', await audit(server.url, nodes), nodes)
  nodes.close()
  await server.end('SIGTERM')
  server.remove()
}
if (kills > 0) {
  const server = new Server(await freePort())
  await server.start()
  const nodes = startNodes(server.url, nodeCount)
  await wait(500)
  const sending = sendDistinct(server.url)
  for (let kill = 0; kill < kills; kill++) {
    await wait((seconds * 1000) / (kills + 1))
    await server.end('SIGKILL')
    await server.start()
  }
  const { again } = await sending
  printAudit(`${kills} kills, ${again} sent again`, await audit(server.url, nodes), nodes)
  nodes.close()
  await server.end('SIGTERM')
  server.remove()
}
agent.destroy()
