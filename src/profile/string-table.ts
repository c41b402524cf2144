// The two string tables: one that was built from strings, one that still lies in a file's bytes; and what builds the first.
import type { StringTable } from './profile.ts'

/** Strings that exist already. */
export class StringList implements StringTable {
  private readonly items: readonly string[]

  constructor(items: readonly string[]) {
    this.items = items
  }

  get length(): number {
    return this.items.length
  }

  get(index: number): string {
    return this.items[index] ?? ''
  }
}

/** Numbers for texts, each different one once. */
export class TextNumbers {
  private readonly texts: string[]
  private readonly numbers: Map<string, number>

  /** @param texts that are numbered already; 0 is "" */
  constructor(texts: readonly string[] = ['']) {
    this.texts = [...texts]
    this.numbers = new Map(texts.map((text, i) => [text, i]))
  }

  intern(text: string): number {
    let number = this.numbers.get(text)
    if (number === undefined) {
      number = this.texts.push(text) - 1
      this.numbers.set(text, number)
    }
    return number
  }

  /** As it is now; what is numbered later is not in it. */
  toTable(): StringList {
    return new StringList(this.texts.slice())
  }
}

// Not fatal: a name with broken UTF-8 is shown with U+FFFD. Writers copy the bytes, so nothing is lost on the way.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Strings as byte ranges of a file, decoded when asked for: most strings of a large profile are never shown. */
export class LazyStrings implements StringTable {
  /** String i is source[starts[i] .. ends[i]]. */
  readonly source: Uint8Array
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  private words: DataView | undefined
  private readonly decoded: (string | undefined)[] = []

  constructor(source: Uint8Array, starts: Uint32Array, ends: Uint32Array) {
    this.source = source
    this.starts = starts
    this.ends = ends
  }

  get length(): number {
    return this.starts.length
  }

  get(index: number): string {
    const known = this.decoded[index]
    if (known !== undefined) return known
    const text = index < this.starts.length ? utf8.decode(this.bytes(index)) : ''
    this.decoded[index] = text
    return text
  }

  /** The source for reading four bytes at a time. */
  get view(): DataView {
    this.words ??= new DataView(this.source.buffer, this.source.byteOffset, this.source.byteLength)
    return this.words
  }

  /** The bytes as they are in the file. */
  bytes(index: number): Uint8Array {
    return this.source.subarray(this.starts[index], this.ends[index])
  }
}
