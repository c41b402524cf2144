// Against real Go programs, in a network of their own where this machine allows it, so that loopback is truly theirs.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { hasGo } from '../../test/go-pprof.ts'
import { type PprofServer, startPprofServer } from '../../test/pprof-server.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { CaptureKind, ProbeOptions } from '../model/capture.ts'
import type { Target } from '../model/target.ts'
import { readProfile } from '../profile/formats.ts'
import { topFunctions } from '../profile/top.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { goPprof, goPprofProbe } from './go-pprof.ts'
import { type Finding, type Probe, runProbe } from './probe.ts'

const isHere = hasGo()
if (!isHere) process.stderr.write('skipped: Go pprof: Go is not installed\n')
const ownNetwork = process.getuid?.() === 0
const folder = temporaryFolder()

interface Order {
  readonly durationMs?: number
  readonly options?: ProbeOptions
  readonly signal?: AbortSignal
  readonly probe?: Probe
}
const ask = (
  target: Target,
  kind: CaptureKind,
  { durationMs = 0, options = {}, signal, probe = goPprof }: Order = {},
) => runProbe(probe, { target, kind, durationMs, options, signal: signal ?? new AbortController().signal }, () => 0)
const bytesOf = (findings: readonly Finding[], name: string): Uint8Array => {
  const found = findings.find((each) => each.name === name)
  if (!found) throw new Error(`no ${name} among ${findings.map((each) => each.name)}`)
  return found.bytes
}

const running: PprofServer[] = []
const start = async (...listeners: string[]): Promise<PprofServer> => {
  const server = await startPprofServer(listeners, { ownNetwork })
  running.push(server)
  return server
}
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop()
})

