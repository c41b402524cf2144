// Goroutine dumps of Go 1.19 and 1.26 against what `go tool pprof` reads from the same files.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Goroutine, goroutineStates, groupGoroutines } from './goroutines.ts'
import { matchesCountedGoroutines, parseCountedGoroutines } from './goroutines-counted.ts'
import { parseGoLabels } from './goroutines-labels.ts'
import { goroutineProfile } from './goroutines-profile.ts'
import { matchesGoroutineStacks, parseGoroutineStacks } from './goroutines-stacks.ts'
import { printGoroutineDump } from './goroutines-text.ts'
import type { Profile } from './profile.ts'

const folder = new URL('../../test/fixtures/goroutines/', import.meta.url)
const read = (name: string): Uint8Array => readFileSync(new URL(name, folder))
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Samples of a profile as `value: address address …` with leaf first, sorted. */
function samplesByAddress({ samples, stacks, locations }: Profile): string[] {
  return Array.from({ length: samples.length }, (_, i) => {
    const stack = samples.stack[i]!
    const rows = [...stacks.locations.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])]
    const addresses = rows.map((location) => `0x${locations.address[location]!.toString(16)}`)
    return `${samples.values[0]![i]}: ${addresses.join(' ')}`
  }).sort()
}

/** The same of `go tool pprof -raw`; addresses of 0 - 1 are the padding of unused slots. */
function samplesOfPprofRaw(text: string): string[] {
  const addresses = new Map([...text.matchAll(/^ +(\d+): (0x[0-9a-f]+) M=/gm)].map(([, id, address]) => [id, address]))
  return [...text.matchAll(/^ +(\d+): ((?:\d+ )+)$/gm)]
    .map(([, value, ids = '']) => {
      const stack = ids
        .trim()
        .split(' ')
        .map((id) => addresses.get(id))
      return `${value}: ${stack.filter((address) => address !== '0xffffffffffffffff').join(' ')}`
    })
    .sort()
}

/** Function names per location, leaf first, for each sample. */
function names({ samples, stacks, locations, lines, functions, strings }: Profile): string[][] {
  return Array.from({ length: samples.length }, (_, i) => {
    const stack = samples.stack[i]!
    return [...stacks.locations.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])].flatMap((location) =>
      [...lines.function.subarray(locations.lineOffsets[location], locations.lineOffsets[location + 1])].map((fn) =>
        strings.get(functions.name[fn]!),
      ),
    )
  })
}

