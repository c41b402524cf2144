// Writes text of any size: strings end at 2^29 characters, so pieces are encoded as they come.

const utf8 = new TextEncoder()
/** Characters collected before they are encoded: large enough to amortise the call, small enough to stay cached. */
const pieceLength = 1 << 16

export class TextWriter {
  private buffer = new Uint8Array(pieceLength)
  private at = 0
  private pending = ''

  write(text: string): void {
    this.pending += text
    if (this.pending.length >= pieceLength) this.flush()
  }

  /** What was written; an exact-sized copy. */
  toBytes(): Uint8Array<ArrayBuffer> {
    this.flush()
    return this.buffer.slice(0, this.at)
  }

  private flush(): void {
    // A UTF-16 unit is at most three bytes of UTF-8.
    const needed = this.at + this.pending.length * 3
    if (needed > this.buffer.length) {
      const larger = new Uint8Array(Math.max(this.buffer.length * 2, needed))
      larger.set(this.buffer.subarray(0, this.at))
      this.buffer = larger
    }
    this.at += utf8.encodeInto(this.pending, this.buffer.subarray(this.at)).written
    this.pending = ''
  }
}
