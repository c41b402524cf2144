// Thread dumps of JDK 8 to 25 against what the dumps themselves list, and against /proc.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseFrameLock, parseJavaFrame, stableMethodName } from './java-frame.ts'
import { dumpTimeMs, type ThreadDump, wholeStack } from './thread-dump.ts'
import { matchesThreadFile, matchesThreadJson, parseThreadFile, parseThreadJson } from './thread-dump-file.ts'
import { matchesHotspotThreads, parseHotspotThreads } from './thread-dump-hotspot.ts'
import { threadDumpProfile } from './thread-dump-profile.ts'
import { printThreadDumps } from './thread-dump-text.ts'

const folder = new URL('../../test/fixtures/thread-dump/', import.meta.url)
const read = (name: string): Uint8Array => readFileSync(new URL(name, folder))
const text = (name: string): string => readFileSync(new URL(name, folder), 'utf8')
const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value)
const dumpOf = (name: string): ThreadDump => parseHotspotThreads(read(name)).dumps[0]!

/** Names that Dumpee.java gives its threads. */
const given = [
  'dead-monitor-1',
  'dead-monitor-2',
  'dead-lock-1',
  'dead-lock-2',
  'busy "quoted" #1',
  'name\nwith newline',
  'evil" #7 prio=5 os_prio=0 cpu=1.00ms elapsed=2.00s tid=0x0000000000000001 nid=0x1 runnable  [0x0000000000000000]',
  '',
  'имя 名前',
  'allocator',
  'waiter',
  'timed-waiter',
  'class-locker',
  'class-blocked',
  'initializer',
  'init-waiter',
  'lock-holder',
  'taker',
]

describe.each([
  ['jdk11-print.txt', 43, 8376],
  ['jdk17-print.txt', 45, 8547],
  ['jdk21-print.txt', 47, 8784],
  ['jdk25-print.txt', 48, 8947],
  ['jdk25-print-later.txt', 48, 8947],
])('%s', (name, count, pid) => {
  const { dumps, losses } = parseHotspotThreads(read(name))
  const dump = dumps[0]!

  test('every thread, and nothing that is none', () => {
    expect(losses).toEqual([])
    expect(dumps).toHaveLength(1)
    expect(dump.pid).toBe(pid)
    expect(dump.threads).toHaveLength(count)
    // One header each: only those hold an address of the VM's thread. One of them stands inside a name.
    expect(text(name).match(/ tid=0x/g)).toHaveLength(count + 1)
    // HotSpot lists the addresses of its Java threads before them.
    const listed = /elements=\{([^}]*)\}/.exec(text(name))?.[1]?.match(/0x[0-9a-f]+/g)
    const java = dump.threads.filter((thread) => thread.kind === 'java')
    expect(java.map((thread) => thread.vmAddress)).toEqual(listed)
    expect(java.map((thread) => thread.name)).toEqual(expect.arrayContaining(given))
  })

  test('every frame and every lock line belongs to a thread', () => {
    const own = text(name).slice(0, text(name).indexOf('JNI global refs'))
    const frames = dump.threads.flatMap((thread) => wholeStack(thread))
    expect(frames.length).toBe(own.match(/^\tat /gm)?.length)
    const locks = frames.reduce((sum, frame) => sum + (frame.locks?.length ?? 0), 0)
    const owned = dump.threads.reduce((sum, thread) => sum + thread.ownedSynchronizers.length, 0)
    expect(locks + owned).toBe(own.match(/^\t- (?!None)/gm)?.length)
    expect(owned).toBe(3)
  })

  test('both deadlocks', () => {
    expect(dump.deadlocks).toEqual([
      {
        threads: [
          expect.objectContaining({ name: 'dead-monitor-1', waitsFor: 'monitor', heldBy: 'dead-monitor-2' }),
          expect.objectContaining({ name: 'dead-monitor-2', className: 'java.lang.Object', heldBy: 'dead-monitor-1' }),
        ],
      },
      {
        threads: [
          expect.objectContaining({ name: 'dead-lock-1', waitsFor: 'synchronizer', heldBy: 'dead-lock-2' }),
          expect.objectContaining({
            name: 'dead-lock-2',
            object: expect.stringMatching(/^0x0/),
            heldBy: 'dead-lock-1',
          }),
        ],
      },
    ])
    const waiting = dump.threads.find((thread) => thread.name === 'dead-lock-1')
    expect(waiting?.frames[0]?.locks).toEqual([
      {
        action: 'parking to wait for',
        object: dump.deadlocks[1]?.threads[0]?.object,
        className: 'java.util.concurrent.locks.ReentrantLock$NonfairSync',
      },
    ])
  })

  test('states and figures', () => {
    const byName = (wanted: string) => dump.threads.find((thread) => thread.name === wanted)
    expect(byName('dead-monitor-1')).toMatchObject({
      state: 'BLOCKED',
      stateDetail: 'on object monitor',
      isDaemon: false,
    })
    expect(byName('taker')).toMatchObject({
      state: 'TIMED_WAITING',
      stateDetail: 'parking',
      status: 'waiting on condition',
    })
    expect(byName('имя 名前')).toMatchObject({
      state: 'TIMED_WAITING',
      stateDetail: 'sleeping',
      isDaemon: true,
      priority: 5,
    })
    expect(byName('VM Thread')).toMatchObject({ kind: 'vm', status: 'runnable', isDaemon: false, osPriority: 0 })
    expect(byName('busy "quoted" #1')?.cpuMs).toBeGreaterThan(1000)
    expect(byName('main')?.elapsedMs).toBeGreaterThan(4000)
    expect(dump.threads.every((thread) => thread.nid! > pid && thread.nid! < pid + 200)).toBe(true)
    expect(byName('class-blocked')?.frames[0]?.locks?.[0]).toMatchObject({ className: 'java.lang.Class for Dumpee' })
  })
})