describe('debug=1', () => {
  test.each(['go1.19-debug1', 'go1.26-debug1', 'go1.26-threadcreate-debug1'])(
    '%s has the stacks of go tool pprof',
    (name) => {
      const profile = goroutineProfile(parseCountedGoroutines(read(`${name}.txt`)))
      expect(samplesByAddress(profile)).toEqual(samplesOfPprofRaw(new TextDecoder().decode(read(`${name}.pprof-raw`))))
      expect(profile.losses).toEqual([])
    },
  )

  test('names, places, inlined calls and hidden frames', () => {
    const dump = parseCountedGoroutines(read('go1.19-debug1.txt'))
    expect(dump).toMatchObject({ form: 'counted', of: 'goroutine', total: 9, goroutines: [] })
    expect(dump.groups[0]).toEqual({
      count: 2,
      pcs: [0x4399d6, 0x44a85e, 0x44a835, 0x465a65, 0x47b2a5, 0x66ccb9, 0x66ccba, 0x469761],
      labels: {},
      ids: [],
      frames: [
        {
          function: 'sync.runtime_SemacquireMutex',
          file: '/usr/lib/go-1.19/src/runtime/sema.go',
          line: 77,
          pc: 0x465a64,
        },
        { function: 'sync.(*Mutex).lockSlow', file: '/usr/lib/go-1.19/src/sync/mutex.go', line: 171, pc: 0x47b2a4 },
        { function: 'sync.(*Mutex).Lock', file: '/usr/lib/go-1.19/src/sync/mutex.go', line: 90, pc: 0x66ccb8 },
        { function: 'main.locker', file: '/home/app/goapp/main.go', line: 9, pc: 0x66ccb9 },
      ],
    })
    expect(names(goroutineProfile(dump))[0]).toEqual([
      '[runtime, not printed]',
      '[runtime, not printed]',
      '[runtime, not printed]',
      'sync.runtime_SemacquireMutex',
      'sync.(*Mutex).lockSlow',
      'sync.(*Mutex).Lock',
      'main.locker',
      'runtime.goexit',
    ])
  })

  test('labels of the program are labels of the samples', () => {
    const { samples, labelSets } = goroutineProfile(parseCountedGoroutines(read('go1.26-debug1.txt')))
    const labeled = [...samples.labels].findIndex((set) => set > 0)
    expect(samples.values[0]![labeled]).toBe(3n)
    expect(labelSets[samples.labels[labeled]!]).toEqual([
      { key: 'handler', str: '/a b"]:' },
      { key: 'id', str: '7' },
      { key: 'umlaut', str: 'ü\n' },
    ])
  })

  test('the visible frames are those of debug=0, which prints all', () => {
    const raw = new TextDecoder().decode(read('go1.26-debug0.pprof-raw'))
    const functions = new Map(
      [...raw.matchAll(/^ +(\d+): 0x[0-9a-f]+ M=\d+ (.*(?:\n {10,}.*)*)/gm)].map(([, id, text = '']) => [
        id,
        // Only debug=0 tells what a generic function was made for.
        text.split('\n').map((line) =>
          line
            .trim()
            .split(' ')[0]!
            .replace(/\[.*\]/, '[...]'),
        ),
      ]),
    )
    const all = [...raw.matchAll(/^ +(\d+): ((?:\d+ )+)$/gm)].map(([, value, ids = '']) => {
      const stack = ids
        .trim()
        .split(' ')
        .flatMap((id) => functions.get(id) ?? [])
      const shown = stack.findIndex((name) => !/^(internal\/)?runtime[./]/.test(name) || /^runtime\/pprof/.test(name))
      return `${value} ${stack.slice(Math.max(shown, 0)).join(';')}`
    })
    const profile = goroutineProfile(parseCountedGoroutines(read('go1.26-debug1.txt')))
    const ours = names(profile).map((stack, i) => {
      const shown = stack.filter((name) => name !== '[runtime, not printed]' && name !== 'runtime.goexit')
      return `${profile.samples.values[0]![i]} ${shown.join(';')}`
    })
    // The goroutine that writes the dump and the one that spins moved on between the two dumps.
    const still = ours.filter((stack) => !/main\.(dump|spin)/.test(stack))
    expect(still.length).toBe(20)
    expect(all).toEqual(expect.arrayContaining(still))
  })

  test('counts what does not belong and what is missing', () => {
    const text = 'goroutine profile: total 3\n1 @ 0x1\n#\t0x0\tmain.f+0x1\tm.go:3\n2026/11/21 log line\n'
    const dump = parseCountedGoroutines(utf8(text))
    expect(dump.losses).toEqual([
      { what: 'lines that are not part of a goroutine dump', count: 1 },
      { what: 'goroutines that the header counts but no stack follows', count: 2, isCut: true },
    ])
    const strange =
      'goroutine profile: total 3\n2 @ 0x1\n#\t0x0\tmain.f+0x1\tm.go:3\n1 @ 0xzz\n#\t0x9\tmain.g+0x1\tm.go:9\n'
    const [group] = parseCountedGoroutines(utf8(strange)).groups
    expect(group?.frames.map((frame) => frame.function)).toEqual(['main.f'])
    expect(() => parseCountedGoroutines(utf8('hello\n'))).toThrow('total N')
    expect(matchesCountedGoroutines(utf8('heap profile: 3: 240 [5: 400] @ heap/524288'))).toBe(false)
  })
})

