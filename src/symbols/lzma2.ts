// LZMA2, the compression inside .xz: chunks of LZMA with resets between them. The algorithm and its constants are those
// of the LZMA specification (Igor Pavlov, public domain); the output doubles as the dictionary.
import { Failure } from '../model/errors.ts'

/** Half of 2^11: a probability that knows nothing yet. */
const evenOdds = 1024
const topValue = 0x1000000
const firstOutputBytes = 1 << 16

// Where each group of probabilities begins in the one array of them; 4 position bits at most (lc + lp <= 4 in LZMA2).
const isMatch = 0
const isRep = isMatch + (12 << 4)
const isRepG0 = isRep + 12
const isRepG1 = isRepG0 + 12
const isRepG2 = isRepG1 + 12
const isRep0Long = isRepG2 + 12
const distanceSlot = isRep0Long + (12 << 4)
const distanceSpecial = distanceSlot + 4 * 64
const distanceAlign = distanceSpecial + 115
const lengthMatch = distanceAlign + 16
// A length: choice, choice2, low[16][8], mid[16][8], high[256].
const lengthBits = 2 + 16 * 8 * 2 + 256
const lengthRep = lengthMatch + lengthBits
const literals = lengthRep + lengthBits
const probabilities = literals + (0x300 << 4)

export class Lzma2 {
  private readonly input: Uint8Array
  private readonly maxBytes: number
  /** Next byte to read. */
  position = 0
  private out = new Uint8Array(firstOutputBytes)
  private length = 0
  private dictionaryStart = 0
  private readonly odds = new Uint16Array(probabilities)
  private state = 0
  private rep0 = 0
  private rep1 = 0
  private rep2 = 0
  private rep3 = 0
  private literalBits = 0
  private literalMask = 0
  private positionMask = 0
  private range = 0
  private code = 0

  constructor(input: Uint8Array, { maxBytes }: { maxBytes: number }) {
    this.input = input
    this.maxBytes = maxBytes
  }

  output(): Uint8Array {
    return this.out.subarray(0, this.length)
  }

  /** Unpacks the chunks at `position` up to the end mark; `this.position` is then behind it. */
  decode(position: number): void {
    this.position = position
    for (;;) {
      const control = this.byte()
      if (control === 0) return
      if (control < 0x80) {
        if (control > 2) throw damaged()
        if (control === 1) this.dictionaryStart = this.length
        this.copy(this.word() + 1)
        continue
      }
      const size = ((control & 0x1f) << 16) + this.word() + 1
      const packedSize = this.word() + 1
      const reset = (control >> 5) & 3
      if (reset === 3) this.dictionaryStart = this.length
      if (reset >= 2) this.setProperties(this.byte())
      if (reset >= 1) this.resetState()
      this.decodeChunk(size, this.position + packedSize)
    }
  }

  private byte(): number {
    const value = this.input[this.position++]
    if (value === undefined) throw damaged()
    return value
  }

  private word(): number {
    const high = this.byte()
    return high * 256 + this.byte()
  }

  private reserve(count: number): void {
    const wanted = this.length + count
    if (wanted > this.maxBytes) throw new Failure('TOO_LARGE', `.xz data unpacks to more than ${this.maxBytes} bytes`)
    if (wanted <= this.out.length) return
    const larger = new Uint8Array(Math.min(this.maxBytes, Math.max(wanted, this.out.length * 2)))
    larger.set(this.out.subarray(0, this.length))
    this.out = larger
  }

  private copy(count: number): void {
    if (this.position + count > this.input.length) throw damaged()
    this.reserve(count)
    this.out.set(this.input.subarray(this.position, this.position + count), this.length)
    this.length += count
    this.position += count
  }

  /** `(positionBits * 5 + literalPositionBits) * 9 + literalContextBits` */
  private setProperties(byte: number): void {
    const lc = byte % 9
    const lp = Math.floor(byte / 9) % 5
    const pb = Math.floor(byte / 45)
    if (pb > 4 || lc + lp > 4) throw damaged()
    this.literalBits = lc
    this.literalMask = (1 << lp) - 1
    this.positionMask = (1 << pb) - 1
  }

  private resetState(): void {
    this.odds.fill(evenOdds)
    this.state = 0
    this.rep0 = 0
    this.rep1 = 0
    this.rep2 = 0
    this.rep3 = 0
  }

  private decodeChunk(size: number, end: number): void {
    if (end > this.input.length) throw damaged()
    this.reserve(size)
    this.range = 0xffffffff
    this.byte()
    this.code = ((this.byte() << 24) | (this.byte() << 16) | (this.byte() << 8) | this.byte()) >>> 0
    const until = this.length + size
    while (this.length < until) this.decodeSymbol(until)
    this.position = end
  }

