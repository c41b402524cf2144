// JIT code with the time from which it is valid: the jitdump format (tools/perf/Documentation/jitdump-specification.txt).
//
//   header: "DTiJ", version, header size, machine, pad, pid, timestamp u64, flags u64
//   record: id u32, size u32, timestamp u64; 0 LOAD {pid, tid, vma, address, size u64, index, name\0, code} 1 MOVE 2 DEBUG_INFO 3 CLOSE
import { type ByteSource, readBytes, readCString } from './byte-source.ts'
import { u64, viewOf } from './elf.ts'
import { NewestRanges } from './newest-ranges.ts'

const magic = 0x4a695444
const headerBytes = 40
/** More records than a JVM makes in a day; a million take 100 MB. */
const maxRecords = 1_000_000
/** Debug records and code are skipped, so only heads and names are read. */
const loadHeadBytes = 56
const moveBytes = 64

const record = { load: 0, move: 1 } as const

/** Growing table of the code that a jitdump file tells of; the newest record that covers an address is right. */
export class JitDump {
  private readonly source: ByteSource
  private readonly ranges = new NewestRanges()
  /** From the index of a piece of code to where its name is. */
  private readonly names = new Map<number, number>()
  private readTo = 0
  /** Records that could not be read. */
  dropped = 0

  constructor(source: ByteSource) {
    this.source = source
  }

  get bytes(): number {
    return this.ranges.bytes + this.names.size * 60
  }

  /** Reads the records that were appended; one that is still being written is left for the next time. */
  refresh(sizeNow: number): void {
    if (this.readTo === 0) {
      const head = readBytes(this.source, 0, headerBytes)
      if (head.length < headerBytes) return
      const size = viewOf(head).getUint32(8, true)
      if (viewOf(head).getUint32(0, true) !== magic || size < headerBytes) {
        this.dropped++
        this.readTo = Number.POSITIVE_INFINITY
        return
      }
      this.readTo = size
    }
    while (this.readTo + 16 <= sizeNow) {
      const view = viewOf(readBytes(this.source, this.readTo, moveBytes))
      if (view.byteLength < 16) return
      const size = view.getUint32(4, true)
      if (size < 16) {
        // Sizes lead from record to record; without one the rest cannot be found.
        this.dropped++
        this.readTo = Number.POSITIVE_INFINITY
        return
      }
      if (this.readTo + size > sizeNow) return
      this.readRecord(view, size)
      this.readTo += size
    }
  }

  /** @returns the number of the newest record that covers an address, or -1 */
  find(address: number): number {
    return this.ranges.find(address)
  }

  readName(range: number): string {
    return readCString(this.source, this.ranges.valueAt(range))
  }

  private readRecord(view: DataView, size: number): void {
    const id = view.getUint32(0, true)
    if (id === record.load && size > loadHeadBytes && view.byteLength >= loadHeadBytes) {
      // pid 16, tid 20, vma 24, address 32, size 40, index 48, name 56.
      const nameAt = this.readTo + loadHeadBytes
      this.names.set(u64(view, 48), nameAt)
      this.add(u64(view, 32), u64(view, 40), nameAt)
    } else if (id === record.move && size >= moveBytes && view.byteLength >= moveBytes) {
      // pid 16, tid 20, vma 24, old address 32, new address 40, size 48, index 56.
      this.add(u64(view, 40), u64(view, 48), this.names.get(u64(view, 56)))
    } else if (id === record.load || id === record.move) this.dropped++
  }

  private add(start: number, size: number, nameAt: number | undefined): void {
    if (nameAt === undefined || size === 0 || this.ranges.length >= maxRecords) this.dropped++
    else this.ranges.add(start, size, nameAt)
  }
}
