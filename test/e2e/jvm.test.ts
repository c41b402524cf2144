// Probes of the JVM against real ones on this machine, of every JDK that it has.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { attachJvm } from '../../src/capture/jvm-attach.ts'
import { jvmHeap } from '../../src/capture/jvm-heap.ts'
import { jvmJfr } from '../../src/capture/jvm-jfr.ts'
import { jvmPerfmap } from '../../src/capture/jvm-perfmap.ts'
import { jvmThreads } from '../../src/capture/jvm-threads.ts'
import { type Finding, type Probe, type ProbeRequest, runProbe } from '../../src/capture/probe.ts'
import { parseArthasThreads } from '../../src/profile/arthas.ts'
import { readProfile } from '../../src/profile/formats.ts'
import { parseHotspotThreads } from '../../src/profile/thread-dump-hotspot.ts'
import type { ThreadTable } from '../../src/profile/thread-table.ts'
import { topFunctions } from '../../src/profile/top.ts'
import { startTicksOf } from '../../src/target/process-identity.ts'
import { compileWorkload, findJavas, findJdks, type JavaProgram, startJava } from '../jvm-program.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const jdks = findJdks()
const why =
  jdks.length === 0 ? 'there is no JDK below /usr/lib/jvm' : process.getuid?.() !== 0 ? 'they need root' : undefined
if (why) process.stderr.write(`skipped: probes of the JVM: ${why}\n`)

const requestOf = (pid: number, rest: Partial<ProbeRequest> = {}): ProbeRequest => ({
  target: {
    kind: 'process',
    node: 'vm1',
    pid,
    startTicks: startTicksOf(pid)!,
    namespace: 'shop',
    pod: 'cart-0',
    container: 'app',
  },
  kind: 'threads',
  durationMs: 500,
  options: {},
  signal: new AbortController().signal,
  ...rest,
})
const run = (probe: Probe, pid: number, rest?: Partial<ProbeRequest>) => runProbe(probe, requestOf(pid, rest), Date.now)
const find = (findings: readonly Finding[], name: string): Uint8Array => {
  const found = findings.find((finding) => finding.name === name)
  if (!found) throw new Error(`no finding ${name} among ${findings.map((finding) => finding.name)}`)
  return found.bytes
}
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const beganMs = Date.now()
/**
 * What is in the /tmp that it shares with us, and bears its number or our name; the socket is the JVM's own. What a run
 * before this one left when it was killed is not ours.
 */
const leftIn = (folder: string, pid: number): string[] => {
  const uid = Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  return readdirSync(folder).filter((name) => {
    if (name === `.attach_pid${pid}` || name === `perf-${pid}.map`) return true
    const isOurs = /^spikecam-[0-9a-z]{20}\.(?:jfr|hprof)$/.test(name)
    const found = isOurs ? lstatSync(`${folder}/${name}`, { throwIfNoEntry: false }) : undefined
    return found !== undefined && found.uid === uid && found.mtimeMs >= beganMs
  })
}
const top = async (bytes: Uint8Array) => topFunctions((await readProfile(bytes)).profile)