  private decodeSymbol(until: number): void {
    const at = this.length - this.dictionaryStart
    const positionState = at & this.positionMask
    if (this.bit(isMatch + (this.state << 4) + positionState) === 0) {
      this.literal(at)
      return
    }
    let length: number
    if (this.bit(isRep + this.state) === 0) {
      this.rep3 = this.rep2
      this.rep2 = this.rep1
      this.rep1 = this.rep0
      length = this.matchLength(lengthMatch, positionState)
      this.state = this.state < 7 ? 7 : 10
      this.rep0 = this.distance(length)
    } else if (this.bit(isRepG0 + this.state) === 0) {
      if (this.bit(isRep0Long + (this.state << 4) + positionState) === 0) {
        this.state = this.state < 7 ? 9 : 11
        this.repeat(1, until)
        return
      }
      length = this.repeatedLength(positionState)
    } else {
      let distance = this.rep1
      if (this.bit(isRepG1 + this.state) !== 0) {
        distance = this.rep2
        if (this.bit(isRepG2 + this.state) !== 0) {
          distance = this.rep3
          this.rep3 = this.rep2
        }
        this.rep2 = this.rep1
      }
      this.rep1 = this.rep0
      this.rep0 = distance
      length = this.repeatedLength(positionState)
    }
    this.repeat(length, until)
  }

  private repeatedLength(positionState: number): number {
    const length = this.matchLength(lengthRep, positionState)
    this.state = this.state < 7 ? 8 : 11
    return length
  }

  private repeat(length: number, until: number): void {
    if (this.rep0 >= this.length - this.dictionaryStart || this.length + length > until) throw damaged()
    const { out } = this
    let from = this.length - this.rep0 - 1
    for (let i = 0; i < length; i++) out[this.length++] = out[from++] as number
  }

  private literal(at: number): void {
    const previous = at > 0 ? (this.out[this.length - 1] as number) : 0
    const context = ((at & this.literalMask) << this.literalBits) + (previous >> (8 - this.literalBits))
    const base = literals + 0x300 * context
    let symbol = 1
    if (this.state >= 7) {
      if (this.rep0 >= at) throw damaged()
      let match = this.out[this.length - this.rep0 - 1] as number
      do {
        const matchBit = (match >> 7) & 1
        match <<= 1
        const bit = this.bit(base + ((1 + matchBit) << 8) + symbol)
        symbol = (symbol << 1) | bit
        if (matchBit !== bit) break
      } while (symbol < 0x100)
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.bit(base + symbol)
    this.out[this.length++] = symbol & 0xff
    this.state = this.state < 4 ? 0 : this.state < 10 ? this.state - 3 : this.state - 6
  }

  private matchLength(base: number, positionState: number): number {
    if (this.bit(base) === 0) return 2 + this.tree(base + 2 + (positionState << 3), 3)
    if (this.bit(base + 1) === 0) return 10 + this.tree(base + 2 + 128 + (positionState << 3), 3)
    return 18 + this.tree(base + 2 + 256, 8)
  }

  private distance(length: number): number {
    const slot = this.tree(distanceSlot + (Math.min(length - 2, 3) << 6), 6)
    if (slot < 4) return slot
    const directBits = (slot >> 1) - 1
    const base = (2 | (slot & 1)) * 2 ** directBits
    if (slot < 14) return base + this.reverseTree(distanceSpecial + base - slot, directBits)
    let value = 0
    for (let i = directBits - 4; i > 0; i--) {
      this.range >>>= 1
      let bit = 0
      if (this.code >= this.range) {
        this.code = (this.code - this.range) >>> 0
        bit = 1
      }
      this.normalize()
      value = value * 2 + bit
    }
    return base + value * 16 + this.reverseTree(distanceAlign, 4)
  }

  /** A number of `bits` bits, highest first. */
  private tree(base: number, bits: number): number {
    let symbol = 1
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.bit(base + symbol)
    return symbol - (1 << bits)
  }

  /** Lowest bit first. */
  private reverseTree(base: number, bits: number): number {
    let symbol = 1
    let value = 0
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(base + symbol)
      symbol = (symbol << 1) | bit
      value |= bit << i
    }
    return value
  }

  private bit(index: number): number {
    const odds = this.odds[index] as number
    const bound = (this.range >>> 11) * odds
    if (this.code < bound) {
      this.range = bound
      this.odds[index] = odds + ((2048 - odds) >> 5)
      if (this.range < topValue) this.normalize()
      return 0
    }
    this.range -= bound
    this.code -= bound
    this.odds[index] = odds - (odds >> 5)
    if (this.range < topValue) this.normalize()
    return 1
  }

  private normalize(): void {
    if (this.range >= topValue) return
    this.range = (this.range << 8) >>> 0
    this.code = ((this.code << 8) | (this.input[this.position++] ?? 0)) >>> 0
  }
}

const damaged = (): Failure => new Failure('MALFORMED', '.xz data is damaged')