describe('debug=2, panics and signals', () => {
  test.each([
    ['go1.19-debug2.txt', 10, undefined],
    ['go1.26-debug2-labels.txt', 28, undefined],
    ['go1.26-debug2-minutes.txt', 27, undefined],
    ['go1.26-debug2-synctest.txt', 6, undefined],
    ['go1.26-panic.txt', 1, 'panic: runtime error: invalid memory address'],
    ['go1.26-fatal.txt', 35, 'fatal error: concurrent map writes'],
    ['go1.26-sigquit-system.txt', 35, 'SIGQUIT: quit'],
    ['go1.26-stack-overflow.txt', 34, 'runtime: goroutine stack exceeds 65536-byte limit'],
  ])('%s: every header is a goroutine, every line of a stack is read', (name, count, reason) => {
    const bytes = read(name)
    expect(matchesGoroutineStacks(bytes.subarray(0, 4096))).toBe(true)
    const dump = parseGoroutineStacks(bytes)
    const text = new TextDecoder().decode(bytes)
    expect(dump.total).toBe(count)
    expect(dump.total).toBe(text.match(/^goroutine \d+ /gm)?.length)
    expect(dump.reason?.split('\n')[0]?.startsWith(reason ?? '')).toBe(reason === undefined ? undefined : true)
    // Each place line (tab, file, line) belongs to one frame or creator; those of the system stack stand before.
    const stacks = text.slice(text.search(/^goroutine \d+ /m))
    const places = stacks.match(/^\t.*:\d+/gm)?.length
    const frames = dump.goroutines.reduce((sum, g) => sum + g.frames.length + (g.createdBy ? 1 : 0), 0)
    expect(frames).toBe(places)
    expect(dump.losses.map((loss) => loss.what)).toEqual(
      /elided/.test(text) ? ['frames that Go left out of deep stacks'] : [],
    )
    expect(goroutineProfile(dump).samples.length).toBe(count)
  })

  test('header words', () => {
    const { goroutines } = parseGoroutineStacks(read('go1.26-debug2-labels.txt'))
    expect(goroutines.find((g) => g.isLockedToThread)?.state).toBe('chan receive')
    expect(goroutines.filter((g) => g.labels.handler === '/a b"]:')).toHaveLength(3)
    const old = parseGoroutineStacks(read('go1.26-debug2-minutes.txt'))
    expect(old.goroutines.find((g) => g.state === 'select (no cases)')?.waitMinutes).toBe(2)
    expect(old.groups[0]).toMatchObject({ count: 5, maxWaitMinutes: 2, state: 'chan receive' })
    expect(goroutineStates(old)[0]).toEqual({ state: 'chan receive', count: 12 })
    const bubble = parseGoroutineStacks(read('go1.26-debug2-synctest.txt')).goroutines.at(-1)
    expect(bubble).toMatchObject({ state: 'select (durable)', notes: ['synctest bubble 1'] })
  })

  test('frames: generic and inlined calls, arguments, addresses, creators, what was left out', () => {
    const { goroutines } = parseGoroutineStacks(read('go1.26-sigquit-system.txt'))
    const waiting = goroutines.find((g) => g.frames.some((frame) => frame.function === 'main.(*pair[...]).wait'))
    expect(waiting?.frames.find((frame) => frame.function === 'main.(*pair[...]).wait')).toEqual({
      function: 'main.(*pair[...]).wait',
      file: 'example.com/dumpee/main.go',
      line: 23,
      args: '...',
      isInlined: true,
    })
    expect(waiting?.frames[0]).toMatchObject({ function: 'runtime.gopark', args: '0x0?, 0x0?, 0x0?, 0x0?, 0x0?' })
    expect(waiting?.frames[0]?.pc).toBeGreaterThan(0x400000)
    expect(waiting?.createdBy).toMatchObject({ function: 'main.main', goroutine: 1, line: 62 })
    expect(goroutines.find((g) => g.elided)?.elided).toEqual({ at: 50, count: 106 })
  })

  test('what the runtime prints when it cannot walk a stack, and C code', () => {
    // After the grammar of runtime/traceback.go: neither happens on demand.
    const dump = parseGoroutineStacks(
      utf8(
        [
          'panic: boom',
          '',
          'goroutine 7 [running]:',
          '\tgoroutine running on other thread; stack unavailable',
          'created by main.main',
          '\t/app/main.go:4 +0x1d',
          '',
          'goroutine 8 [syscall, 3 minutes]:',
          'non-Go function',
          '\tpc=0x7f12',
          'C.puts',
          '\t/src/my file.c:12 pc=0x99',
          'main.main()',
          '\t/app/main.go:9 +0x39',
          'exit status 2',
          '',
        ].join('\n'),
      ),
    )
    expect(dump.goroutines[0]).toMatchObject({
      missing: 'goroutine running on other thread; stack unavailable',
      frames: [],
    })
    expect(dump.goroutines[1]?.frames).toEqual([
      { function: 'non-Go function', pc: 0x7f12 },
      { function: 'C.puts', file: '/src/my file.c', line: 12, pc: 0x99 },
      { function: 'main.main', file: '/app/main.go', line: 9, args: '' },
    ])
    expect(dump.losses).toEqual([{ what: 'goroutines whose stack was not to be had', count: 1 }])
    expect(names(goroutineProfile(dump))[0]).toEqual(['[goroutine running on other thread; stack unavailable]'])
  })

  test('a dump that was cut off keeps what there was', () => {
    const bytes = read('go1.19-debug2.txt')
    const dump = parseGoroutineStacks(bytes.subarray(0, 5000 - 30))
    expect(dump.total).toBeGreaterThan(5)
    expect(() => parseGoroutineStacks(utf8('no dump'))).toThrow('no `goroutine N')
  })
})

