// pprof's older text forms, still what Go serves at ?debug=1 and what gperftools writes: heap, contention (mutex, block)
// and threads. Goroutines and threadcreate are in goroutines-counted.ts.
//
//   heap profile: 5: 8736 [3811: 5558528] @ heap/1048576        in use: objects: bytes [allocated: the same] @ kind/rate
//   2: 8192 [1015: 4157440] @ 0x66cd39 0x469761
//   #	0x66cd38	main.alloc+0x38	/home/app/main.go:10           the name of a call; only Go writes such lines
//
//   --- mutex:
//   cycles/second=2100001907
//   sampling period=1
//   322247657554 65177 @ 0x66cce7 0x66ccba 0x469761             cycles, times
//
//   --- threadz 1 ---
//   --- Thread 7f0c (name: worker/31) stack: ---
//     PC: 0x40f1 0x4120
//     [same as previous thread]
//
//   MAPPED_LIBRARIES:
//   00400000-0040b000 r-xp 00000000 08:01 1234 /bin/app
//
// Values come out as `go tool pprof` reads them: sampled sizes are scaled up, cycles become nanoseconds, return
// addresses become those of the calls. The names of # lines, which pprof passes over, are kept.
import { Failure } from '../model/errors.ts'
import { ProfileBuilder } from './builder.ts'
import { type LegacySymbol, parseMapping, parseSymbol } from './pprof-legacy-lines.ts'
import type { Label, Mapping, Profile, ValueType } from './profile.ts'
import { headText, linesOf } from './text-lines.ts'

const heapHeader =
  /heap profile: *\d+: *\d+ *\[ *\d+: *\d+ *\] *@ *(?:heap[_a-z0-9]*(?:\/\d*)?|growthz?|fragmentationz?)/
const contentionHeader = /^--- (?:contentionz |mutex:|contention:)/
const threadHeader = /^--- threadz \d+ ---|^--- Thread [0-9a-fA-F]+ \(name: .*\/\d+\) stack: ---/

export function matchesLegacyPprof(head: Uint8Array): boolean {
  const first = headText(head.subarray(0, 4096))
    .split('\n')
    .find((line) => line.trim() !== '' && !line.startsWith('#'))
  return first !== undefined && (heapHeader.test(first) || contentionHeader.test(first) || threadHeader.test(first))
}

/** @throws Failure NOT_A_PROFILE when the first line is none of the three headers */
export function parseLegacyPprof(bytes: Uint8Array): Profile {
  const reader = new LegacyReader()
  for (const line of linesOf(bytes)) reader.readLine(line)
  return reader.build()
}

interface Sample {
  readonly values: bigint[]
  readonly addresses: bigint[]
  readonly labels: readonly Label[]
}

/** How the lines of a section are read. */
type Section = (line: string) => void

class LegacyReader {
  private section: Section = (line) => this.readFirst(line)
  private types: readonly ValueType[] = []
  private periodType: ValueType | undefined
  private period = 0n
  private durationNanos = 0n
  private readonly samples: Sample[] = []
  /** Names by address of the call, innermost inlined call first. */
  private readonly symbols = new Map<bigint, LegacySymbol[]>()
  private readonly mappings: Mapping[] = []
  private strangeLines = 0
  /** What the program itself could not keep. */
  private discarded = 0

  readLine(raw: string): void {
    const line = raw.trim()
    if (line.includes('--- Memory map: ---') || line.includes('MAPPED_LIBRARIES:')) {
      this.section = (mapping) => this.readMapping(mapping)
    } else if (line.startsWith('#')) this.readComment(line)
    else if (line !== '') this.section(line)
  }

  private readFirst(line: string): void {
    if (heapHeader.test(line)) this.beginHeap(line)
    else if (contentionHeader.test(line)) this.beginContention()
    else if (threadHeader.test(line)) this.beginThreads(line)
    else throw new Failure('NOT_A_PROFILE', 'The first line is none of an older pprof file.')
  }