describe.skipIf(why !== undefined)('a JVM', () => {
  const folder = temporaryFolder()
  beforeAll(() => {
    chmodSync(folder, 0o755)
    compileWorkload(jdks[0]!, folder)
  })
  const withJava = async (
    options: Omit<Parameters<typeof startJava>[0], 'classes'>,
    use: (java: JavaProgram) => Promise<void>,
  ) => {
    const java = await startJava({ ...options, classes: folder })
    try {
      await use(java)
    } finally {
      await java.stop()
    }
  }

  test.each(findJavas())(
    'of JDK $major: threads, recording, names of compiled code, heap; and nothing is left behind',
    async (jdk) => {
      await withJava({ jdk, idleThreads: 60 }, async ({ pid, output }) => {
        const threads = await run(jvmThreads, pid, { options: { threadSnapshots: 3, busiestThreads: 70 } })
        expect(threads.result).toMatchObject({ probe: 'jvm-threads', outcome: 'ok' })
        const { dumps } = parseHotspotThreads(find(threads.findings, 'threads.txt'))
        expect(dumps).toHaveLength(3)
        const table = JSON.parse(textOf(find(threads.findings, 'threads.json'))) as ThreadTable
        expect(table).toMatchObject({ snapshots: 3, losses: [] })
        // 60 idle ones, 8 others of the program, and those of HotSpot itself.
        expect(table.threadCount).toBeGreaterThan(68)
        // Compilers may use more of a core than it gets of a full machine; of the program's own threads none does.
        const hot = table.threads.find(({ role }) => role === 'application')!
        expect(hot).toMatchObject({ name: 'hot', state: 'RUNNABLE', isNew: false, sameStack: 3 })
        expect(hot.cpuMs).toBeGreaterThan(0)
        expect(hot.frames[0]!.method).toBe('Workload.spin')
        expect(readFileSync(`/proc/${pid}/task/${hot.nid}/comm`, 'utf8')).toBe('hot\n')
        expect(table.threads.filter(({ role }) => role === 'collector')).not.toEqual([])
        expect(table.threads.filter(({ role }) => role === 'compiler')).not.toEqual([])
        const held = table.locks.map(({ owner, waiters }) => [owner?.name, waiters.map(({ name }) => name).sort()])
        expect(held).toContainEqual(['monitor-owner', ['monitor-waiter-0', 'monitor-waiter-1', 'monitor-waiter-2']])
        expect(held).toContainEqual(['lock-owner', ['lock-waiter']])
        const own = (await top(find(threads.findings, 'threads.pb.gz'))).functions.map((row) => row.function)
        expect(own.find((name) => name.startsWith('Workload.'))).toBe('Workload.spin')
        const log = threads.findings.find(({ name }) => name.startsWith('stacks/'))!
        expect(log.name).toMatch(/^stacks\/\d{4}-\d\d-\d\d\/shop\/cart-0-app-\d\d-\d\d-\d\d\.log$/)
        expect(parseArthasThreads(log.bytes).threads).toHaveLength(70)
        const listed = parseArthasThreads(log.bytes).threads.map(({ name }) => name)
        expect(listed).toEqual(table.threads.map(({ name }) => name))
        expect(parseArthasThreads(log.bytes).threads[listed.indexOf('hot')]).toMatchObject({ state: 'RUNNABLE' })

        // Beside each other, as in a bundle: the map stays for a while.
        const named = run(jvmPerfmap, pid, { kind: 'cpu', durationMs: 0 })
        const recording = await run(jvmJfr, pid, { kind: 'cpu', durationMs: 800 })
        expect(recording.result).toMatchObject({ outcome: 'ok' })
        const cpu = await top(find(recording.findings, 'jfr.pb.gz'))
        expect(cpu).toMatchObject({ unit: 'count' })
        expect(cpu.functions[0]?.function).toBe('Workload.spin')
        expect(textOf(find(recording.findings, 'recording.jfr').subarray(0, 4))).toBe('FLR\0')
        const allocs = await run(jvmJfr, pid, { kind: 'allocs', durationMs: 800 })
        expect(
          (await top(find(allocs.findings, 'jfr.pb.gz'))).functions.some((row) => row.function === 'Workload.allocate'),
        ).toBe(true)

        const names = await named
        if (jdk.major < 17) {
          expect(names.result).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('it is too old') })
        } else {
          expect(names.result.outcome).toBe('ok')
          expect(textOf(find(names.findings, `perf-${pid}.map`))).toMatch(
            /^0x[0-9a-f]+ 0x[0-9a-f]+ .*Workload\.spin\(\)$/m,
          )
        }

        const heap = await run(jvmHeap, pid, { kind: 'heap' })
        expect(heap.result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('--force REASON') })
        const { profile } = await readProfile(find(heap.findings, 'heap.pb.gz'))
        const counted = topFunctions(profile, { sampleType: 0 }).functions.find(
          (row) => row.function === 'Workload$Counted',
        )
        expect(counted?.self).toBe(1234)
        const forced = await run(jvmHeap, pid, { kind: 'heap', options: { force: 'looking for a leak' } })
        const room = forced.result.outcome === 'ok'
        if (room) {
          const head = gunzipSync(find(forced.findings, 'heap.hprof.gz')).subarray(0, 18)
          expect(head.toString('latin1')).toBe('JAVA PROFILE 1.0.2')
        } else expect(forced.result).toMatchObject({ outcome: 'partial', message: expect.stringContaining('free') })

        const jvm = attachJvm(requestOf(pid))
        expect(textOf(await jvm.jcmd('JFR.check'))).toContain('No available recordings')
        jvm.close()
        expect(leftIn('/tmp', pid)).toEqual([])
        expect(readdirSync(folder).filter((name) => !name.endsWith('.class'))).toEqual([])
        expect(output()).toBe('ready\n')
      })
    },
  )

  test('ended early, a probe keeps what it has and stops what it began', async () => {
    await withJava({ jdk: jdks[0]! }, async ({ pid }) => {
      const jvm = attachJvm(requestOf(pid))
      await jvm.jcmd('VM.version')
      const early = new AbortController()
      const asked = run(jvmThreads, pid, { durationMs: 60_000, signal: early.signal })
      // A JVM serves one after the other: once these are answered the first dump has been for long.
      for (let i = 0; i < 3; i++) await jvm.jcmd('VM.version')
      early.abort()
      const threads = await asked
      expect(threads.result).toMatchObject({
        outcome: 'partial',
        message: expect.stringContaining('1 of the dumps: it was ended early'),
      })
      expect(parseHotspotThreads(find(threads.findings, 'threads.txt')).dumps).toHaveLength(1)

      const later = new AbortController()
      const begun = run(jvmJfr, pid, { kind: 'cpu', durationMs: 60_000, signal: later.signal })
      while (!textOf(await jvm.jcmd('JFR.check')).includes('running')) await new Promise(setImmediate)
      later.abort()
      const recording = await begun
      expect(find(recording.findings, 'recording.jfr').length).toBeGreaterThan(1000)
      expect(textOf(await jvm.jcmd('JFR.check'))).toContain('No available recordings')
      jvm.close()
      expect(leftIn('/tmp', pid)).toEqual([])
    })
  })

  test('that reduced its signals is not signalled, and answers on the socket that it has', async () => {
    await withJava({ jdk: jdks[0]!, options: ['-Xrs'] }, async ({ pid, child }) => {
      expect((await run(jvmThreads, pid)).result).toMatchObject({ outcome: 'ok' })
      unlinkSync(`/tmp/.java_pid${pid}`)
      expect((await run(jvmThreads, pid)).result).toMatchObject({
        outcome: 'skipped',
        message: expect.stringContaining('-Xrs'),
      })
      expect(child.exitCode ?? child.signalCode).toBeNull()
    })
  })

  test('that forbids to attach is left alone, and so is what is no JVM, or another process by now', async () => {
    await withJava({ jdk: jdks[0]!, options: ['-XX:+DisableAttachMechanism'] }, async ({ pid, output }) => {
      const message = expect.stringContaining('-XX:+DisableAttachMechanism')
      for (const probe of [jvmThreads, jvmJfr, jvmPerfmap, jvmHeap]) {
        expect((await run(probe, pid)).result).toMatchObject({ probe: probe.name, outcome: 'skipped', message })
      }
      expect(output()).toBe('ready\n')
      const target = { kind: 'process' as const, node: 'vm1', pid, startTicks: 1 }
      expect((await run(jvmThreads, pid, { target })).result).toMatchObject({ outcome: 'failed', code: 'TARGET_GONE' })
    })
    const sleeper = spawn('sleep', ['60'])
    await once(sleeper, 'spawn')
    for (const probe of [jvmThreads, jvmJfr, jvmPerfmap, jvmHeap]) {
      const { result } = await run(probe, sleeper.pid!)
      expect(result).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('no Java virtual machine') })
    }
    expect(sleeper.exitCode ?? sleeper.signalCode).toBeNull()
    sleeper.kill()
    await once(sleeper, 'exit')
    const gone = { kind: 'process' as const, node: 'vm1', pid: sleeper.pid!, startTicks: 1 }
    expect((await run(jvmThreads, 1, { target: gone })).result).toMatchObject({ code: 'TARGET_GONE' })
  })

  test('whose place in /tmp holds the socket of a process that has died', async () => {
    await withJava({ jdk: jdks[0]! }, async ({ pid }) => {
      const code = `require('node:net').createServer().listen('/tmp/.java_pid${pid}', () => console.log('listening'))`
      const dead = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(dead.stdout, 'data')
      dead.kill('SIGKILL')
      await once(dead, 'exit')
      expect(existsSync(`/tmp/.java_pid${pid}`)).toBe(true)
      // And the trigger of somebody who was killed before it could be of use.
      writeFileSync(`/tmp/.attach_pid${pid}`, '')
      utimesSync(`/tmp/.attach_pid${pid}`, 0, 0)
      // Both at once, as in a bundle: the recorder, which makes a JVM busy with itself, is not started while CPU is counted.
      const [threads, recording] = await Promise.all([
        run(jvmThreads, pid),
        run(jvmJfr, pid, { kind: 'cpu', durationMs: 100 }),
      ])
      expect(threads.result).toMatchObject({ outcome: 'ok' })
      expect(textOf(find(threads.findings, 'threads.txt'))).not.toContain('"JFR')
      expect(find(recording.findings, 'recording.jfr').length).toBeGreaterThan(1000)
      expect(textOf(find((await run(jvmThreads, pid)).findings, 'threads.txt'))).toContain('"JFR')
      expect(leftIn('/tmp', pid)).toEqual([])
    })
  })

  test('in a user namespace where root here is nobody', async () => {
    // unshare needs a moment; then it gets users 0 to 65535 of its own, as Kubernetes does with hostUsers: false.
    const holder = spawn('unshare', ['-U', 'sleep', '600'])
    try {
      while (readlinkSync(`/proc/${holder.pid}/ns/user`) === readlinkSync('/proc/self/ns/user'))
        await new Promise(setImmediate)
      for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${holder.pid}/${map}`, '0 200000 65536')
      const under = ['nsenter', '-t', String(holder.pid), '-U', '--setuid', '1000', '--setgid', '1000']
      await withJava({ jdk: jdks.at(-1)!, under }, async ({ pid }) => {
        expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toContain('Uid:\t201000')
        expect((await run(jvmThreads, pid)).result).toMatchObject({ outcome: 'ok' })
        const recording = await run(jvmJfr, pid, { kind: 'cpu', durationMs: 300 })
        expect(find(recording.findings, 'recording.jfr').length).toBeGreaterThan(1000)
        expect(leftIn('/tmp', pid)).toEqual([])
      })
    } finally {
      holder.kill()
    }
  })

  test('without a /tmp that it may write to', async () => {
    const mount = 'mount --make-rprivate / && mount -t tmpfs -o ro none /tmp && exec "$@"'
    const classes = mkdtempSync('/dev/shm/spikecam-classes-')
    cpSync(folder, classes, { recursive: true })
    try {
      const java = await startJava({ jdk: jdks[0]!, classes, under: ['unshare', '-m', 'sh', '-c', mount, 'sh'] })
      const { result } = await run(jvmThreads, java.pid)
      expect(result).toMatchObject({
        outcome: 'skipped',
        message: expect.stringContaining('mount an emptyDir at /tmp'),
      })
      expect(java.output()).toBe('ready\n')
      await java.stop()
    } finally {
      rmSync(classes, { recursive: true })
    }
  })
})
