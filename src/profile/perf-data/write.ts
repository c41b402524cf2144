// Samples back into a perf.data file that `perf script` and `perf report` read: the ring's seconds as they were recorded.
// A sample needs who it was and what its addresses lay in, so each is preceded, where that is not yet written, by
//
//   COMM tid   MMAP2 pid (only mappings that its stack touches)   CGROUP   KSYMBOL     at the time of the sample
//
// which makes a short file: of a fork storm only the tasks that were sampled are told.

import { ByteWriter } from './byte-writer.ts'
import type { EventAttr } from './event.ts'
import { sampleBits } from './event.ts'
import { fileHeaderBytes } from './header.ts'
import { kernelText, type MappedRange } from './mapped-file.ts'
import type { RawStacks } from './raw-stacks.ts'
import * as type from './record-types.ts'
import { misc } from './record-types.ts'
import type { PerfRecording } from './recording.ts'
import type { SampleBatch, SampledCgroup } from './sample-batch.ts'

/** perf_event_attr as of PERF_ATTR_SIZE_VER7, which every perf since 5.13 writes and older ones read. */
const attrBytes = 128
/** attrs entry: the attr and a section {offset, size} of its ids. */
const attrEntryBytes = attrBytes + 16
/** Longest record: its size is a u16, and records are multiples of 8. */
const mostRecordBytes = 65_528

/** PERF_CONTEXT_KERNEL */
const kernelMarker = -128
/** mmap(2): PROT_READ | PROT_EXEC, MAP_PRIVATE; what code is mapped with. */
const protReadExec = 5
const mapPrivate = 2
const noCgroup: SampledCgroup = { id: 0, path: '' }

/** What a sample holds here always, and what it holds when it was recorded; all events are written alike. */
const alwaysBits = sampleBits.identifier | sampleBits.ip | sampleBits.tid | sampleBits.time
const recordedBits = sampleBits.cpu | sampleBits.period | sampleBits.callchain | sampleBits.cgroup

/**
 * @param batches samples in the order of time, whose raw stacks are still held (`compact` was told of them)
 * @returns the file
 */
export function writePerfData(recording: PerfRecording, batches: readonly SampleBatch[]): Uint8Array {
  const used = new Set<number>()
  for (const batch of batches) for (let i = 0; i < batch.length; i++) used.add(batch.event[i] as number)
  const rows = [...used].sort((a, b) => a - b)
  if (rows.length === 0) rows.push(0)
  const attrs = rows.flatMap((row) => recording.events[row]?.attr ?? [])

  const sampleType = alwaysBits | (attrs.reduce((bits, attr) => bits | attr.sampleType, 0) & recordedBits)

  const out = new ByteWriter()
  // Ids first, as perf does it: event i has the one id i + 1.
  const dataOffset = fileHeaderBytes + attrs.length * (8 + attrEntryBytes)
  out.raw(new Uint8Array(fileHeaderBytes))
  attrs.forEach((_, i) => {
    out.u64(i + 1)
  })
  attrs.forEach((attr, i) => {
    writeAttr(out, attr, sampleType)
    out.u64(fileHeaderBytes + 8 * i)
    out.u64(8)
  })
  const writer = new RecordWriter(out, recording.rawStacks, { sampleType, idOf: (event) => rows.indexOf(event) + 1 })
  for (const batch of batches) writer.batch(batch)
  writeHead(out, attrs.length, dataOffset)
  writeFeatures(out, recording)
  return out.toBytes()
}

function writeAttr(out: ByteWriter, attr: EventAttr, sampleType: number): void {
  const start = out.length
  out.u32(attr.type)
  out.u32(attrBytes)
  out.u64(attr.config)
  out.u64(attr.periodOrFrequency)
  out.u64(sampleType)
  out.u64(0) // no READ
  const sampleIdAll = 1 << 18
  out.u32(attr.flags[0] | sampleIdAll)
  out.u32(attr.flags[1])
  out.raw(new Uint8Array(92 - 48))
  out.u32(attr.clockId ?? 0)
  out.raw(new Uint8Array(attrBytes - (out.length - start)))
}

/** Header: magic, sizes, sections; feature bits are set by `writeFeatures`. */
function writeHead(out: ByteWriter, attrCount: number, dataOffset: number): void {
  new TextEncoder().encode('PERFILE2').forEach((byte, i) => {
    out.set(i, byte)
  })
  out.setU64(8, fileHeaderBytes)
  out.setU64(16, attrEntryBytes)
  out.setU64(24, fileHeaderBytes + 8 * attrCount)
  out.setU64(32, attrEntryBytes * attrCount)
  out.setU64(40, dataOffset)
  out.setU64(48, out.length - dataOffset)
}

