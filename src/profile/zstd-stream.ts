// zstd as it arrives (RFC 8878), for files and for perf.data, whose packed records together are one stream.
//
//   28 b5 2f fd | descriptor | window? | dictionary? | content size? | blocks | checksum?
//   block: 3 bytes = last(1 bit) type(2 bits: 0 raw, 1 run-length, 2 compressed) size(21 bits)
//
// Our own, because a damaged frame must end in an error and never in a loop. Checksums are not compared.
import { Failure } from '../model/errors.ts'
import { damagedZstd } from './zstd-bits.ts'
import { BlockDecoder, maxBlockBytes, type Output } from './zstd-block.ts'

/** A frame's header is at most this long; so much is waited for unless the input ends. */
const maxHeadBytes = 18
const firstOutputBytes = 4 * maxBlockBytes

export interface ZstdStreamOptions {
  /** Gets what was unpacked, block by block; valid until it returns. */
  readonly take: (bytes: Uint8Array) => void
  /** Larger windows are refused: so much has to be kept of what came before. */
  readonly maxWindowBytes: number
}

export class ZstdStream {
  private readonly take: (bytes: Uint8Array) => void
  private readonly maxWindowBytes: number
  private waiting = new Uint8Array(0)
  private state: 'head' | 'block' | 'skip' = 'head'
  private toSkip = 0
  private windowBytes = 0
  private hasChecksum = false
  /** What the frame says that it gives, and what it gave so far. */
  private contentBytes: number | undefined
  private givenBytes = 0
  private decoder = new BlockDecoder()
  private readonly output: Output = { bytes: new Uint8Array(firstOutputBytes), length: 0 }

  constructor({ take, maxWindowBytes }: ZstdStreamOptions) {
    this.take = take
    this.maxWindowBytes = maxWindowBytes
  }

  /** Between frames, with nothing left over. */
  get isWhole(): boolean {
    return this.state === 'head' && this.waiting.length === 0
  }

  /** @throws Failure MALFORMED, TOO_LARGE (the window) */
  push(chunk: Uint8Array): void {
    let bytes = chunk
    if (this.waiting.length > 0) {
      bytes = new Uint8Array(this.waiting.length + chunk.length)
      bytes.set(this.waiting)
      bytes.set(chunk, this.waiting.length)
    }
    let at = 0
    for (let used = -1; used !== 0; at += used) used = this.step(bytes.subarray(at))
    this.waiting = bytes.slice(at)
  }

  /** Reads one thing. @returns how many bytes it took; 0 = there are not enough */
  private step(bytes: Uint8Array): number {
    if (bytes.length === 0) return 0
    if (this.state === 'head') return this.readHead(bytes)
    if (this.state === 'block') return this.readBlock(bytes)
    const count = Math.min(this.toSkip, bytes.length)
    this.toSkip -= count
    if (this.toSkip === 0) this.state = 'head'
    return count
  }

  private skip(count: number): void {
    this.toSkip = count
    this.state = count > 0 ? 'skip' : 'head'
  }

  private readHead(bytes: Uint8Array): number {
    if (bytes.length < 5) return 0
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const magic = view.getUint32(0, true)
    if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) {
      if (bytes.length < 8) return 0
      this.skip(view.getUint32(4, true))
      return 8
    }
    if (magic !== 0xfd2fb528) throw new Failure('MALFORMED', 'something follows that is not zstd')
    const descriptor = bytes[4] as number
    const isSingleSegment = (descriptor & 0x20) !== 0
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number
    const sizeBytes = descriptor >> 6 === 0 ? (isSingleSegment ? 1 : 0) : 1 << (descriptor >> 6)
    const end = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes + sizeBytes
    if (bytes.length < Math.min(end, maxHeadBytes)) return 0
    if ((descriptor & 8) !== 0) throw damagedZstd()
    let content = sizeBytes === 2 ? 256 : 0
    for (let i = 0; i < sizeBytes; i++) content += (bytes[end - sizeBytes + i] as number) * 256 ** i
    this.contentBytes = sizeBytes > 0 ? content : undefined
    this.givenBytes = 0
    const window = bytes[5] as number
    // What a frame says of its size is not believed before it is there; repeats reach as far as there is output.
    this.windowBytes = isSingleSegment
      ? Math.min(content, this.maxWindowBytes)
      : 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8)
    if (this.windowBytes > this.maxWindowBytes) {
      const [is, may] = [this.windowBytes, this.maxWindowBytes].map((size) => `${Math.ceil(size / 2 ** 20)} MiB`)
      throw new Failure('TOO_LARGE', `unpacking needs a window of ${is}, the limit is ${may}`)
    }
    this.hasChecksum = (descriptor & 4) !== 0
    this.decoder = new BlockDecoder()
    this.output.length = 0
    this.state = 'block'
    return end
  }

  private readBlock(bytes: Uint8Array): number {
    if (bytes.length < 3) return 0
    const head = (bytes[0] as number) | ((bytes[1] as number) << 8) | ((bytes[2] as number) << 16)
    const type = (head >> 1) & 3
    const size = head >> 3
    const end = 3 + (type === 1 ? 1 : size)
    if (type === 3 || size > maxBlockBytes) throw damagedZstd()
    if (bytes.length < end) return 0
    this.makeRoom()
    const { output } = this
    const from = output.length
    if (type === 2) this.decoder.decode(bytes, 3, end, output)
    else {
      if (type === 0) output.bytes.set(bytes.subarray(3, end), from)
      else output.bytes.fill(bytes[3] as number, from, from + size)
      output.length += size
    }
    if (output.length - from > maxBlockBytes) throw damagedZstd()
    this.givenBytes += output.length - from
    if (output.length > from) this.take(output.bytes.subarray(from, output.length))
    if ((head & 1) === 1) {
      if (this.contentBytes !== undefined && this.contentBytes !== this.givenBytes) throw damagedZstd()
      this.skip(this.hasChecksum ? 4 : 0)
    }
    return end
  }

  /** For a block. What lies further back than the window is dropped, once for as many bytes as the window has. */
  private makeRoom(): void {
    const { output, windowBytes } = this
    if (output.length + maxBlockBytes <= output.bytes.length) return
    const most = Math.max(firstOutputBytes, 2 * windowBytes + maxBlockBytes)
    if (output.bytes.length < most) {
      const larger = new Uint8Array(Math.min(most, output.bytes.length * 2))
      larger.set(output.bytes.subarray(0, output.length))
      output.bytes = larger
      if (output.length + maxBlockBytes <= larger.length) return
    }
    output.bytes.copyWithin(0, output.length - windowBytes, output.length)
    output.length = windowBytes
  }
}