test('a nid is the id of a task of the process, in hexadecimal or decimal', () => {
  const tasks = new Set(text('jdk25-stat.txt').match(/^\d+/gm)?.map(Number))
  const nids = dumpOf('jdk25-print-later.txt').threads.map((thread) => thread.nid!)
  expect(new Set(nids).size).toBe(nids.length)
  expect(nids.filter((nid) => !tasks.has(nid))).toEqual([])
  // All but the thread that only waits for main to end.
  expect([...tasks].filter((task) => !nids.includes(task))).toEqual([8947])
})

test('allocation, classes, compilers, collectors', () => {
  const { threads } = dumpOf('jdk25-print.txt')
  expect(threads.find((thread) => thread.name === 'main')).toMatchObject({
    allocatedBytes: 16968 * 1024,
    definedClasses: 1693,
    cpuMs: 284.7,
    elapsedMs: 4400,
  })
  const crafted = dumpOf('jdk8-crafted.txt')
  expect(crafted.threads.find((thread) => thread.name === 'C2 CompilerThread0')?.compiling).toContain(
    'shop.Cart::total',
  )
})

test('a thread that carries a virtual thread', () => {
  const old = dumpOf('jdk21-print.txt').threads.filter((thread) => thread.carries)
  expect(old.map((thread) => [thread.nid, thread.carries])).toEqual([
    [8829, { javaId: 51, frames: [] }],
    [8830, { javaId: 52, frames: [] }],
  ])
  const carrier = dumpOf('jdk25-print.txt').threads.find((thread) => thread.carries)!
  expect(carrier).toMatchObject({ name: 'ForkJoinPool-1-worker-2', nid: 8994, carries: { javaId: 55 } })
  expect(carrier).not.toHaveProperty('state')
  const stack = wholeStack(carrier).map((frame) => frame.method)
  expect(stack[0]).toBe('Dumpee.lambda$main$16')
  expect(stack[7]).toBe('jdk.internal.vm.Continuation.run')
})

