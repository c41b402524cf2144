// Names of JIT code as the runtime itself writes them down: /tmp/perf-PID.map, appended to while the process runs.
//
//   7feff5ff6500 120 LazyCompile:*sortWork /app/server.js:12
//   0x00007f2a10e40020 0x0000000000000300 java.lang.String::hashCode
//
// Memory is used again without a word, so of overlapping lines the newest is the right one.
import { type ByteSource, decodeName, hexDigit, readBytes } from './byte-source.ts'
import { NewestRanges } from './newest-ranges.ts'

/** Lines that are kept: a JVM with everything compiled has 100 000; a million take 40 MB. */
const maxLines = 1_000_000
/** Read at once; a map is rarely longer than this, and growth comes in kilobytes. */
const chunkBytes = 1 << 18
/** Longest name that is read; V8 puts the whole source of a regular expression into one. */
const maxNameBytes = 4096

export class PerfMap {
  private readonly source: ByteSource
  private readonly ranges = new NewestRanges()
  /** How far the file has been read, bytes. */
  readTo = 0
  /** Lines that could not be read or kept. */
  dropped = 0

  constructor(source: ByteSource) {
    this.source = source
  }

  get bytes(): number {
    return this.ranges.bytes
  }

  get length(): number {
    return this.ranges.length
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
    return this.ranges.find(address)
  }

  /** Text after the second blank, as the runtime wrote it. */
  readName(line: number): string {
    const bytes = readBytes(this.source, this.ranges.valueAt(line), maxNameBytes)
    const end = bytes.indexOf(10)
    return decodeName(end < 0 ? bytes : bytes.subarray(0, end)).trimEnd()
  }

  private addLines(bytes: Uint8Array, offset: number): void {
    let p = 0
    while (p < bytes.length) {
      const end = bytes.indexOf(10, p)
      const start = readHex(bytes, p)
      const size = start && bytes[start.end] === 32 ? readHex(bytes, start.end + 1) : undefined
      if (start && size && bytes[size.end] === 32 && size.value > 0 && this.length < maxLines) {
        this.ranges.add(start.value, size.value, offset + size.end + 1)
      } else if (end > p) this.dropped++
      p = end + 1
    }
  }
}

/** Hex digits with or without `0x`; undefined when there are none or too many for an address. */
function readHex(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  if (bytes[at] === 48 && ((bytes[at + 1] ?? 0) | 32) === 120) at += 2
  let value = 0
  let p = at
  for (; p < bytes.length; p++) {
    const digit = hexDigit(bytes[p] as number)
    if (digit < 0) break
    value = value * 16 + digit
  }
  return p > at && value <= Number.MAX_SAFE_INTEGER ? { value, end: p } : undefined
}
