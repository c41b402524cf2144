// `spikecam capture KIND` over the real program: what each kind finds of a Node process, what a `sleep` has not, and how
// the program ends.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CaptureDetail } from '../../src/api/shapes.ts'
import { TargetContext } from '../../src/model/context.ts'
import { type Ran, type Running, spikecam, startSpikecam } from '../cli/spikecam.ts'

const canRecord = process.getuid?.() === 0
const folder = mkdtempSync(join(tmpdir(), 'spikecam-kinds-'))
const source = `
  let kept = []
  function makeThings() { for (let i = 0; i < 300; i++) kept.push({ i, text: 'x' + i }) }
  setInterval(makeThings, 5)
  console.log('ready')`

let up: Running
let node: ChildProcess
let sleeper: ChildProcess
/** Of the sleeper, taken while the other process is looked at: a node carries out two at a time. */
let ofSleeper: Promise<readonly Ran[]>
const kindsOfSleeper = ['threads', 'heap', 'trace']
beforeAll(async () => {
  if (!canRecord) return
  // A port of its own for its inspector: that of Node, 9229, may be open in a process of another test by now.
  const words = ['--inspect-port=127.0.0.1:0', '-e', source, '--', '--password=hunter2']
  node = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'ignore'] })
  sleeper = spawn('sleep', ['600'], { stdio: 'ignore' })
  await createInterface({ input: node.stdout! })[Symbol.asyncIterator]().next()
  const calm = ['--spike-level', '10000%', '--spike-jump', '10000%']
  up = await startSpikecam(['up', '--data', join(folder, 'up'), ...calm])
  while ((await spikecam(['ring', 'status', '--server', up.url])).code !== 0);
  ofSleeper = oneByOne(kindsOfSleeper, (kind) => capture(kind, `pid/${sleeper.pid}`, '--for', '1s', '-o', 'json'))
})
afterAll(async () => {
  node?.kill('SIGKILL')
  sleeper?.kill('SIGKILL')
  await up?.stop('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
})

const capture = (...args: string[]): Promise<Ran> =>
  spikecam(['capture', ...args], { env: { SPIKECAM_SERVER: up.url } })
async function oneByOne<T>(items: readonly string[], run: (item: string) => Promise<T>): Promise<readonly T[]> {
  const all: T[] = []
  for (const item of items) all.push(await run(item))
  return all
}
const detailOf = ({ stdout }: Ran): CaptureDetail => JSON.parse(stdout)

test.runIf(canRecord)('the context: processes, threads, CPU, sockets, without secrets', async () => {
  const told = await capture('context', `pid/${node.pid}`)
  expect(told).toMatchObject({ code: 0 })
  expect(told.stdout).toMatch(/^processes +1 with \d+ threads$/m)
  expect(told.stdout).toMatch(/^node +.*of \d+ CPUs busy, load/m)
  const bytes = await capture('context', `pid/${node.pid}`, '-o', '-')
  const context = TargetContext.parse(JSON.parse(bytes.stdout))
  expect(context.processes).toMatchObject([{ pid: node.pid, runtime: 'node' }])
  expect(context.threads.find(({ tid }) => tid === node.pid)).toBeDefined()
  expect(context.threadCount).toBe(context.processes[0]?.threads)
  expect(context.node.cpus).toBeGreaterThan(0)
  expect(bytes.stdout).not.toContain('hunter2')
})

test.runIf(canRecord)('a heap: by function on the screen, as the file or picture that is asked for', async () => {
  const told = await capture('heap', `pid/${node.pid}`, '--for', '1s')
  expect(told).toMatchObject({ code: 0, stdout: expect.stringMatching(/^node-heap +V8 allocation samples/m) })
  // V8 counts what an inlined function allocates for its caller.
  expect(told.stdout).toMatch(/^inuse_space: [\d.]+ [kM]B/m)
  expect(told.stdout).toMatch(/makeThings|listOnTimeout/)
  const files = join(folder, 'files')
  const svg = join(folder, 'heap.svg')
  expect((await capture('heap', `pid/${node.pid}`, '--for', '1s', '-o', `${files}/`)).code).toBe(0)
  expect((await capture('allocs', `pid/${node.pid}`, '--for', '1s', '-o', svg)).code).toBe(0)
  const [profile] = readdirSync(files).filter((name) => name.endsWith('.heapprofile'))
  expect(JSON.parse(readFileSync(join(files, profile as string), 'utf8')).head.callFrame.functionName).toBe('(root)')
  expect(readFileSync(svg, 'utf8')).toMatch(/makeThings|listOnTimeout/)
})

test.runIf(canRecord)('a bundle: stacks of the ring, the profile of the program itself, the context', async () => {
  const ran = await capture('bundle', `pid/${node.pid}`, '--for', '1s', '--look-back', '1s', '-o', 'json')
  const { capture: stored, artifacts } = detailOf(ran)
  expect(ran.code).toBe(0)
  expect(stored.probes.map(({ probe, outcome }) => `${probe} ${outcome}`)).toEqual([
    'ring ok',
    'context ok',
    'node-cpu ok',
  ])
  expect(stored.probes[2]).toMatchObject({ kind: 'cpu' })
  expect([...new Set(artifacts.map(({ probe }) => probe))].sort()).toEqual(['context', 'node-cpu', 'ring', 'usage'])
  const incident = await spikecam(['get', stored.incidentId!, '-o', 'json', '--server', up.url])
  expect(JSON.parse(incident.stdout).incident).toMatchObject({ asked: 'bundle', state: 'complete' })
})

test.runIf(canRecord)('what a sleep has not is said, and it sleeps on', async () => {
  // The plan's own test asks for the other kinds; here it is about the way through the program.
  for (const [i, ran] of (await ofSleeper).entries()) {
    const kind = kindsOfSleeper[i]
    const { capture: stored, artifacts } = detailOf(ran)
    expect({ kind, code: ran.code, state: stored.state }).toEqual({ kind, code: 6, state: 'failed' })
    expect(stored.message).toContain(`has no ${kind}`)
    // What surrounds it is there all the same.
    expect(artifacts.some(({ probe }) => probe === 'context')).toBe(true)
  }
  expect(sleeper.exitCode).toBeNull()
  expect((await fetch(`${up.url}/healthz`)).status).toBe(200)
})

test.runIf(canRecord)('the reason for overriding a guard is kept; nobody and nothing are told apart', async () => {
  const [forced, misspelt, nobody, machine] = await Promise.all([
    capture('heap', `pid/${node.pid}`, '--for', '1s', '--force', 'case 4711', '-o', 'json'),
    capture('heaps', `pid/${node.pid}`),
    capture('heap', 'pid/4194304'),
    capture('heap', 'node'),
  ])
  expect(detailOf(forced).capture.trigger).toMatchObject({ kind: 'manual', forced: 'case 4711' })
  const ledger = await (await fetch(`${up.url}/api/v1/triggers`)).json()
  expect(JSON.stringify(ledger)).toContain('case 4711')
  expect(misspelt).toMatchObject({ code: 2, stderr: expect.stringContaining('"heap"') })
  expect(nobody.code).toBe(4)
  expect(machine.code).toBe(6)
  const gone = once(sleeper, 'exit')
  sleeper.kill('SIGKILL')
  await gone
  expect((await capture('threads', `pid/${sleeper.pid}`)).code).toBe(4)
})
