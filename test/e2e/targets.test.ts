// Captures of exactly what was named: pod, container, workload, labels, process with its children; and of what ends,
// is busy already, or is not there.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CaptureDetail, TopAnswer } from '../../src/api/shapes.ts'
import { perfVersion } from '../../src/capture/perf.ts'
import { readPprof } from '../../src/profile/pprof-decode.ts'
import { topFunctions } from '../../src/profile/top.ts'
import { cleanEnv, type Ran, root, spikecam } from '../cli/spikecam.ts'
import { endingWithUs, favour } from '../favour.ts'
import { buildBurner, burnName } from '../node-tool/burner.ts'
import { type RunningPod, startTestNode, type TestNode } from '../node-tool/node.ts'
import { whyNoNode } from '../node-tool/packages.ts'
import { startWithPid } from '../recycled-pid.ts'
import { hasTool } from '../symbol-programs.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { type Program, startUp } from './program.ts'

const why =
  whyNoNode() ??
  ((await perfVersion()) === undefined ? 'perf is not installed' : undefined) ??
  (hasTool('gcc') ? undefined : 'gcc is not installed')
if (why) process.stderr.write(`skipped: targets: ${why}\n`)

/** A stack that only debug information can walk: no frame pointers, and every caller waits for its callee's answer. */
const deepSource = `
#include <unistd.h>
static volatile unsigned long sink;
__attribute__((noinline)) static unsigned long innermost(unsigned long n) { for (int i = 0; i < 1000000; i++) sink += i; return sink + n; }
__attribute__((noinline)) static unsigned long middle(unsigned long n) { return innermost(n) * 3 + 1; }
__attribute__((noinline)) static unsigned long outermost(unsigned long n) { return middle(n) * 5 + 1; }
int main(void) { for (;; usleep(2000)) sink += outermost(sink); }
`

/** Until a process has used so many seconds of CPU. */
async function untilUsed(pid: number, seconds: number): Promise<void> {
  const used = (): number => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9
  await expect.poll(used, { interval: 20 }).toBeGreaterThan(seconds)
}

