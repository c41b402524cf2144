// Names of JIT code as the runtime itself writes them down: /tmp/perf-PID.map, appended to while the process runs.
//
//   7feff5ff6500 120 LazyCompile:*sortWork /app/server.js:12
//   0x00007f2a10e40020 0x0000000000000300 java.lang.String::hashCode
//
// Memory is used again without a word, so among overlapping lines the newest that covers an address is the right one.
import { type ByteSource, decodeName, readBytes } from './byte-source.ts'

/** Lines that are kept: a JVM with everything compiled has 100 000. Each takes about 25 bytes. */
const maxLines = 1_000_000
/** Read at once; a map is rarely longer than this, and growth comes in kilobytes. */
const chunkBytes = 1 << 18
/** Longest name that is read; V8 puts the whole source of a regular expression into one. */
const maxNameBytes = 4096
/** Ranges are found through pages of 16 KiB: most code is smaller than one, so about 1.2 entries for each line. */
const pageBytes = 16_384
/** Code over more pages than this (1 MiB) is rare and kept in a list of its own. */
const maxPages = 64

export class PerfMap {
  private readonly source: ByteSource
  private starts = new Float64Array(256)
  private sizes = new Uint32Array(256)
  private nameAt = new Float64Array(256)
  /** Chain of lines of a page, newest first: `newest` maps a page to its head. */
  private readonly newest = new Map<number, number>()
  private linkLine = new Uint32Array(256)
  private linkNext = new Int32Array(256)
  private links = 0
  private readonly long: number[] = []
  private readTo = 0
  length = 0
  /** Lines that could not be read or kept. */
  dropped = 0

  constructor(source: ByteSource) {
    this.source = source
  }

  get bytes(): number {
    return this.starts.length * 20 + this.linkLine.length * 8 + this.newest.size * 48
  }

  /** How far the file has been read, bytes. */
  get readOffset(): number {
    return this.readTo
  }

  /** Reads what was appended; an unfinished last line is left for the next time. */
  refresh(sizeNow: number): void {
    while (this.readTo < sizeNow) {
      const chunk = new Uint8Array(Math.min(chunkBytes, sizeNow - this.readTo))
      const bytes = chunk.subarray(0, this.source.readInto(chunk, this.readTo))
      const end = bytes.lastIndexOf(10) + 1
      if (end === 0) {
        // A line longer than a chunk is no line; a short rest is a line being written.
        if (bytes.length < chunkBytes) return
        this.readTo += bytes.length
        this.dropped++
        continue
      }
      this.addLines(bytes.subarray(0, end), this.readTo)
      this.readTo += end
    }
  }

  /** @returns the number of the newest line that covers an address, or -1 */
  find(address: number): number {
    let best = -1
    for (let link = this.newest.get(Math.floor(address / pageBytes)) ?? -1; link >= 0; ) {
      const line = this.linkLine[link] as number
      if (this.covers(line, address)) {
        best = line
        break
      }
      link = this.linkNext[link] as number
    }
    for (let i = this.long.length - 1; i >= 0; i--) {
      const line = this.long[i] as number
      if (line < best) break
      if (this.covers(line, address)) return line
    }
    return best
  }

  /** Text after the second blank, as the runtime wrote it. */
  readName(line: number): string {
    const bytes = readBytes(this.source, this.nameAt[line] as number, maxNameBytes)
    const end = bytes.indexOf(10)
    return decodeName(end < 0 ? bytes : bytes.subarray(0, end)).trimEnd()
  }

  private covers(line: number, address: number): boolean {
    const offset = address - (this.starts[line] as number)
    return offset >= 0 && offset < (this.sizes[line] as number)
  }

  private addLines(bytes: Uint8Array, offset: number): void {
    let p = 0
    while (p < bytes.length) {
      const end = bytes.indexOf(10, p)
      const start = readHex(bytes, p)
      const size = start && bytes[start.end] === 32 ? readHex(bytes, start.end + 1) : undefined
      if (start && size && bytes[size.end] === 32 && size.value > 0 && this.length < maxLines) {
        this.add(start.value, size.value, offset + size.end + 1)
      } else if (end > p) this.dropped++
      p = end + 1
    }
  }

  private add(start: number, size: number, nameAt: number): void {
    if (this.length === this.starts.length) {
      this.starts = grow(this.starts)
      this.sizes = grow(this.sizes)
      this.nameAt = grow(this.nameAt)
    }
    const line = this.length++
    this.starts[line] = start
    this.sizes[line] = Math.min(size, 0xffff_ffff)
    this.nameAt[line] = nameAt
    const first = Math.floor(start / pageBytes)
    const last = Math.floor((start + size - 1) / pageBytes)
    if (last - first >= maxPages) {
      this.long.push(line)
      return
    }
    for (let page = first; page <= last; page++) this.link(page, line)
  }

  private link(page: number, line: number): void {
    if (this.links === this.linkLine.length) {
      this.linkLine = grow(this.linkLine)
      this.linkNext = grow(this.linkNext)
    }
    const link = this.links++
    this.linkLine[link] = line
    this.linkNext[link] = this.newest.get(page) ?? -1
    this.newest.set(page, link)
  }
}

/** Hex digits with or without `0x`; undefined when there are none or too many for an address. */
function readHex(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  if (bytes[at] === 48 && ((bytes[at + 1] ?? 0) | 32) === 120) at += 2
  let value = 0
  let p = at
  for (; p < bytes.length; p++) {
    const byte = bytes[p] as number
    const digit =
      byte >= 48 && byte <= 57
        ? byte - 48
        : byte >= 97 && byte <= 102
          ? byte - 87
          : byte >= 65 && byte <= 70
            ? byte - 55
            : -1
    if (digit < 0) break
    value = value * 16 + digit
  }
  return p > at && value <= Number.MAX_SAFE_INTEGER ? { value, end: p } : undefined
}

function grow<Column extends Float64Array | Uint32Array | Int32Array>(column: Column): Column {
  const larger = new (column.constructor as new (length: number) => Column)(column.length * 2)
  larger.set(column)
  return larger
}