test('a dump that was cut off within a line: Go stops at 64 MB', () => {
  const whole = new TextDecoder().decode(read('go1.26-debug2-labels.txt'))
  const frame = whole.lastIndexOf('\n\t')
  const cutAt = (at: number) => parseGoroutineStacks(utf8(whole.slice(0, at))).losses.filter(({ isCut }) => isCut)
  const cut = [{ what: 'frames whose second line is missing: the dump was cut off', count: 1, isCut: true }]
  expect(cutAt(frame - 3)).toEqual(cut)
  expect(cutAt(frame)).toEqual(cut)
  expect(cutAt(whole.length - 1)).toEqual([])
  expect(cutAt(whole.length)).toEqual([])
})

test('groups differ by state, labels and place, not by arguments or ids', () => {
  const goroutine = (id: number, rest: Partial<Goroutine>): Goroutine => ({
    id,
    state: 'select',
    isLockedToThread: false,
    notes: [],
    labels: {},
    frames: [{ function: 'f', args: `${id}`, file: 'f.go', line: 1 }],
    ...rest,
  })
  const groups = groupGoroutines([
    goroutine(1, {}),
    goroutine(2, { waitMinutes: 9 }),
    goroutine(3, { labels: { k: 'v' } }),
    goroutine(4, { state: 'running' }),
  ])
  expect(groups.map(({ count, ids, maxWaitMinutes }) => [count, ids, maxWaitMinutes])).toEqual([
    [2, [1, 2], 9],
    [1, [3], undefined],
    [1, [4], undefined],
  ])
})

test('Go string literals', () => {
  expect(parseGoLabels(String.raw`{"a":"\x00\101\u00fc\U0001f600\t\"\\", "b": "\xff"}`)).toEqual({
    a: '\0Aü😀\t"\\',
    b: '\ufffd',
  })
  expect(parseGoLabels('{}')).toEqual({})
  expect(parseGoLabels('{"a":1}')).toBeUndefined()
  expect(parseGoLabels('{"__proto__":"x"}')).toEqual(JSON.parse('{"__proto__":"x"}'))
})

test('text for people', () => {
  const text = printGoroutineDump(parseGoroutineStacks(read('go1.26-debug2-labels.txt')))
  expect(text).toContain('28 goroutines: 12 chan receive, 2 sync.Mutex.Lock')
  expect(text).toMatch(
    /\n5 goroutines · chan receive\n {4}main\.main\.func1 +example\.com\/dumpee\/main\.go:60\n {2}created by main\.main/,
  )
  expect(text).toMatch(/main\.recurse +example\.com\/dumpee\/main\.go:44 \(49 times\)\n {4}… 101 frames left out by Go/)
  expect(text).toContain('handler="/a b\\"]:"')
  expect(text).toContain('lost: 101 frames that Go left out of deep stacks')
})