describe.skipIf(!isHere)('Go pprof', () => {
  test('CPU over a time, found on loopback among ports that serve something else', async () => {
    const server = await start('serve=html', 'serve=silent', 'serve=pprof', 'serve=burn')
    const beganMs = performance.now()
    const { result, findings } = await ask(server.target, 'cpu', { durationMs: 1000 })
    const tookMs = performance.now() - beganMs
    expect(result).toMatchObject({ outcome: 'ok', probe: 'go-pprof' })
    expect(result.message).toBe(`http://127.0.0.1:${server.ports[2]}/debug/pprof/ (found among 3 listening)`)
    const { profile } = await readProfile(bytesOf(findings, 'cpu.pb.gz'))
    // On a full machine it is preempted about as often as it is sampled: runtime.asyncPreempt, called by it.
    const own = topFunctions(profile).functions.filter((each) => !each.function.startsWith('runtime.'))
    expect(own[0]?.function).toBe('main.burnInNamedFunction')
    // On a busy machine Go begins and ends it later than it was asked to.
    expect(Number(profile.durationNanos) / 1e6).toBeGreaterThan(500)
    expect(Number(profile.durationNanos) / 1e6).toBeLessThan(tookMs)
  })

  test('the state and its change, each as the reference tool reads it', async () => {
    const server = await start('serve=pprof', 'serve=burn')
    const beganMs = performance.now()
    const { result, findings } = await ask(server.target, 'allocs', { durationMs: 1000 })
    const tookMs = performance.now() - beganMs
    expect(result.outcome).toBe('ok')
    const state = bytesOf(findings, 'allocs.pb.gz')
    const file = join(folder, 'allocs.pb.gz')
    writeFileSync(file, state)
    const text = execFileSync('go', ['tool', 'pprof', '-raw', file], { encoding: 'utf8' })
    expect(text).toContain('alloc_objects/count alloc_space/bytes[dflt] inuse_objects/count inuse_space/bytes')
    const { profile } = await readProfile(state)
    expect(profile.durationNanos).toBe(0n)
    const change = (await readProfile(bytesOf(findings, 'allocs-delta.pb.gz'))).profile
    expect(Number(change.durationNanos) / 1e6).toBeGreaterThan(500)
    expect(Number(change.durationNanos) / 1e6).toBeLessThan(tookMs)
    expect(topFunctions(change, { sampleType: 1 }).functions[0]?.function).toMatch(/^main\.main\.func/)
  })

  test('goroutines in all three forms', async () => {
    const server = await start('serve=pprof')
    const { result, findings } = await ask(server.target, 'goroutines')
    expect(result.outcome).toBe('ok')
    expect(findings.map(({ name }) => name)).toEqual(['goroutines-counted.txt', 'goroutines.pb.gz', 'goroutines.txt'])
    const text = (name: string): string => new TextDecoder().decode(bytesOf(findings, name))
    expect(text('goroutines-counted.txt')).toMatch(/^goroutine profile: total \d+\n/)
    expect(text('goroutines.txt')).toMatch(/^goroutine 1 \[sleep.*\]:\n(.*\n)*main\.main\(\)/m)
  })

  test('threadcreate, and a trace that go tool trace opens', async () => {
    const server = await start('serve=pprof')
    const [threads, trace] = await Promise.all([
      ask(server.target, 'threads'),
      ask(server.target, 'trace', { durationMs: 1000 }),
    ])
    expect(threads.result.outcome).toBe('ok')
    expect((await readProfile(bytesOf(threads.findings, 'threadcreate.pb.gz'))).profile.sampleTypes).toEqual([
      { type: 'threadcreate', unit: 'count' },
    ])
    const file = join(folder, 'trace.out')
    writeFileSync(file, bytesOf(trace.findings, 'trace.out'))
    const events = execFileSync('go', ['tool', 'trace', '-d=parsed', file], { encoding: 'utf8', maxBuffer: 2 ** 28 })
    expect(events.split('\n').some((line) => / StateTransition .* GoID=1 /.test(line))).toBe(true)
  })

  test('what the program does not count is empty, with the call that would turn it on', async () => {
    const server = await start('serve=pprof')
    const mutex = await ask(server.target, 'mutex')
    expect(mutex.result).toMatchObject({ outcome: 'empty' })
    expect(mutex.result.message).toContain('runtime.SetMutexProfileFraction')
  })

  test('somebody else is profiling already', async () => {
    const server = await start('serve=pprof')
    const first = new AbortController()
    // Both ask for a minute: whichever comes second is told so, and an abort ends the first at once.
    const running = [
      ask(server.target, 'cpu', { durationMs: 60_000, signal: first.signal }),
      ask(server.target, 'cpu', { durationMs: 60_000, signal: first.signal }),
    ]
    const { result } = await Promise.race(running)
    expect(result).toMatchObject({ outcome: 'failed', code: 'PROFILER_BUSY' })
    expect(result.message).toContain('cpu profiling already in use')
    first.abort()
    const outcomes = (await Promise.all(running)).map((each) => each.result)
    expect(outcomes).toContainEqual(
      expect.objectContaining({
        outcome: 'empty',
        message: 'profile?seconds=60 was ended before the program had answered',
      }),
    )
  })

  test('another path, profiles without an index, and a pod that says where', async () => {
    const server = await start('serve=pprof&path=/internal/', 'serve=bare')
    const named = await ask(server.target, 'heap', {
      options: { pprofPort: server.ports[0]!, pprofPath: '/internal', pprofScheme: 'http' },
    })
    expect(named.result.message).toBe(`http://127.0.0.1:${server.ports[0]}/internal/ (found as named)`)
    const bare = await ask(server.target, 'heap')
    expect(bare.result.message).toBe(`http://127.0.0.1:${server.ports[1]}/debug/pprof/ (found among 2 listening)`)
    const annotations = {
      'profefe.com/enable': 'true',
      'profefe.com/port': String(server.ports[0]),
      'profefe.com/path': '/internal',
    }
    const annotated = await ask(server.target, 'heap', { probe: goPprofProbe({ annotationsOf: () => annotations }) })
    expect(annotated.result.message).toContain('/internal/ (found by annotation profefe.com/enable)')
    const elsewhere = goPprofProbe({ annotationsOf: () => ({ ...annotations, 'profefe.com/port': '1' }) })
    expect((await ask(server.target, 'heap', { probe: elsewhere })).result.message).toContain(
      '(found among 2 listening)',
    )
    const trace = await ask(server.target, 'trace', { options: { pprofPort: server.ports[1]! } })
    expect(trace.result).toMatchObject({ outcome: 'skipped' })
    expect(trace.result.message).toContain('the program serves no trace (404')
  })

  test('nonsense, refusals and silence say what they are', async () => {
    const server = await start('serve=nonsense', 'serve=forbidden', 'serve=html')
    const at = (port: number): Order => ({ options: { pprofPort: server.ports[port]! } })
    expect((await ask(server.target, 'heap', at(0))).result).toMatchObject({
      outcome: 'failed',
      code: 'UNEXPECTED_ANSWER',
      message: 'heap answers with something that is not a profile: compressed data of another kind',
    })
    expect((await ask(server.target, 'trace', at(0))).result.code).toBe('UNEXPECTED_ANSWER')
    expect((await ask(server.target, 'heap', at(1))).result).toMatchObject({
      outcome: 'failed',
      code: 'ENDPOINT_REFUSED',
      message: `http://127.0.0.1:${server.ports[1]}/debug/pprof/ answers 403: Forbidden (user=system:anonymous, verb=get)`,
    })
    expect((await ask(server.target, 'heap', at(2))).result).toMatchObject({
      code: 'UNEXPECTED_ANSWER',
      message: `http://127.0.0.1:${server.ports[2]}/debug/pprof/ answers a page that is not the index of pprof`,
    })
    expect((await ask(server.target, 'heap', { options: { pprofPort: 1 } })).result).toMatchObject({
      code: 'ENDPOINT_UNREACHABLE',
      message: `the process does not listen on port 1; it listens on ${server.ports.toSorted((a, b) => a - b).join(', ')}`,
    })
  })

  test('a program without pprof, and one that is not Go, are left alone', async () => {
    const server = await start('serve=html')
    const none = await ask(server.target, 'heap')
    expect(none.result.outcome).toBe('skipped')
    expect(none.result.message).toMatch(
      /no pprof was found: .* a page that is not the index .* import net\/http\/pprof$/,
    )
    const deaf = await start()
    expect((await ask(deaf.target, 'heap')).result).toMatchObject({
      outcome: 'skipped',
      message: 'the process listens on no TCP port, so it serves no pprof',
    })
    const sleep = spawn('sleep', ['60'])
    const pid = sleep.pid as number
    const target: Target = { kind: 'process', node: 'test', pid, startTicks: startTicksOf(pid) as number }
    const { result } = await ask(target, 'cpu', { durationMs: 1000 })
    expect(result.outcome).toBe('skipped')
    expect(result.message).toContain('not a Go program but a native program')
    expect((await ask(target, 'context')).result.message).toBe("Go's pprof has no context")
    const gone = once(sleep, 'exit')
    sleep.kill()
    await gone
    const late = await ask(target, 'cpu', { options: { pprofPort: 6060 } })
    expect(late.result.outcome).toBe('failed')
  })
})
