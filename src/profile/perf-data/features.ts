// Facts about the recording: feature sections at the end of a file, HEADER_FEATURE records in a stream
// (tools/perf/Documentation/perf.data-file-format.txt). A string is u32 length, then that many bytes with a NUL inside.
import { readAttr } from './event.ts'
import type { Events } from './events.ts'
import { blockOf, cString } from './record-block.ts'
import { misc } from './record-types.ts'

/** What a recording says of itself; fields that it does not say are absent. */
export interface RecordingInfo {
  hostname?: string
  kernel?: string
  perfVersion?: string
  architecture?: string
  commandLine?: readonly string[]
  cpus?: number
  /** The same moment on the wall clock and on the clock of the samples, nanoseconds. */
  clock?: { readonly clockId: number; readonly wallNs: bigint; readonly clockNs: bigint }
  /** From file path to lower-case hex; '' where several files have the path. */
  readonly buildIds: Map<string, string>
}

/** Longest list of strings or events that is believed; `perf record` writes some tens. */
const mostItems = 4096

/** Numbers of the features we read (tools/perf/util/header.h, HEADER_*). */
const feature = {
  buildId: 2,
  hostname: 3,
  osRelease: 4,
  version: 5,
  arch: 6,
  cpus: 7,
  cmdline: 11,
  events: 12,
  clock: 29,
}

/** Reads one feature; one that is damaged or not known is left out. */
export function readFeature(id: number, payload: Uint8Array, info: RecordingInfo, events: Events): void {
  const bytes = payload.slice() // aligned, so that an attr in it can be seen as words
  const view = new DataView(bytes.buffer)
  let at = 0
  const has = (count: number): boolean => at + count <= bytes.length
  const u32 = (): number => {
    if (!has(4)) return 0
    at += 4
    return view.getUint32(at - 4, true)
  }
  const text = (): string => {
    const length = u32()
    const from = at
    at = Math.min(at + length, bytes.length)
    return cString(bytes, from, at)
  }
  switch (id) {
    case feature.hostname:
      info.hostname = text()
      break
    case feature.osRelease:
      info.kernel = text()
      break
    case feature.version:
      info.perfVersion = text()
      break
    case feature.arch:
      info.architecture = text()
      break
    case feature.cpus:
      u32() // CPUs that could be there; the next word is those that were
      info.cpus = u32()
      break
    case feature.cmdline:
      info.commandLine = Array.from({ length: Math.min(u32(), mostItems) }, text)
      break
    case feature.clock:
      // u32 version, u32 clockid, u64 wall ns, u64 clock ns
      if (bytes.length >= 24 && u32() === 1) {
        const clockId = u32()
        info.clock = { clockId, wallNs: view.getBigUint64(8, true), clockNs: view.getBigUint64(16, true) }
      }
      break
    case feature.events: {
      // u32 nr, u32 attr size, {attr, u32 nr ids, string, u64 ids[]}[nr]
      const count = Math.min(u32(), mostItems)
      const attrBytes = u32()
      for (let i = 0; i < count && has(attrBytes + 8); i++) {
        at += attrBytes
        const idCount = u32()
        const name = text()
        const ids: number[] = []
        for (let k = 0; k < idCount && has(8); k++, at += 8) ids.push(Number(view.getBigUint64(at, true)))
        events.rename(ids, name)
      }
      break
    }
    case feature.buildId:
      // A sequence of BUILD_ID records.
      while (has(8)) {
        const size = view.getUint16(at + 6, true)
        if (size < 8 || !has(size)) break
        readBuildId(bytes.subarray(at, at + size), info)
        at += size
      }
      break
  }
}

/** Record {header, s32 pid, u8 id[20], u8 size, 3 reserved, filename}; size counts only with its misc bit. */
export function readBuildId(record: Uint8Array, info: RecordingInfo): void {
  if (record.length < 40) return
  const flags = (record[4] as number) | ((record[5] as number) << 8)
  let size = 20
  if (flags & misc.buildIdSize) size = Math.min(record[32] as number, 20)
  // Without the bit: MD5 ids of 16 bytes are padded with zeros.
  else while (size > 4 && record.subarray(12 + size - 4, 12 + size).every((byte) => byte === 0)) size -= 4
  const path = cString(record, 36, record.length)
  const id = hex(record.subarray(12, 12 + size))
  const known = info.buildIds.get(path)
  // Two files of this name, in two containers: the name does not tell which of them a mapping is.
  info.buildIds.set(path, known === undefined || known === id ? id : '')
}

export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** HEADER_ATTR record: header, perf_event_attr, u64 ids[]. */
export function readAttrRecord(record: Uint8Array, events: Events): boolean {
  const { buffer, byteLength } = record.slice()
  const { words } = blockOf(buffer, 0, byteLength)
  const { attr, sizeBytes } = readAttr(words, 2, byteLength - 8)
  const view = new DataView(buffer)
  const ids: number[] = []
  for (let at = 8 + sizeBytes; at + 8 <= byteLength; at += 8) ids.push(Number(view.getBigUint64(at, true)))
  return events.add(attr, ids) >= 0
}