  private beginHeap(line: string): void {
    const [, inUse, inUseBytes, allocated, allocatedBytes, kind = '', rate = ''] =
      /(\d+): *(\d+) *\[ *(\d+): *(\d+) *\] *@ *([a-z_0-9]+)\/?(\d*)/.exec(line) ?? []
    const hasAllocated =
      (allocated !== inUse && allocated !== '0') || (allocatedBytes !== inUseBytes && allocatedBytes !== '0')
    this.periodType = { type: 'space', unit: 'bytes' }
    // Go writes twice the rate, for gperftools' older form counted allocations and frees.
    const isSampled = /^heap(z?_v2)?$/.test(kind)
    this.period = !isSampled ? 1n : kind === 'heap' ? int64(rate || '0') / 2n : int64(rate || '0')
    const pair = (prefix: string): ValueType[] => [
      { type: `${prefix}objects`, unit: 'count' },
      { type: `${prefix}space`, unit: 'bytes' },
    ]
    const isHeap = kind.startsWith('heap')
    // What is in use comes last, so that it is shown first.
    this.types = isHeap && hasAllocated ? [...pair('alloc_'), ...pair('inuse_')] : pair('')
    this.section = (sample) => this.readHeapSample(sample, { isSampled, hasAllocated: this.types.length === 4 })
  }

  private readHeapSample(
    line: string,
    { isSampled, hasAllocated }: { isSampled: boolean; hasAllocated: boolean },
  ): void {
    const match = /^(-?\d+): *(-?\d+) *\[ *(\d+): *(\d+) *\] @([ x0-9a-f]*)/.exec(line)
    if (!match) {
      this.strangeLines++
      return
    }
    const [, inUse, inUseBytes, allocated, allocatedBytes, stack = ''] = match
    const values: bigint[] = []
    let blockBytes = 0n
    const add = (count: bigint, size: bigint): void => {
      if (count !== 0n) blockBytes = size / count
      values.push(...(isSampled && count !== 0n ? scaleSample(count, size, this.period) : [count, size]))
    }
    if (hasAllocated) add(int64(allocated), int64(allocatedBytes))
    add(int64(inUse), int64(inUseBytes))
    this.samples.push({ values, addresses: callAddresses(stack), labels: [{ key: 'bytes', num: blockBytes }] })
  }

  private beginContention(): void {
    this.periodType = { type: 'contentions', unit: 'count' }
    this.period = 1n
    this.types = [
      { type: 'contentions', unit: 'count' },
      { type: 'delay', unit: 'nanoseconds' },
    ]
    let hertz = 0n
    this.section = (line) => {
      const [name = '', text = ''] = line.split('=', 2).map((part) => part.trim())
      // 18 digits are below 2^63.
      const value = /^\d{1,18}$/.test(text) ? BigInt(text) : 0n
      if (name === 'cycles/second') hertz = value
      else if (name === 'sampling period') this.period = value
      else if (name === 'ms since reset') this.durationNanos = value * 1_000_000n
      else if (name === 'discarded samples') this.discarded += Number(value)
      else this.readContention(line, hertz)
    }
  }

  private readContention(line: string, hertz: bigint): void {
    const match = /^(\d+) +(\d+) @([ x0-9a-f]*)/.exec(line)
    if (!match) {
      this.strangeLines++
      return
    }
    let delay = int64(match[1])
    let times = int64(match[2])
    if (this.period > 0n) {
      // In doubles, as pprof computes it: the last digits must be the same.
      if (hertz > 0n) delay = truncate((Number(delay) * Number(this.period)) / (Number(hertz) / 1e9))
      times *= this.period
    }
    this.samples.push({ values: [times, delay], addresses: callAddresses(match[3] ?? ''), labels: [] })
  }