/** Host, kernel, and which moment of the wall clock the times are. */
function writeFeatures(out: ByteWriter, { info }: PerfRecording): void {
  const features: { id: number; write: () => void }[] = []
  const text = (id: number, value: string | undefined): void => {
    if (value === undefined) return
    const padded = Math.ceil((new TextEncoder().encode(value).length + 1) / 64) * 64
    features.push({
      id,
      write: () => {
        out.u32(padded)
        out.text(value, 64)
      },
    })
  }
  text(3, info.hostname)
  text(4, info.kernel)
  text(6, info.architecture)
  const { clock } = info
  if (clock) {
    features.push({
      id: 29,
      write: () => {
        out.u32(1)
        out.u32(clock.clockId)
        out.bigU64(clock.wallNs)
        out.bigU64(clock.clockNs)
      },
    })
  }
  let entry = out.length
  out.raw(new Uint8Array(16 * features.length))
  for (const { id, write } of features) {
    const start = out.length
    write()
    out.setU64(entry, start)
    out.setU64(entry + 8, out.length - start)
    entry += 16
    out.set(72 + (id >> 3), out.at(72 + (id >> 3)) | (1 << (id & 7)))
  }
}

interface RecordWriterOptions {
  readonly sampleType: number
  readonly idOf: (event: number) => number
}

class RecordWriter {
  private readonly out: ByteWriter
  private readonly stacks: RawStacks
  private readonly sampleType: number
  private readonly idOf: (event: number) => number
  /** Thread id to the name last written. */
  private readonly comms = new Map<number, string>()
  /** Process id to the mappings written; -1 = the kernel. */
  private readonly mapped = new Map<number, Set<MappedRange>>()
  private readonly cgroups = new Set<number>()

  constructor(out: ByteWriter, stacks: RawStacks, { sampleType, idOf }: RecordWriterOptions) {
    this.out = out
    this.stacks = stacks
    this.sampleType = sampleType
    this.idOf = idOf
  }

  batch(batch: SampleBatch): void {
    let loss = 0
    for (let i = 0; i < batch.length; i++) {
      const timeNs = batch.timeNs[i] as number
      for (; loss < batch.losses.length && (batch.losses[loss]?.timeNs ?? 0) <= timeNs; loss++) this.lost(batch, loss)
      const { pid, tid, comm } = batch.threads[batch.thread[i] as number] as SampleBatch['threads'][number]
      const cgroup = batch.cgroups[batch.cgroup[i] as number] ?? noCgroup
      const from = { pid, tid, timeNs, cpu: batch.cpu[i] as number, id: this.idOf(batch.event[i] as number) }
      const raw = batch.rawStack[i] as number
      this.name(comm, from)
      this.place(cgroup, from)
      for (const range of this.stacks.rangesOf(raw)) this.map(range, from)
      this.sample(raw, batch.period[i] as number, { cgroup: cgroup.id, ...from })
    }
    for (; loss < batch.losses.length; loss++) this.lost(batch, loss)
  }

  private sample(
    raw: number,
    period: number,
    { pid, tid, timeNs, cpu, id, cgroup }: Source & { cgroup: number },
  ): void {
    const { out, stacks } = this
    const words = stacks.wordsOf(raw)
    const leaf = stacks.leafOf(raw)
    const needsMarker = stacks.startsInKernel(raw) && (words.length === 0 || leaf.frame === 0)
    // All but the longest chains fit as they were: the record they came from had the same limit.
    const room = (mostRecordBytes - 80) / 4
    const count = Math.min(words.length, room & ~1)
    const start = this.begin(type.SAMPLE, leaf.isKernel ? misc.kernel : misc.user)
    out.u64(id)
    out.u64(leaf.address)
    out.u32(pid)
    out.u32(tid)
    out.u64(timeNs)
    if (this.has(sampleBits.cpu)) {
      out.u32(cpu)
      out.u32(0)
    }
    if (this.has(sampleBits.period)) out.u64(period)
    if (this.has(sampleBits.callchain)) {
      out.u64(count / 2 + (needsMarker ? 1 : 0))
      if (needsMarker) out.u64(kernelMarker)
      for (let i = 0; i < count; i++) out.u32(words[i] as number)
    }
    if (this.has(sampleBits.cgroup)) out.u64(cgroup)
    this.end(start)
  }

