// Reads perf.data as it arrives: a file (header, records, feature sections) or the stream of `perf record -o -`,
// whole or cut off anywhere. Kernel records go to a sink with their time; what perf says of the recording is kept here.
import { Failure } from '../../model/errors.ts'
import { Losses } from '../losses.ts'
import type { Loss } from '../profile.ts'
import { ZstdStream } from '../zstd-stream.ts'
import type { Events } from './events.ts'
import { type RecordingInfo, readAttrRecord, readBuildId, readFeature } from './features.ts'
import { type FileHeader, fileHeaderBytes, headerSizeOf, pipeHeaderBytes, readAttrs, readFileHeader } from './header.ts'
import { type BlockPool, cString, int64, type RecordBlock, recordSize } from './record-block.ts'
import { RecordStream } from './record-stream.ts'
import * as type from './record-types.ts'

export interface KernelRecordSink {
  /** A record of the kernel, or of perf in its form. */
  add(block: RecordBlock, at: number): void
  /** FINISHED_ROUND: perf has read all CPUs' buffers once more since the last one. */
  round(): void
}

/** Room for the list of events before the records: the ids of 1 000 CPUs and 255 events take 2 MB. */
const mostHeadBytes = 16 << 20
/** Room for the feature sections; those we read are small, the build-ids of a large node are some MB. */
const mostSectionBytes = 64 << 20
/** What may be unpacked whatever the gain: a short recording of an idle machine gains a lot. */
const freelyUnpackedBytes = 64 << 20
/** zstd of perf records gains 10 to 50 times; a stream that gains more than this is a bomb. */
const mostGain = 1000
/** Largest window: that of level 20. `perf record -z` asks for level 1, which needs 512 KB. */
const mostWindowBytes = 32 << 20
export class PerfReader {
  readonly events: Events
  readonly info: RecordingInfo = { buildIds: new Map() }
  private readonly lost = new Losses()
  private readonly sink: KernelRecordSink
  private readonly pool: BlockPool
  private readonly records: RecordStream
  private unpacked: { stream: RecordStream; zstd: ZstdStream } | undefined
  private packedBytes = 0
  private unpackedBytes = 0
  private phase: 'magic' | 'header' | 'records' | 'features' = 'magic'
  private head: Uint8Array = new Uint8Array(pipeHeaderBytes)
  private headLength = 0
  private header: FileHeader | undefined
  /** Bytes of the data section that have not arrived; Infinity in a stream and in an unfinished file. */
  private dataLeft = Number.POSITIVE_INFINITY
  private tail: Uint8Array[] = []
  private tailBytes = 0

  /** @param events filled with what the recording tells of them */
  constructor(events: Events, sink: KernelRecordSink, pool: BlockPool) {
    this.events = events
    this.sink = sink
    this.pool = pool
    this.records = new RecordStream({ record: (block, at) => this.record(block, at) }, pool)
  }

