// What was sampled (perf_event_attr) and where the fields of its records lie. The width of a field depends only on
// sample_type, so the positions are worked out once per event and the hot loop reads words.
//
//   -e cpu-clock -g --all-cgroups gives sample_type IP|TID|TIME|CALLCHAIN|ID|CPU|PERIOD|CGROUP, hence a sample is
//   header, ip, pid tid, time, id, cpu res, period, nr, ips[nr], cgroup      (each 8 bytes)
import { Failure } from '../../model/errors.ts'
import { int64, type RecordBlock } from './record-block.ts'

/** PERF_SAMPLE_* bits of sample_type (perf_event_open(2)). */
export const sampleBits = {
  ip: 1 << 0,
  tid: 1 << 1,
  time: 1 << 2,
  addr: 1 << 3,
  read: 1 << 4,
  callchain: 1 << 5,
  id: 1 << 6,
  cpu: 1 << 7,
  period: 1 << 8,
  streamId: 1 << 9,
  raw: 1 << 10,
  branchStack: 1 << 11,
  regsUser: 1 << 12,
  stackUser: 1 << 13,
  weight: 1 << 14,
  dataSource: 1 << 15,
  identifier: 1 << 16,
  transaction: 1 << 17,
  regsIntr: 1 << 18,
  physAddr: 1 << 19,
  aux: 1 << 20,
  cgroup: 1 << 21,
  dataPageSize: 1 << 22,
  codePageSize: 1 << 23,
  weightStruct: 1 << 24,
} as const

/** The words of a perf_event_attr that we read; 64-bit ones as doubles. */
export interface EventAttr {
  readonly type: number
  readonly config: number
  /** Period, or rate in Hz when `isFrequency`. */
  readonly periodOrFrequency: number
  readonly sampleType: number
  readonly readFormat: number
  readonly isFrequency: boolean
  readonly sampleIdAll: boolean
  /** Clock of the times, as clockid_t; undefined = the kernel's own `sched_clock`. */
  readonly clockId: number | undefined
  readonly branchSampleType: number
  readonly regsUser: readonly [number, number]
  readonly regsIntr: readonly [number, number]
  /** The flag bits as they are: disabled, inherit, pinned, .. (perf_event_open(2)); low and high word. */
  readonly flags: readonly [number, number]
  /** Deepest call chain, frames; 0 = the system's default. */
  readonly maxStack: number
}

/** First version of the structure (perf_event.h, PERF_ATTR_SIZE_VER0). */
const smallestAttrBytes = 64

/**
 * Reads a perf_event_attr that starts at word `at` and may fill `byteLength` bytes. Fields that an older, shorter
 * structure lacks are 0.
 * @throws Failure MALFORMED when it cannot be one
 */
export function readAttr(words: Int32Array, at: number, byteLength: number): { attr: EventAttr; sizeBytes: number } {
  const claimed = byteLength >= smallestAttrBytes ? (words[at + 1] as number) : 0
  const sizeBytes = claimed === 0 ? smallestAttrBytes : claimed
  if (sizeBytes < smallestAttrBytes || sizeBytes > byteLength || at + sizeBytes / 4 > words.length) {
    throw new Failure('MALFORMED', `perf.data: an event description of ${claimed} bytes cannot be`)
  }
  const word = (byte: number): number => (byte + 4 <= sizeBytes ? (words[at + byte / 4] as number) : 0)
  const wide = (byte: number): number => (byte + 8 <= sizeBytes ? int64(words, at + byte / 4) : 0)
  const flags = word(40)
  const attr: EventAttr = {
    type: word(0),
    config: wide(8),
    periodOrFrequency: wide(16),
    sampleType: word(24),
    readFormat: word(32),
    isFrequency: (flags & (1 << 10)) !== 0,
    sampleIdAll: (flags & (1 << 18)) !== 0,
    clockId: (flags & (1 << 25)) !== 0 ? word(92) : undefined,
    branchSampleType: word(72),
    regsUser: [word(80), word(84)],
    regsIntr: [word(96), word(100)],
    flags: [flags, word(44)],
    maxStack: word(108) & 0xffff,
  }
  return { attr, sizeBytes }
}

/** perf_event.h: PERF_SAMPLE_BRANCH_CALL_STACK. */
const branchCallStack = 1 << 11

/**
 * perf was to find the callers in user code afterwards, in a copy of the stack or of the processor's list of branches; the
 * kernel was told to leave them out of the call chain.
 */
export function leavesCallersOut({ sampleType, branchSampleType }: EventAttr): boolean {
  const isOfBranches = (sampleType & sampleBits.branchStack) !== 0 && (branchSampleType & branchCallStack) !== 0
  return (sampleType & sampleBits.stackUser) !== 0 || isOfBranches
}

/** Positions in 32-bit words: from the header of a sample, or back from the end of any other record; -1 = not there. */
export interface EventLayout {
  readonly ip: number
  readonly tid: number
  readonly time: number
  readonly id: number
  readonly cpu: number
  readonly period: number
  /** Of the field after PERIOD: READ when there is one, else the call chain. */
  readonly variable: number
  readonly hasRead: boolean
  readonly readFormat: number
  readonly hasChain: boolean
  readonly hasCgroup: boolean
  /** No field of varying width lies between call chain and cgroup. */
  readonly cgroupFollowsChain: boolean
  /** The trailer of records other than samples, counted back from their end. */
  readonly trailer: { readonly words: number; readonly tid: number; readonly time: number; readonly id: number }
  readonly attr: EventAttr
}

