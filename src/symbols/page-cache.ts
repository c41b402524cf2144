// Small reads at random, as looking names up is, answered from pages that were read before: a system call for 4 kB costs
// what one for a name does, and the next function's name and tables lie on the same page mostly.
import type { ByteSource } from './byte-source.ts'

const pageBytes = 4096
/** Pages of all files together: 2 MB, what a window of a busy node looks at. */
const pages = 512

/** Shared by the files of one symbolizer. Which page is kept where follows from its number, so nothing is searched. */
export class PageCache {
  private readonly memory = new Uint8Array(pages * pageBytes)
  /** Number of the file whose page it is, 0 = free. */
  private readonly owner = new Int32Array(pages)
  private readonly page = new Float64Array(pages)
  private readonly length = new Int32Array(pages)
  private files = 0

  /** The same bytes, of a file that does not change. */
  over(source: ByteSource): ByteSource {
    const file = ++this.files
    return {
      size: source.size,
      readInto: (target, offset) => {
        // Large reads go past the cache, and would only push everything else out.
        if (!(offset >= 0) || target.length > pageBytes) return source.readInto(target, offset)
        let done = 0
        while (done < target.length) {
          const at = offset + done
          const page = Math.floor(at / pageBytes)
          const slot = this.slotOf(source, file, page)
          const from = at - page * pageBytes
          const count = Math.min(target.length - done, (this.length[slot] as number) - from)
          if (count <= 0) break
          const start = slot * pageBytes + from
          target.set(this.memory.subarray(start, start + count), done)
          done += count
        }
        return done
      },
    }
  }

  private slotOf(source: ByteSource, file: number, page: number): number {
    const slot = (page + Math.imul(file, 0x9e3779b1)) & (pages - 1)
    if (this.owner[slot] !== file || this.page[slot] !== page) {
      const memory = this.memory.subarray(slot * pageBytes, (slot + 1) * pageBytes)
      this.length[slot] = source.readInto(memory, page * pageBytes)
      this.owner[slot] = file
      this.page[slot] = page
    }
    return slot
  }
}