  /**
   * The next bytes of the file or stream.
   * @param chunk copied; the buffer may be used again
   * @throws Failure NOT_A_PROFILE, MALFORMED (a head that cannot be read), TOO_LARGE (a decompression bomb)
   */
  push(chunk: Uint8Array): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.phase === 'records') {
        const data = rest.length > this.dataLeft ? rest.subarray(0, this.dataLeft) : rest
        this.dataLeft -= data.length
        this.records.push(data)
        if (this.dataLeft > 0) return
        rest = rest.subarray(data.length)
        this.phase = 'features'
      } else if (this.phase === 'features') {
        this.tailBytes += rest.length
        if (this.tailBytes <= mostSectionBytes) this.tail.push(rest.slice())
        return
      } else {
        const count = Math.min(this.head.length - this.headLength, rest.length)
        this.head.set(rest.subarray(0, count), this.headLength)
        this.headLength += count
        rest = rest.subarray(count)
        if (this.headLength === this.head.length) this.readHead()
      }
    }
  }

  /** No more bytes will come: reads the feature sections, counts what is missing. */
  end(): void {
    if (this.phase === 'magic' || this.phase === 'header') {
      throw new Failure(
        this.phase === 'magic' ? 'NOT_A_PROFILE' : 'MALFORMED',
        this.headLength === 0
          ? 'perf.data: there are no bytes'
          : `perf.data: cut off after ${this.headLength} bytes, inside its header`,
      )
    }
    for (const stream of [this.records, this.unpacked?.stream]) {
      if (!stream) continue
      const unread = stream.unreadBytes + stream.incompleteBytes
      if (unread > 0) this.lose('bytes that could not be read', unread, { isCut: true })
    }
    if (Number.isFinite(this.dataLeft) && this.dataLeft > 0) {
      this.lose('bytes missing at the end of the file', this.dataLeft, { isCut: true })
    }
    if (this.header?.data.size === 0) this.lose('recording was not finished', 1, { isCut: true })
    if (this.header && this.tailBytes > 0 && this.tailBytes <= mostSectionBytes) this.readFeatures(this.header)
    this.tail = []
  }

  /** What could not be read. */
  get losses(): Loss[] {
    return this.lost.toList()
  }

  private lose(what: string, count: number, { isCut = false } = {}): void {
    this.lost.add({ what, count, isCut })
  }

  private readHead(): void {
    if (this.phase === 'magic') {
      const size = headerSizeOf(this.head)
      if (size === pipeHeaderBytes) {
        this.phase = 'records'
        return
      }
      this.phase = 'header'
      this.growHead(fileHeaderBytes)
      return
    }
    if (!this.header) {
      this.header = readFileHeader(this.head)
      const { attrs, data } = this.header
      const attrsEnd = attrs.offset + attrs.size
      if (data.offset > mostHeadBytes || data.offset < fileHeaderBytes || attrsEnd > data.offset) {
        throw new Failure('MALFORMED', 'perf.data: the sections named by the header cannot be where it says')
      }
      this.dataLeft = data.size === 0 ? Number.POSITIVE_INFINITY : data.size
      if (data.offset > this.headLength) {
        this.growHead(data.offset)
        return
      }
    }
    for (const { attr, ids } of readAttrs(this.head, this.header)) this.addEvent(() => this.events.add(attr, ids) >= 0)
    this.phase = 'records'
  }

  private growHead(size: number): void {
    const larger = new Uint8Array(size)
    larger.set(this.head)
    this.head = larger
  }

  private addEvent(add: () => boolean): void {
    if (!add()) this.lose('events beyond the 255th', 1)
  }

  /** One section {offset, size} per feature directly behind the data, then the features themselves. */
  private readFeatures({ data, features }: FileHeader): void {
    const bytes = new Uint8Array(this.tailBytes)
    let filled = 0
    for (const piece of this.tail) {
      bytes.set(piece, filled)
      filled += piece.length
    }
    const view = new DataView(bytes.buffer)
    const start = data.offset + data.size
    features.forEach((id, index) => {
      if ((index + 1) * 16 > bytes.length) return
      const offset = Number(view.getBigUint64(index * 16, true)) - start
      const size = Number(view.getBigUint64(index * 16 + 8, true))
      if (offset < 0 || offset + size > bytes.length) return
      readFeature(id, bytes.subarray(offset, offset + size), this.info, this.events)
    })
  }

  private record(block: RecordBlock, at: number): number {
    const { words, bytes } = block
    const kind = words[at] as number
    if (kind < type.firstToolRecord && kind >= 0) {
      this.sink.add(block, at)
      return 0
    }
    if (kind === type.FINISHED_ROUND) {
      this.sink.round()
      return 0
    }
    const size = recordSize(words, at)
    const body = at * 4 + 8
    const end = at * 4 + size
    switch (kind) {
      case type.COMPRESSED:
        this.unpack(bytes.subarray(body, end))
        break
      case type.COMPRESSED2: {
        // u64 bytes of data, data, padding
        const count = size >= 16 ? int64(words, at + 2) : -1
        if (count >= 0 && body + 8 + count <= end) this.unpack(bytes.subarray(body + 8, body + 8 + count))
        break
      }
      case type.TRACING_DATA:
        return size >= 12 ? (((words[at + 2] as number) >>> 0) + 7) & ~7 : 0
      case type.AUXTRACE: {
        const payload = size >= 16 ? int64(words, at + 2) : 0
        if (payload > 0) this.lose('bytes of hardware trace, which are not read', payload)
        return Math.max(0, payload)
      }
      case type.HEADER_ATTR:
        this.addEvent(() => readAttrRecord(bytes.subarray(at * 4, end), this.events))
        break
      case type.HEADER_FEATURE:
        if (size >= 16) readFeature(int64(words, at + 2), bytes.subarray(body + 8, end), this.info, this.events)
        break
      case type.BUILD_ID:
        readBuildId(bytes.subarray(at * 4, end), this.info)
        break
      case type.EVENT_UPDATE:
        // u64 what (2 = name), u64 id, name
        if (size > 24 && words[at + 2] === 2) this.events.rename([int64(words, at + 4)], cString(bytes, body + 16, end))
        break
    }
    return 0
  }

  /** All COMPRESSED records together are one zstd stream, and a record may begin in one and end in another. */
  private unpack(data: Uint8Array): void {
    this.unpacked ??= this.openUnpacked()
    const { stream, zstd } = this.unpacked
    this.packedBytes += data.length
    if (stream.isBroken) {
      stream.unreadBytes += data.length
      return
    }
    try {
      zstd.push(data)
    } catch (cause) {
      if (cause instanceof Failure && cause.code === 'TOO_LARGE') throw cause
      // Damaged: what was unpacked so far is kept, the rest is counted.
      stream.isBroken = true
      stream.unreadBytes += data.length
    }
  }

  private openUnpacked(): { stream: RecordStream; zstd: ZstdStream } {
    const stream = new RecordStream({ record: (block, at) => this.record(block, at) }, this.pool)
    const take = (unpacked: Uint8Array): void => {
      this.unpackedBytes += unpacked.length
      if (this.unpackedBytes > freelyUnpackedBytes && this.unpackedBytes > mostGain * this.packedBytes) {
        throw new Failure('TOO_LARGE', `perf.data: unpacks to more than ${mostGain} times its size`)
      }
      if (stream.isBroken) stream.unreadBytes += unpacked.length
      else stream.push(unpacked)
    }
    return { stream, zstd: new ZstdStream({ take, maxWindowBytes: mostWindowBytes }) }
  }
}