  private name(comm: string, from: Source): void {
    if (this.comms.get(from.tid) === comm) return
    this.comms.set(from.tid, comm)
    const start = this.begin(type.COMM, 0)
    this.out.u32(from.pid)
    this.out.u32(from.tid)
    this.out.text(comm)
    this.trailer(from)
    this.end(start)
  }

  private place({ id, path }: SampledCgroup, from: Source): void {
    if (path === '' || this.cgroups.has(id)) return
    this.cgroups.add(id)
    const start = this.begin(type.CGROUP, 0)
    this.out.u64(id)
    this.out.text(path)
    this.trailer(from)
    this.end(start)
  }

  private map(range: MappedRange, from: Source): void {
    const owner = range.isKernel ? -1 : from.pid
    let written = this.mapped.get(owner)
    if (!written) {
      written = new Set()
      this.mapped.set(owner, written)
    }
    if (written.has(range)) return
    written.add(range)
    if (range.file.onlyFunction !== undefined) this.kernelSymbol(range, from)
    else if (range.isKernel) this.kernelMap(range, from)
    else this.userMap(range, from)
  }

  private kernelMap({ path, start: address, length, pageOffset }: MappedRange, from: Source): void {
    // The space of all kernel addresses stands for what no record told: perf knows it by itself.
    if (path === kernelText) return
    const { out } = this
    const start = this.begin(type.MMAP, misc.kernel)
    out.u32(-1)
    out.u32(0)
    out.u64(address)
    out.u64(length)
    out.u64(pageOffset)
    out.text(path)
    // Time 0: perf takes it at once, as it does when it wrote the record itself.
    this.trailer({ ...from, pid: 0, tid: 0, timeNs: 0 })
    this.end(start)
  }

  private kernelSymbol({ path, start: address, length }: MappedRange, from: Source): void {
    const { out } = this
    const start = this.begin(type.KSYMBOL, 0)
    out.u64(address)
    out.u32(length)
    out.u32(1) // u16 type: BPF, u16 flags: loaded
    out.text(path)
    this.trailer(from)
    this.end(start)
  }

  private userMap(range: MappedRange, from: Source): void {
    const { out } = this
    const { buildId, device, inode } = range
    const start = this.begin(type.MMAP2, misc.user | (buildId ? misc.mmapBuildId : 0))
    out.u32(from.pid)
    out.u32(from.pid)
    out.u64(range.start)
    out.u64(range.length)
    out.u64(range.pageOffset)
    if (buildId) {
      const id = (buildId.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).slice(0, 20)
      out.raw(Uint8Array.of(id.length, 0, 0, 0, ...id, ...new Array<number>(20 - id.length).fill(0)))
    } else {
      const [major = 0, minor = 0] = (device ?? '0:0').split(':').map((part) => Number.parseInt(part, 16))
      out.u32(major)
      out.u32(minor)
      out.u64(inode ?? 0)
      out.u64(0)
    }
    out.u32(protReadExec)
    out.u32(mapPrivate)
    // Run-time code that fork brought along has its names in the parent's map.
    out.text(range.file.isJit && range.pid !== from.pid ? range.file.path : range.path)
    this.trailer(from)
    this.end(start)
  }

  private lost(batch: SampleBatch, row: number): void {
    const { timeNs, what, count } = batch.losses[row] as SampleBatch['losses'][number]
    if (!what.startsWith('records lost') && !what.startsWith('samples lost')) return
    const start = this.begin(type.LOST, 0)
    this.out.u64(1)
    this.out.u64(count)
    this.trailer({ pid: 0, tid: 0, timeNs, cpu: 0, id: 1 })
    this.end(start)
  }

  private has(bit: number): boolean {
    return (this.sampleType & bit) !== 0
  }

  private begin(kind: number, flags: number): number {
    const start = this.out.length
    this.out.u32(kind)
    this.out.u16(flags)
    this.out.u16(0)
    return start
  }

  private trailer({ pid, tid, timeNs, cpu, id }: Source): void {
    const { out } = this
    out.u32(pid)
    out.u32(tid)
    out.u64(timeNs)
    if (this.has(sampleBits.cpu)) {
      out.u32(cpu)
      out.u32(0)
    }
    out.u64(id)
  }

  private end(start: number): void {
    this.out.setU16(start + 6, this.out.length - start)
  }
}

/** Whose record it is: what every trailer tells. */
interface Source {
  readonly pid: number
  readonly tid: number
  readonly timeNs: number
  readonly cpu: number
  /** Of the event. */
  readonly id: number
}
