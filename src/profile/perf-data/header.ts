// The head of a perf.data file (tools/perf/Documentation/perf.data-file-format.txt):
//
//   0 "PERFILE2"  8 u64 header size: 16 = a stream from a pipe, 104 = a file with sections
//   16 u64 size of one attrs entry  24 attrs {offset, size}  40 data {offset, size}  56 unused  72 feature bits (256)
import { Failure } from '../../model/errors.ts'
import { type EventAttr, readAttr } from './event.ts'
import { blockOf, int64 } from './record-block.ts'

export const pipeHeaderBytes = 16
export const fileHeaderBytes = 104

/** Section {offset, size} in bytes from the start of the file. */
export interface Section {
  readonly offset: number
  readonly size: number
}

export interface FileHeader {
  readonly attrEntryBytes: number
  readonly attrs: Section
  readonly data: Section
  /** Features whose sections follow the data, in this order. */
  readonly features: readonly number[]
}

const magic = 'PERFILE2'
const magicSwapped = '2ELIFREP'

/** True when these bytes begin a perf.data file of either byte order, or one of the version before 2010. */
export function matchesPerfData(head: Uint8Array): boolean {
  const text = String.fromCharCode(...head.subarray(0, 8))
  return text === magic || text === magicSwapped || text === 'PERFFILE'
}

/**
 * Size of the header: 16 or 104.
 * @param head at least 16 bytes
 * @throws Failure NOT_A_PROFILE, MALFORMED
 */
export function headerSizeOf(head: Uint8Array): number {
  const text = String.fromCharCode(...head.subarray(0, 8))
  if (text === magicSwapped) {
    throw new Failure(
      'MALFORMED',
      'perf.data: recorded on a big-endian machine, which cannot be read here; run `perf script` there and convert its text',
    )
  }
  if (text === 'PERFFILE') {
    throw new Failure('MALFORMED', 'perf.data: written by a perf of before 2010; convert it with `perf script`')
  }
  if (text !== magic) throw new Failure('NOT_A_PROFILE', 'this is no perf.data: it does not begin with PERFILE2')
  const size = new DataView(head.buffer, head.byteOffset, 16).getUint32(8, true)
  if (size !== pipeHeaderBytes && size < fileHeaderBytes) {
    throw new Failure('MALFORMED', `perf.data: a header of ${size} bytes is not known`)
  }
  return size
}

/** @param head the first 104 bytes */
export function readFileHeader(head: Uint8Array): FileHeader {
  const view = new DataView(head.buffer, head.byteOffset, fileHeaderBytes)
  const number = (at: number): number => Number(view.getBigUint64(at, true))
  const section = (at: number): Section => ({ offset: number(at), size: number(at + 8) })
  const features: number[] = []
  for (let bit = 0; bit < 256; bit++) {
    if ((view.getUint8(72 + (bit >> 3)) >> (bit & 7)) & 1) features.push(bit)
  }
  return { attrEntryBytes: number(16), attrs: section(24), data: section(40), features }
}

/**
 * The attrs section: entries of a perf_event_attr and a section of its ids.
 * @param start the file up to the data, as an aligned copy
 */
export function* readAttrs(start: Uint8Array, header: FileHeader): Generator<{ attr: EventAttr; ids: number[] }> {
  const { attrEntryBytes: entry, attrs } = header
  const { words } = blockOf(start.buffer, start.byteOffset, start.byteLength)
  if (entry < 80 || entry % 8 !== 0 || attrs.offset % 8 !== 0 || attrs.offset + attrs.size > start.length) {
    throw new Failure('MALFORMED', 'perf.data: the list of events lies outside of the header')
  }
  for (let at = attrs.offset; at + entry <= attrs.offset + attrs.size; at += entry) {
    const { attr } = readAttr(words, at >> 2, entry - 16)
    const offset = int64(words, (at + entry - 16) >> 2)
    const size = int64(words, (at + entry - 8) >> 2)
    const ids: number[] = []
    if (offset % 8 === 0 && offset > 0 && size > 0 && offset + size <= start.length) {
      for (let id = offset; id + 8 <= offset + size; id += 8) ids.push(int64(words, id >> 2))
    }
    yield { attr, ids }
  }
}
