// `make demo`: the product's whole story on this machine in under a minute. Starts `spikecam up` with a data folder of
// its own and two real programs, lets them idle, makes one of them spike, and shows what was caught.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createClient } from '../src/api/client.ts'
import type { IncidentDetail } from '../src/api/shapes.ts'
import { printDurationMs } from '../src/lib/units.ts'
import { printTarget } from '../src/model/target.ts'

const root = resolve(import.meta.dirname, '..')
const out = join(root, 'demo', 'out')
/** Long enough for a baseline that the jump can be compared with. */
const idleMs = Number(process.env.DEMO_IDLE_SECONDS ?? 15) * 1000
/** From the request that spikes to the incident with its evidence; the spike lasts 6 s and the capture 10 s of it. */
const incidentTimeoutMs = 60_000

const children: ChildProcess[] = []
const data = mkdtempSync(join(tmpdir(), 'spikecam-demo-'))
const say = (text: string): void => void process.stdout.write(`${text}\n`)

class DemoFailure extends Error {}

async function main(): Promise<void> {
  say('Starting spikecam up …')
  const url = await startSpikecam()
  const client = createClient({ baseUrl: url })
  await waitForRecording(client)
  say(`Recording. Starting the workload: a coupon service (Node) and a checksum loop (native) …`)
  const service = start(process.execPath, [
    '--perf-basic-prof',
    '--interpreted-frames-native-stack',
    join(root, 'demo', 'coupon-service.ts'),
  ])
  const port = Number(await firstLine(service, 'the coupon service'))
  // A native neighbour that does a little every second, so that the picture is not of one process alone.
  start('/bin/sh', ['-c', 'while :; do head -c 20000000 /dev/zero | sha256sum >/dev/null; sleep 1; done'])

  say(`Letting it idle for ${printDurationMs(idleMs)} …`)
  const idleUntil = Date.now() + idleMs
  while (Date.now() < idleUntil) {
    await fetch(`http://127.0.0.1:${port}/check?code=SAVE10`)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  const known = new Set((await client.get('/api/v1/incidents')).incidents.map((incident) => incident.id))

  say('Sending the request that spikes: one coupon list that sends a regular expression into backtracking …')
  const spikeMs = Date.now()
  const spike = fetch(`http://127.0.0.1:${port}/check?code=attack`).then((response) => response.text())
  const detail = await waitForIncident(client, known, service.pid as number, spikeMs)
  await spike
  report(url, detail, spikeMs)
  await keep(client, detail)
  say(`\nWritten: demo/out/incident.html (one file, opens offline), demo/out/flame.svg`)
  if (process.stdin.isTTY && process.stdout.isTTY) {
    say(`Serving until Ctrl-C: ${url}/incidents/${detail.incident.id}`)
    await new Promise<void>((resolve) => process.once('SIGINT', () => resolve()))
  }
}

function start(command: string, args: string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  children.push(child)
  child.stderr?.resume()
  return child
}

async function startSpikecam(): Promise<string> {
  const child = spawn(
    join(root, 'spikecam'),
    ['up', '--listen', '127.0.0.1:0', '--data', data, '--log-level', 'warn'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  children.push(child)
  let text = ''
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString()
      const match = /http:\/\/127\.0\.0\.1:\d+/.exec(text)
      if (match) resolve(match[0])
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('exit', (code) => reject(new DemoFailure(`spikecam up ended with code ${code}:\n${text.trim()}`)))
  })
}

async function waitForRecording(client: ReturnType<typeof createClient>): Promise<void> {
  const deadline = Date.now() + 20_000
  let status = await client.get('/api/v1/status')
  while (!status.recording) {
    if (Date.now() > deadline) throw new DemoFailure(`not recording: ${status.message ?? 'no agent connected'}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
    status = await client.get('/api/v1/status')
  }
  const agent = status.agents.find((each) => each.connected)
  if (agent?.status)
    say(`  ${agent.status.event} at ${agent.status.ringHz} Hz, look-back ${agent.status.ringSeconds} s`)
}

async function waitForIncident(
  client: ReturnType<typeof createClient>,
  known: ReadonlySet<string>,
  pid: number,
  sinceMs: number,
): Promise<IncidentDetail> {
  let noticed = false
  while (Date.now() - sinceMs < incidentTimeoutMs) {
    const { incidents } = await client.get('/api/v1/incidents')
    const mine = incidents.find((incident) => !known.has(incident.id) && incident.target.pid === pid)
    if (mine && !noticed) {
      noticed = true
      say(`  incident ${mine.id} is visible ${printDurationMs(Date.now() - sinceMs)} after the request; capturing …`)
    }
    if (mine && mine.state !== 'capturing' && (mine.top.length > 0 || mine.state === 'failed')) {
      if (mine.state === 'failed') throw new DemoFailure(`the capture failed: ${mine.message}`)
      return client.get('/api/v1/incidents/{id}', { params: { id: mine.id } })
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const seen = noticed ? 'an incident was opened but its evidence did not arrive' : 'no incident was opened'
  throw new DemoFailure(`${seen} within ${printDurationMs(incidentTimeoutMs)}`)
}

function report(url: string, { incident, captures }: IncidentDetail, spikeMs: number): void {
  const at = (ms: number): string => new Date(ms).toISOString().slice(11, 23)
  const after = (ms: number): string => `${ms >= spikeMs ? '+' : ''}${printDurationMs(ms - spikeMs)}`
  say(`\n${incident.trigger.reason}`)
  say(`  spike began        ${at(incident.onsetMs)}  (${after(incident.onsetMs)} after the request)`)
  say(`  noticed            ${at(incident.noticedMs)}  (${after(incident.noticedMs)})`)
  if (incident.endedMs) say(`  spike ended        ${at(incident.endedMs)}  (${after(incident.endedMs)})`)
  if (incident.evidenceMs) say(`  evidence complete  ${at(incident.evidenceMs)}  (${after(incident.evidenceMs)})`)
  say(`  who                ${printTarget(incident.target)}`)
  const quality = captures[0]?.quality
  if (quality) say(`  samples            ${quality.samples}, ${quality.lostSamples} lost, event ${quality.event}`)
  say('\nBusiest functions during the spike, share of its CPU:')
  for (const row of incident.top.slice(0, 5)) {
    say(`  ${(row.selfShare * 100).toFixed(1).padStart(5)} %  ${row.function}`)
  }
  say(`\n${url}/incidents/${incident.id}`)
  say(`go tool pprof -top '${url}/api/v1/incidents/${incident.id}/pprof?phase=during'`)
}

async function keep(client: ReturnType<typeof createClient>, { incident }: IncidentDetail): Promise<void> {
  mkdirSync(out, { recursive: true })
  const params = { id: incident.id }
  const html = await client.bytes('/api/v1/incidents/{id}/export.html', { params })
  writeFileSync(join(out, 'incident.html'), new Uint8Array(await html.arrayBuffer()))
  const svg = await client.bytes('/api/v1/incidents/{id}/flame.svg', { params, query: { phase: 'during' } })
  writeFileSync(join(out, 'flame.svg'), new Uint8Array(await svg.arrayBuffer()))
}

async function firstLine(child: ChildProcess, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
    child.once('exit', (code) => reject(new DemoFailure(`${what} ended with code ${code}`)))
  })
}

async function cleanUp(): Promise<void> {
  for (const child of children.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue
    const gone = new Promise((resolve) => child.once('exit', resolve))
    // The workload runs in process groups of its own; spikecam ends by itself when asked.
    process.kill(child.spawnfile.endsWith('spikecam') ? child.pid : -child.pid, 'SIGTERM')
    await gone
    rmSync(`/tmp/perf-${child.pid}.map`, { force: true })
  }
  rmSync(data, { recursive: true, force: true })
}

let exitCode = 0
process.once('SIGINT', () => undefined)
try {
  await main()
} catch (error) {
  exitCode = 1
  process.stderr.write(`\nThe demo failed: ${error instanceof DemoFailure ? error.message : (error as Error).stack}\n`)
}
await cleanUp()
process.exit(exitCode)