  private beginThreads(line: string): void {
    this.types = [{ type: 'thread', unit: 'count' }]
    this.periodType = { type: 'thread', unit: 'count' }
    this.period = 1n
    let addresses: bigint[] = []
    let isSame = false
    let isOpen = threadHeader.test(line) && line.includes('--- Thread ')
    const close = (): void => {
      const last = this.samples.at(-1)
      if (isOpen && isSame && last) last.values[0]! += 1n
      else if (isOpen && addresses.length > 0) {
        this.samples.push({ values: [1n], addresses: dropDoubledLeaf(addresses), labels: [] })
      }
      addresses = []
      isSame = false
    }
    this.section = (text) => {
      if (text.startsWith('---')) {
        close()
        isOpen = threadHeader.test(text)
      } else if (text.includes('same as previous thread')) isSame = true
      // The leaf is where the thread is; the others are return addresses.
      else for (const address of hexNumbers(text)) addresses.push(addresses.length === 0 ? address : address - 1n)
    }
    this.closeThread = close
  }

  /** Ends the last thread, which no line ends. */
  private closeThread: () => void = () => undefined

  private readComment(line: string): void {
    const symbol = parseSymbol(line)
    if (!symbol) return
    const known = this.symbols.get(symbol.address)
    if (!known) this.symbols.set(symbol.address, [symbol])
    else if (!known.some(({ name, line: at }) => name === symbol.name && at === symbol.line)) known.push(symbol)
  }

  private readMapping(line: string): void {
    const mapping = parseMapping(line)
    if (mapping) this.mappings.push(mapping)
  }

  build(): Profile {
    this.closeThread()
    if (this.types.length === 0) throw new Failure('NOT_A_PROFILE', 'The file is empty.')
    const builder = new ProfileBuilder(this.types)
    builder.periodType = this.periodType
    builder.period = this.period
    builder.durationNanos = this.durationNanos
    builder.addLoss('lines that are not part of the profile', this.strangeLines)
    builder.addLoss('samples that the program discarded', this.discarded)
    const locations = new Map<bigint, number>()
    const locate = (address: bigint): number => {
      let location = locations.get(address)
      if (location === undefined) {
        const mapping = this.mappings.find(({ start, limit }) => start <= address && address < limit)
        location = builder.internLocation({
          address,
          mapping: mapping ? builder.internMapping(mapping) : -1,
          lines: (this.symbols.get(address) ?? []).map(({ name, file, line }) => ({
            function: builder.internFunction({ name, filename: file }),
            line,
          })),
        })
        locations.set(address, location)
      }
      return location
    }
    for (const { values, addresses, labels } of this.samples) {
      builder.addSample(builder.internStack(addresses.map(locate)), values, { labels: builder.internLabels(labels) })
    }
    return builder.build()
  }
}

/** BigInt takes time with the square of the digits; 64 bits have 19. */
const int64 = (text = '0'): bigint => BigInt.asIntN(64, BigInt(text.slice(0, 20)))

/** Go's conversion of a double to int64, where it is defined. */
const truncate = (value: number): bigint => (Number.isFinite(value) ? BigInt.asIntN(64, BigInt(Math.trunc(value))) : 0n)

function hexNumbers(text: string): bigint[] {
  return [...text.matchAll(/0x([0-9a-f]{1,16})(?![0-9a-f])/g)].map((match) => BigInt(match[0]))
}

/** The text has return addresses; the call stands before them. */
function callAddresses(text: string): bigint[] {
  return hexNumbers(text).map((address) => BigInt.asUintN(64, address - 1n))
}

/** The leaf may stand there twice, from the signal and from the unwinder, the second one less. */
function dropDoubledLeaf(addresses: bigint[]): bigint[] {
  const [leaf, second] = addresses
  const isDoubled = leaf !== undefined && second !== undefined && leaf === second + 1n
  return isDoubled ? [leaf, ...addresses.slice(2)] : addresses
}

/**
 * What was allocated in all, from what was sampled: an allocation of S bytes is sampled with probability 1 - e^(-S/rate),
 * so it stands for the inverse of that.
 */
function scaleSample(count: bigint, size: bigint, rate: bigint): [bigint, bigint] {
  if (count === 0n || size === 0n) return [0n, 0n]
  if (rate <= 1n) return [count, size]
  const scale = 1 / (1 - Math.exp(-(Number(size) / Number(count)) / Number(rate)))
  return [truncate(Number(count) * scale), truncate(Number(size) * scale)]
}