describe.skipIf(why !== undefined)('targets', () => {
  const folder = temporaryFolder()
  const children: ChildProcess[] = []
  let node: TestNode
  let up: Program
  let burner: string
  let both: RunningPod
  let idle: RunningPod

  beforeAll(async () => {
    burner = buildBurner(folder, 'burner', { functions: 5 })
    node = await startTestNode()
    const calm = ['--spike-level', '10000%', '--spike-jump', '10000%']
    // One at a time: who wants several has to wait for room.
    up = await startUp(['--cri-socket', node.socket, '--captures-per-node', '1', ...calm])
    const image = await node.packImage({ name: 'app', programs: [burner] })
    // Limits, so that all of them together leave something of the machine for the recorder.
    const steady = (name: string, index: number) => ({
      name,
      image,
      command: [burner, 'steady', String(index)],
      cpuLimit: 0.2,
    })
    const labels = { app: 'cart', 'pod-template-hash': '5d8f7c9b6d' }
    const recording = up.event((event) => event.type === 'agent' && event.agent.status?.recording === true)
    both = await node.runPod({
      name: 'cart-5d8f7c9b6d-x2x7p',
      namespace: 'shop',
      labels,
      containers: [steady('app', 1), steady('sidecar', 2)],
    })
    idle = await node.runPod({
      name: 'cart-5d8f7c9b6d-b4b4b',
      namespace: 'shop',
      labels,
      containers: [{ name: 'app', image, command: ['sleep', '600'] }],
    })
    await recording
  })
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL')
    await up?.stop()
    await node?.close()
  })

  const ask = (...args: string[]): Promise<Ran> => spikecam(args, { env: { SPIKECAM_SERVER: up.url } })
  const capture = (...args: string[]): Promise<Ran> => ask('capture', 'cpu', ...args, '--look-back', '1s')
  /** Functions of the burners that the views of the capture show. */
  const burned = async ({ stdout }: Ran): Promise<string[]> => {
    const {
      capture: { id, incidentId = '' },
    } = JSON.parse(stdout) as CaptureDetail
    const query = { phase: 'all', capture: id, limit: 1000 } as const
    const top = await up.client.get('/api/v1/incidents/{id}/top', { params: { id: incidentId }, query })
    return burnersOf(top)
  }
  const burnersOf = ({ rows }: TopAnswer): string[] =>
    rows.flatMap(({ function: name, self }) => (self > 0 && /^burn_\d/.test(name) ? [name] : [])).sort()
  /** It is to be seen in a second of recording, however full this machine is. */
  const start = (program: string, ...args: string[]): ChildProcess => {
    const [command, ...options] = endingWithUs
    const child = spawn(command, [...options, program, ...args], { stdio: 'ignore', detached: true })
    children.push(child)
    favour(child.pid as number)
    return child
  }
  const app = () => both.containers.app!

  test('a workload is its busiest pod, a pod all of its containers, -c one, and so is an id; nobody else is in it', async () => {
    const ran = await capture('deploy/cart', '-n', 'shop', '--for', '1s', '-o', 'json')
    expect(ran.code).toBe(0)
    expect(ran.stderr).toMatch(
      /^Of shop\/cart-5d8f7c9b6d-x2x7p on \S+\. It is the busiest; not of 1 more: shop\/cart-5d8f7c9b6d-b4b4b\/app \(0 %\) \(--all\)\.\n/,
    )
    expect(await burned(ran)).toEqual([burnName(1), burnName(2)])
    const planned = async (...args: string[]) => JSON.parse((await capture(...args, '--dry-run')).stdout)
    const { request, others } = await planned('-l', 'app=cart')
    expect(request.target).toMatchObject({ pod: both.name, namespace: 'shop' })
    expect(others).toMatchObject([{ target: { pod: idle.name, container: 'app' } }])
    const { target: pod } = (await planned('pod/cart-5d8f7c9b6d-x2x7p')).request
    expect(pod).toMatchObject({ kind: 'container', pod: both.name })
    expect(pod).not.toHaveProperty('container')
    const one = await planned('shop/cart-5d8f7c9b6d-x2x7p', '-c', 'sidecar')
    expect(one.request.target).toMatchObject({ container: 'sidecar', workload: 'deploy/cart' })
    const byId = await planned(`container/${app().id.slice(0, 12)}`)
    expect(byId.request.target).toMatchObject({ containerId: app().id, pid: app().pid })
  })

  test('--all takes each of them, one after the other where a node has room for one, and says what became of each', async () => {
    const ran = await capture('-l', 'app=cart', '--all', '--for', '1s')
    expect(ran.stderr).toMatch(
      /^Of 2: shop\/cart-5d8f7c9b6d-x2x7p on \S+ \([\d.]+ %\), shop\/cart-5d8f7c9b6d-b4b4b\/app on /,
    )
    // The idle one has no sample, which is not what was hoped for.
    expect(ran.code).toBe(5)
    expect(ran.stdout).toMatch(/^CAPTURE +STATE +TARGET +TOP FUNCTION\n/)
    expect(ran.stdout).toMatch(/^cap-\w+ +complete +shop\/cart-5d8f7c9b6d-x2x7p +burn_0[12] /m)
    expect(ran.stdout).toMatch(/^cap-\w+ +complete +shop\/cart-5d8f7c9b6d-b4b4b\/app *$/m)
    const [busiest] = JSON.parse(
      (await capture('-l', 'app=cart', '--all', '--at-most', '1', '--dry-run')).stdout,
    ).targets
    expect(busiest.target.pod).toBe(both.name)
    expect(await capture('node', '--all')).toMatchObject({ code: 2 })
    expect(await capture('-l', 'app=cart', '--all', '-o', 'x.pb.gz')).toMatchObject({ code: 2 })
  })

  test('Ctrl-C ends those that run, begins no other, and keeps what there is', async () => {
    const child = spawn(
      join(root, 'spikecam'),
      ['capture', 'cpu', '-l', 'app=cart', '--all', '--for', '60s', '-o', 'json'],
      {
        env: cleanEnv({ SPIKECAM_SERVER: up.url }),
      },
    )
    children.push(child)
    let out = ''
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      if (!/^cap-\w+ recording /m.test(said)) {
        said += chunk.toString()
        if (/^cap-\w+ recording /m.test(said)) child.kill('SIGINT')
      }
    })
    const [code] = await once(child, 'close')
    expect(code).toBe(130)
    const details = JSON.parse(out) as CaptureDetail[]
    expect(details.map(({ capture }) => capture.state)).toEqual(['complete'])
    expect(details[0]?.artifacts.some(({ name }) => name.endsWith('.pb.gz'))).toBe(true)
  })

  test('a process brings the children that it forks, and nothing of its neighbours', async () => {
    const forks = start(burner, 'forks', '3', '20', '60')
    const neighbour = start(burner, 'forks', '4', '20', '60')
    const ran = await capture(`pid/${forks.pid}`, '--for', '1s', '-o', 'json')
    expect(ran.code).toBe(0)
    expect(await burned(ran)).toEqual([burnName(3)])
    forks.kill('SIGKILL')
    neighbour.kill('SIGKILL')
  })

  test('a process is not who had its PID before it within the look-back, whose samples are kept for the node', async () => {
    let pid: number
    let later: ChildProcess | undefined
    do {
      const earlier = start(burner, 'steady', '3')
      pid = earlier.pid!
      await untilUsed(pid, 0.3)
      earlier.kill('SIGKILL')
      await once(earlier, 'exit')
      later = startWithPid(pid, () => start(burner, 'steady', '4'))
    } while (later === undefined)
    await untilUsed(pid, 0.3)
    // It is in the look-back by now, and has no need of a core any more.
    later.kill('SIGSTOP')
    const ran = await ask('capture', 'cpu', `pid/${pid}`, '--look-back', '20s', '--for', '1s', '-o', 'json')
    expect(ran.code).toBe(0)
    expect(await burned(ran)).toEqual([burnName(4)])
    const {
      capture: { id, incidentId = '' },
    } = JSON.parse(ran.stdout) as CaptureDetail
    const everybody = { phase: 'all', capture: id, scope: 'node', limit: 1000 } as const
    const top = await up.client.get('/api/v1/incidents/{id}/top', { params: { id: incidentId }, query: everybody })
    expect(burnersOf(top)).toEqual(expect.arrayContaining([burnName(3), burnName(4)]))
    const threads = await up.client.get('/api/v1/incidents/{id}/threads', {
      params: { id: incidentId },
      query: { phase: 'all' },
    })
    expect(
      threads.rows
        .filter((row) => row.pid === pid)
        .map((row) => row.isTarget)
        .sort(),
    ).toEqual([false, true])
    later.kill('SIGKILL')
  })

  test('what is not there ends with 4 before anything is recorded', async () => {
    const before = (await up.client.get('/api/v1/captures')).captures.length
    // The largest PID that Linux gives is 2^22 - 1.
    expect(await capture('pid/4194304')).toMatchObject({ code: 4, stderr: expect.stringContaining('pid/4194304') })
    const pod = await capture('pod/cart-5d8f7c9b6d-x2x7q')
    expect(pod).toMatchObject({ code: 4, stderr: expect.stringContaining('did you mean pod/cart-5d8f7c9b6d-x2x7p') })
    const container = await capture('pod/cart-5d8f7c9b6d-b4b4b', '-c', 'ap')
    expect(container).toMatchObject({ code: 4, stderr: expect.stringContaining('no container ap; there is: app') })
    expect((await up.client.get('/api/v1/captures')).captures.length).toBe(before)
  })

  test('a second capture of the same target is refused with 3, and says what holds the place', async () => {
    const target = ['pod/cart-5d8f7c9b6d-x2x7p', '-c', 'app']
    const first = (await capture(...target, '--for', '60s', '--detach')).stdout.trim()
    const second = await capture(...target, '--for', '1s')
    expect(second).toMatchObject({ code: 3, stdout: '' })
    expect(second.stderr).toContain(
      `per-process limit of 1: shop/cart-5d8f7c9b6d-x2x7p/app is being captured by ${first}`,
    )
    expect(second.stderr).toContain(`spikecam stop ${first}`)
    expect(await ask('stop', first)).toMatchObject({ code: 0 })
    await expect
      .poll(async () => (await up.client.get('/api/v1/captures/{id}', { params: { id: first } })).capture.state)
      .toBe('complete')
  })

  test('the files of a capture are named after host, time and scope, and hold the target alone', async () => {
    const place = join(folder, 'evidence')
    const ran = await capture('pod/cart-5d8f7c9b6d-x2x7p', '-c', 'app', '--for', '1s', '--hz', '199', '-o', `${place}/`)
    expect(ran).toMatchObject({ code: 0, stdout: '' })
    const names = readdirSync(place)
    const mine = names.filter((name) => name.includes('.container_shop_cart-5d8f7c9b6d-x2x7p_app.'))
    const ends = mine.map((name) =>
      name.replace(/^[^.]+\.\d{8}_\d{6}_UTC\.container_shop_cart-5d8f7c9b6d-x2x7p_app\./, ''),
    )
    expect(ends).toEqual(expect.arrayContaining(['flamegraph.svg', 'pb.gz', 'perf-script.txt.gz']))
    expect(names.some((name) => /^[^.]+\.\d{8}_\d{6}_UTC\.node\.199hz\.perf\.data$/.test(name))).toBe(true)
    const read = (end: string): Buffer => readFileSync(join(place, mine.find((name) => name.endsWith(end))!))
    const inPprof = topFunctions(readPprof(gunzipSync(read('_app.pb.gz')))).functions.map((row) => row.function)
    expect(inPprof).toContain(burnName(1))
    expect(inPprof).not.toContain(burnName(2))
    const script = gunzipSync(read('.perf-script.txt.gz')).toString()
    expect(script).toMatch(new RegExp(`^\\s+burner +${app().pid}/${app().pid} `, 'm'))
    expect(script).not.toContain(burnName(2))
    expect(read('.flamegraph.svg').toString()).toContain(burnName(1))
  })

  test('debug information walks stacks that frame pointers cannot, of the target only, and tells its cost', async () => {
    const source = join(folder, 'deep.c')
    writeFileSync(source, deepSource)
    const program = join(folder, 'deep')
    execFileSync('gcc', ['-O2', '-fomit-frame-pointer', '-fno-optimize-sibling-calls', '-o', program, source])
    const deep = start(program)
    const ran = await capture(`pid/${deep.pid}`, '--for', '1s', '--stacks', 'dwarf', '-o', 'json')
    expect(ran.code).toBe(0)
    const { capture: done, artifacts } = JSON.parse(ran.stdout) as CaptureDetail
    const probe = done.probes.find((each) => each.probe === 'perf-dwarf')
    expect(probe).toMatchObject({
      outcome: 'ok',
      message: expect.stringMatching(/samples unwound .* [kM]B of stacks were copied at 99 Hz/),
    })
    const pprof = artifacts.find(({ name }) => name.endsWith(`.pid_${deep.pid}.dwarf.pb.gz`))
    expect(pprof).toBeDefined()
    const view = { params: { id: done.incidentId! }, query: { phase: 'all', capture: done.id } } as const
    const folded = await (await up.client.bytes('/api/v1/incidents/{id}/folded', view)).text()
    expect(folded).toMatch(/main;outermost;middle;innermost/)
    const everybody = { ...view, query: { ...view.query, scope: 'node' } } as const
    expect(await (await up.client.bytes('/api/v1/incidents/{id}/folded', everybody)).text()).toMatch(/_\[k\]/)
    deep.kill('SIGKILL')
  })

  test('a container that ends during a capture gives a partial one at once', async () => {
    const running = capture('pod/cart-5d8f7c9b6d-b4b4b', '--for', '120s', '-o', 'json')
    await up.event((event) => event.type === 'capture' && event.capture.target.pod === idle.name)
    await idle.remove('app')
    const ran = await running
    const { capture: ended } = JSON.parse(ran.stdout) as CaptureDetail
    expect({ code: ran.code, state: ended.state }).toEqual({ code: 5, state: 'partial' })
    expect(ended.message).toMatch(/^the container ended after [\d.]+ s of the capture$/)
  })
})