export function layoutOf(attr: EventAttr): EventLayout {
  const type = attr.sampleType
  let next = 2
  const take = (bit: number): number => {
    if ((type & bit) === 0) return -1
    next += 2
    return next - 2
  }
  // The order is that of perf_output_sample() in kernel/events/core.c, not that of the bits.
  const identifier = take(sampleBits.identifier)
  const ip = take(sampleBits.ip)
  const tid = take(sampleBits.tid)
  const time = take(sampleBits.time)
  take(sampleBits.addr)
  const id = take(sampleBits.id)
  take(sampleBits.streamId)
  const cpu = take(sampleBits.cpu)
  const period = take(sampleBits.period)
  const betweenChainAndCgroup =
    sampleBits.raw |
    sampleBits.branchStack |
    sampleBits.regsUser |
    sampleBits.stackUser |
    sampleBits.weight |
    sampleBits.weightStruct |
    sampleBits.dataSource |
    sampleBits.transaction |
    sampleBits.regsIntr |
    sampleBits.physAddr
  return {
    ip,
    tid,
    time,
    id: identifier >= 0 ? identifier : id,
    cpu,
    period,
    variable: next,
    hasRead: (type & sampleBits.read) !== 0,
    readFormat: attr.readFormat,
    hasChain: (type & sampleBits.callchain) !== 0,
    hasCgroup: (type & sampleBits.cgroup) !== 0,
    cgroupFollowsChain: (type & betweenChainAndCgroup) === 0,
    trailer: trailerOf(attr),
    attr,
  }
}

/** {pid,tid} time id stream_id {cpu,res} identifier: those of them that sample_type names, at the end of a record. */
function trailerOf(attr: EventAttr): EventLayout['trailer'] {
  if (!attr.sampleIdAll) return { words: 0, tid: -1, time: -1, id: -1 }
  let back = 0
  const take = (bit: number): number => {
    if ((attr.sampleType & bit) === 0) return -1
    back += 2
    return back
  }
  const identifier = take(sampleBits.identifier)
  take(sampleBits.cpu)
  take(sampleBits.streamId)
  const id = take(sampleBits.id)
  const time = take(sampleBits.time)
  const tid = take(sampleBits.tid)
  return { words: back, tid, time, id: identifier >= 0 ? identifier : id }
}

/** READ payload in words (perf_event_open(2), PERF_FORMAT_*), or -1 when it leaves `end`. */
export function readWords(words: Int32Array, at: number, end: number, format: number): number {
  const perValue = 2 + (format & 4 ? 2 : 0) + (format & 16 ? 2 : 0)
  const times = (format & 1 ? 2 : 0) + (format & 2 ? 2 : 0)
  if ((format & 8) === 0) return perValue + times
  if (at + 2 > end) return -1
  const count = int64(words, at)
  return count >= 0 && count * perValue <= end - at ? 2 + times + count * perValue : -1
}

/**
 * Word of the cgroup id in a sample whose call chain ends before word `at`, where fields of varying width lie between;
 * -1 when the record does not hold it.
 */
export function findCgroup(block: RecordBlock, at: number, end: number, attr: EventAttr): number {
  const { words } = block
  const type = attr.sampleType
  const sized = (bytesPerItem: number, fixedWords: number): void => {
    const count = at + 2 <= end ? int64(words, at) : -1
    at += count < 0 || count > 0xffff ? 0x10000 : 2 + fixedWords + (count * bytesPerItem) / 4
  }
  const registers = ([low, high]: readonly [number, number]): void => {
    const abi = at + 2 <= end ? int64(words, at) : 0
    at += 2 + (abi === 0 ? 0 : 2 * (bitCount(low) + bitCount(high)))
  }
  // u32 size, then bytes; together a multiple of 8.
  if (type & sampleBits.raw) at += (4 + ((words[at] ?? 0) >>> 0)) / 4
  if (type & sampleBits.branchStack) {
    const hwIndex = attr.branchSampleType & (1 << 17) ? 2 : 0
    const counters = attr.branchSampleType & (1 << 19) ? 8 : 0
    sized(24 + counters, hwIndex)
  }
  if (type & sampleBits.regsUser) registers(attr.regsUser)
  if (type & sampleBits.stackUser) {
    const bytes = at + 2 <= end ? int64(words, at) : 0
    at += bytes === 0 ? 2 : 4 + bytes / 4
  }
  if (type & (sampleBits.weight | sampleBits.weightStruct)) at += 2
  if (type & sampleBits.dataSource) at += 2
  if (type & sampleBits.transaction) at += 2
  if (type & sampleBits.regsIntr) registers(attr.regsIntr)
  if (type & sampleBits.physAddr) at += 2
  return Number.isInteger(at) && at + 2 <= end ? at : -1
}

function bitCount(value: number): number {
  let count = 0
  for (let rest = value >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count++
  return count
}

/** Name of an event whose name was not recorded (perf_event.h: PERF_COUNT_HW_*, PERF_COUNT_SW_*). */
export function nameOfAttr({ type, config }: EventAttr): string {
  const hardware = [
    'cycles',
    'instructions',
    'cache-references',
    'cache-misses',
    'branches',
    'branch-misses',
    'bus-cycles',
    'stalled-cycles-frontend',
    'stalled-cycles-backend',
    'ref-cycles',
  ]
  const software = [
    'cpu-clock',
    'task-clock',
    'page-faults',
    'context-switches',
    'cpu-migrations',
    'minor-faults',
    'major-faults',
    'alignment-faults',
    'emulation-faults',
    'dummy',
    'bpf-output',
    'cgroup-switches',
  ]
  if (type === 0) return hardware[config] ?? `hardware:${config}`
  if (type === 1) return software[config] ?? `software:${config}`
  if (type === 2) return `tracepoint:${config}`
  return `event ${type}:${config}`
}