test('several dumps in the output of a program, up to their heap summaries', () => {
  const { dumps, losses } = parseHotspotThreads(read('jdk17-console.txt'))
  expect(losses).toEqual([])
  expect(dumps.map(({ time, threads, deadlocks }) => [time, threads.length, deadlocks.length])).toEqual([
    ['2026-11-21 02:34:55', 45, 2],
    ['2026-11-21 02:34:57', 45, 2],
  ])
  expect(dumps.map((dump) => dump.heap?.split('\n').length)).toEqual([4, 4])
  expect(dumpTimeMs(dumps[1]!)! - dumpTimeMs(dumps[0]!)!).toBe(2000)
  const profile = threadDumpProfile({ dumps, losses })
  expect([...new Set(profile.samples.offsetMs)]).toEqual([0, 2000])
  expect(profile.durationNanos).toBe(2_000_000_000n)
})

test('JDK 8: names of collectors, global references, decimal suffix of lambdas, an application log behind', () => {
  const { dumps, losses } = parseHotspotThreads(read('jdk8-crafted.txt'))
  expect(losses).toEqual([])
  const dump = dumps[0]!
  expect(dump.threads.map((thread) => thread.name)).toEqual([
    'Attach Listener',
    'pool-1-thread-1',
    'Thread-1',
    'C2 CompilerThread0',
    'main',
    'VM Thread',
    'GC task thread#0 (ParallelGC)',
    'GC task thread#1 (ParallelGC)',
    'VM Periodic Task Thread',
  ])
  expect(dump.threads[1]).toEqual({
    kind: 'java',
    name: 'pool-1-thread-1',
    javaId: 10,
    nid: 0x1f,
    isDaemon: false,
    priority: 5,
    osPriority: 0,
    vmAddress: '0x00007f2cb8123000',
    status: 'waiting for monitor entry',
    state: 'BLOCKED',
    stateDetail: 'on object monitor',
    frames: [
      {
        method: 'shop.Cart$$Lambda$1/791452441.run',
        locks: [
          { action: 'waiting to lock', object: '0x00000000d5f00a18', className: 'java.lang.Object' },
          { action: 'locked', object: '0x00000000d5f00a28', className: 'java.lang.Object' },
        ],
      },
      { method: 'java.util.concurrent.ThreadPoolExecutor$Worker.run', file: 'ThreadPoolExecutor.java', line: 624 },
      { method: 'java.lang.Thread.run', file: 'Thread.java', line: 750 },
    ],
    ownedSynchronizers: [
      { address: '0x00000000d5f01230', className: 'java.util.concurrent.ThreadPoolExecutor$Worker' },
    ],
  })
  expect(dump).toMatchObject({ jniGlobalRefs: 18, heap: expect.stringContaining('PSYoungGen') })
  expect(dump.threads.flatMap((thread) => thread.frames).some((frame) => frame.method === 'shop.Cart.fail')).toBe(false)
})

describe('dump to file', () => {
  test.each([21, 25])('JDK %i: text and JSON name the same threads, virtual ones too', (version) => {
    const file = parseThreadFile(read(`jdk${version}-dump-to-file.txt`))
    const json = parseThreadJson(read(`jdk${version}-dump-to-file.json`))
    expect([file.losses, json.losses]).toEqual([[], []])
    const facts = (dump: ThreadDump) => dump.threads.map(({ javaId, name, kind }) => [javaId, name, kind])
    expect(facts(file.dumps[0]!).sort()).toEqual(facts(json.dumps[0]!).sort())
    const virtual = file.dumps[0]!.threads.filter((thread) => thread.kind === 'virtual')
    expect(virtual.map((thread) => thread.name).sort()).toEqual([
      'virtual-busy',
      'virtual-parked-0',
      'virtual-parked-1',
      'virtual-parked-2',
      'virtual-parked-3',
      'virtual-parked-4',
      'virtual-pinned',
    ])
    expect(virtual.find((thread) => thread.name === 'virtual-pinned')?.frames.at(-1)).toMatchObject({
      method: 'java.lang.VirtualThread.run',
      module: 'java.base',
    })
    const frames = file.dumps[0]!.threads.reduce((sum, thread) => sum + thread.frames.length, 0)
    expect(frames).toBe(text(`jdk${version}-dump-to-file.txt`).match(/^ +(at )?[^- ][^(]*\([^)]*\)$/gm)?.length)
    expect(matchesThreadFile(read(`jdk${version}-dump-to-file.txt`).subarray(0, 4096))).toBe(true)
    expect(matchesThreadJson(read(`jdk${version}-dump-to-file.json`).subarray(0, 4096))).toBe(true)
  })

  test('locks and carriers of JDK 25', () => {
    const { threads } = parseThreadJson(read('jdk25-dump-to-file.json')).dumps[0]!
    const blocked = threads.find((thread) => thread.name === 'dead-monitor-1')
    expect(blocked?.state).toBe('BLOCKED')
    expect(blocked?.frames[0]?.locks).toEqual([
      { action: 'locked', object: expect.stringMatching(/^java\.lang\.Object@/), className: 'java.lang.Object' },
      {
        action: 'waiting to lock',
        object: expect.stringMatching(/^java\.lang\.Object@/),
        className: 'java.lang.Object',
      },
    ])
    expect(threads.find((thread) => thread.name === 'virtual-busy')?.carrierId).toBe(51)
  })

  test('a thread whose first line cannot be read takes nothing from the others', () => {
    const whole = text('jdk25-dump-to-file.txt')
    const [, second, third] = [...whole.matchAll(/^#\d+ ".*$/gm)]
    const strange = `${whole.slice(0, second!.index)}#7 "x" strange\n${whole.slice(third!.index)}`
    const { dumps, losses } = parseThreadFile(utf8(strange))
    const all = parseThreadFile(read('jdk25-dump-to-file.txt')).dumps[0]!.threads
    expect(dumps[0]!.threads).toEqual([all[0], ...all.slice(2)])
    expect(losses).toEqual([{ what: 'lines inside a thread dump that are not part of it', count: 1 }])
    const json = text('jdk25-dump-to-file.json').replace(/"[^"]*Object\.wait0\([^"]*"/, '"strange"')
    expect(parseThreadJson(utf8(json)).losses).toEqual([{ what: 'frames that are not of the known form', count: 1 }])
  })

  test('what is neither', () => {
    expect(() => parseThreadFile(utf8('a\nb\nc\n'))).toThrow('first three lines')
    expect(() => parseThreadJson(utf8('{"threadDump":{}}'))).toThrow('threadContainers')
    expect(() => parseThreadJson(utf8('{'))).toThrow('Not JSON')
  })
})

test('a dump that was cut off, and lines that do not belong, are counted', () => {
  const whole = text('jdk8-crafted.txt')
  const cut = parseHotspotThreads(utf8(whole.slice(0, whole.indexOf('tid=0x00007f2cb8121000'))))
  expect(cut.dumps[0]?.threads).toHaveLength(2)
  expect(cut.losses).toEqual([{ what: 'threads whose first line could not be read', count: 1 }])
  const noisy = parseHotspotThreads(utf8(whole.replace('   Locked ownable', '12:00 log line\n   Locked ownable')))
  expect(noisy.dumps[0]?.threads).toHaveLength(9)
  expect(noisy.losses).toEqual([{ what: 'lines inside a thread dump that are not part of it', count: 1 }])
  expect(() => parseHotspotThreads(utf8('nothing'))).toThrow('Full thread dump')
  expect(matchesHotspotThreads(read('jdk25-print.txt').subarray(0, 4096))).toBe(true)
})

test('a dump that ends before all the threads that it lists', () => {
  const whole = text('jdk17-print.txt')
  const cut = parseHotspotThreads(utf8(whole.slice(0, whole.indexOf('"dead-lock-1" #'))))
  const [dump] = cut.dumps
  const java = dump!.threads.filter(({ kind }) => kind === 'java')
  const listed = Number(/_java_thread_list=\S+, length=(\d+)/.exec(whole)![1])
  expect(java.length).toBeLessThan(listed)
  expect(cut.losses).toEqual([
    { what: 'threads that a dump lists and does not have: it was cut off', count: listed - java.length, isCut: true },
  ])
})

test('a thread whose first line cannot be read is none, and the next one is read', () => {
  const whole = dumpOf('jdk25-print.txt').threads
  const strange = text('jdk25-print.txt').replace(/^"VM Thread" .*$/m, '"VM Thread" strange')
  const { dumps, losses } = parseHotspotThreads(utf8(strange))
  expect(dumps[0]!.threads).toEqual(whole.filter(({ name }) => name !== 'VM Thread'))
  expect(losses).toEqual([{ what: 'threads whose first line could not be read', count: 1 }])
})

test('a decimal comma, as HotSpot prints under LC_NUMERIC=de_DE', () => {
  const german = text('jdk21-print.txt').replaceAll(/ (cpu|elapsed)=(\d+)\.(\d+)/g, ' $1=$2,$3')
  const figures = ({ dumps, losses }: ReturnType<typeof parseHotspotThreads>) => [
    dumps[0]!.threads.map(({ cpuMs, elapsedMs }) => [cpuMs, elapsedMs]),
    losses,
  ]
  expect(figures(parseHotspotThreads(utf8(german)))).toEqual(figures(parseHotspotThreads(read('jdk21-print.txt'))))
})

test('what a program says of its own threads: Spring Boot, VisualVM', () => {
  const { dumps, losses } = parseHotspotThreads(
    utf8(`2026-11-21 15:04:05
Full thread dump OpenJDK 64-Bit Server VM (21.0.3+9-LTS mixed mode, sharing):

"Reference Handler" - Thread t@9
   java.lang.Thread.State: RUNNABLE
\tat java.base@21.0.3/java.lang.ref.Reference.waitForReferencePendingList(Native Method)

   Locked ownable synchronizers:
\t- None

"cart "7" - Thread t@1" - Thread t@27
   java.lang.Thread.State: BLOCKED
\tat app//shop.Cart.total(Cart.java:17)
\t- waiting to lock <1a9c1d49> (a java.lang.Object) owned by "cart-8" t@28
\t- locked <5e0> (a shop.Cart)
\tat java.base@21.0.3/java.lang.Thread.run(Thread.java:1583)

   Locked ownable synchronizers:
\t- Locked <7b2d> (a java.util.concurrent.ThreadPoolExecutor$Worker)

`),
  )
  expect(losses).toEqual([])
  expect(dumps[0]).toMatchObject({ time: '2026-11-21 15:04:05', deadlocks: [] })
  expect(dumps[0]!.threads.map(({ name, javaId, state, frames }) => [name, javaId, state, frames.length])).toEqual([
    ['Reference Handler', 9, 'RUNNABLE', 1],
    ['cart "7" - Thread t@1', 27, 'BLOCKED', 2],
  ])
  expect(dumps[0]!.threads[1]).toMatchObject({
    frames: [
      {
        method: 'shop.Cart.total',
        locks: [
          { action: 'waiting to lock', object: '1a9c1d49', className: 'java.lang.Object' },
          { action: 'locked', object: '5e0', className: 'shop.Cart' },
        ],
      },
      { method: 'java.lang.Thread.run', module: 'java.base@21.0.3', line: 1583 },
    ],
    ownedSynchronizers: [{ address: '7b2d', className: 'java.util.concurrent.ThreadPoolExecutor$Worker' }],
  })
})

test('a profile has one sample per thread with a stack', () => {
  const dumps = parseHotspotThreads(read('jdk25-print.txt'))
  const { samples, losses, labelSets, strings, functions, comments, timeNanos } = threadDumpProfile(dumps)
  const withStack = dumps.dumps[0]!.threads.filter((thread) => wholeStack(thread).length > 0)
  expect(samples.length).toBe(withStack.length)
  expect(losses).toEqual([{ what: 'threads without a Java stack', count: 48 - withStack.length }])
  const busy = withStack.findIndex((thread) => thread.name === 'busy "quoted" #1')
  expect(labelSets[samples.labels[busy]!]).toEqual([
    { key: 'comm', str: 'busy "quoted" #1' },
    { key: 'daemon', str: 'true' },
    { key: 'java_thread', num: 29n },
    { key: 'state', str: 'RUNNABLE' },
    { key: 'tid', num: 8974n },
  ])
  const lambda = Array.from({ length: functions.length }, (_, i) => [
    strings.get(functions.name[i]!),
    strings.get(functions.systemName[i]!),
  ]).find(([, systemName]) => systemName === 'Dumpee$$Lambda/0x00000000701428a0.run')
  expect(lambda?.[0]).toBe('Dumpee$$Lambda.run')
  expect(comments).toContain('deadlock: dead-lock-1 → dead-lock-2')
  expect(timeNanos).toBe(BigInt(Date.UTC(2026, 10, 21, 2, 35, 26)) * 1_000_000n)
})

test('text for people', () => {
  const printed = printThreadDumps(parseHotspotThreads(read('jdk25-print.txt')))
  expect(printed).toContain('48 threads: ')
  expect(printed).toMatch(/DEADLOCK\n {2}"dead-lock-1" waits for java.util\S+ 0x\S+ held by "dead-lock-2"/)
  expect(printed).toMatch(
    /\n4 threads · WAITING \(parking\) · cpu \d+ ms · "pool-1-thread-1", "pool-1-thread-2", "pool-1-thread-3"/,
  )
  expect(printed).toContain('"name\\nwith newline"')
})

test('frames of all makes', () => {
  expect(parseJavaFrame('java.lang.Thread.sleep(java.base@17.0.15/Native Method)')).toEqual({
    method: 'java.lang.Thread.sleep',
    module: 'java.base@17.0.15',
    isNative: true,
  })
  expect(parseJavaFrame('app//shop.Cart.<init>(Cart.java:12)')).toEqual({
    method: 'shop.Cart.<init>',
    module: 'app',
    file: 'Cart.java',
    line: 12,
  })
  expect(parseJavaFrame('loader/shop@1/shop.Cart$$Lambda/0x0123abc.run(Unknown Source)')).toEqual({
    method: 'shop.Cart$$Lambda/0x0123abc.run',
    module: 'loader/shop@1',
  })
  expect(parseJavaFrame('shop.core$fn__1.invoke(core.clj)')).toEqual({
    method: 'shop.core$fn__1.invoke',
    file: 'core.clj',
  })
  expect(parseJavaFrame('(Cart.java:12)')).toBeUndefined()
  expect(parseJavaFrame('not a frame')).toBeUndefined()
  expect(stableMethodName('shop.Cart$$Lambda$82/0x00000001000efc40.run')).toBe('shop.Cart$$Lambda.run')
  expect(stableMethodName('java.lang.invoke.LambdaForm$MH/0x01.invoke')).toBe('java.lang.invoke.LambdaForm$MH.invoke')
})

test('lock lines of all makes', () => {
  const object = '0x00000000f0'
  expect(parseFrameLock(`- waiting to re-lock in wait() <${object}> (a shop.Cart)`)).toEqual({
    action: 'waiting to re-lock in wait()',
    object,
    className: 'shop.Cart',
  })
  expect(parseFrameLock('- waiting on <no object reference available>')).toEqual({ action: 'waiting on' })
  expect(parseFrameLock('- eliminated <owner is scalar replaced> (a shop.Cart)')).toEqual({
    action: 'eliminated',
    className: 'shop.Cart',
  })
  expect(parseFrameLock('- waiting on the Class initialization monitor for shop.Cart')).toEqual({
    action: 'waiting on',
    className: 'class initialization of shop.Cart',
  })
  expect(parseFrameLock('- None')).toBeUndefined()
})
