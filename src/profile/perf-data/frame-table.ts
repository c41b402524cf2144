// Places in code, each with its names: what stacks are made of once they are resolved. A place is an offset in a file,
// so the same function in a thousand processes is one row. Rows that no stack refers to can be forgotten.
import type { SymbolFrame, Symbolizer } from '../symbolizer.ts'
import type { MappedFile, MappedRange } from './mapped-file.ts'
import { RowArena } from './row-arena.ts'

/** One row; `frames` empty = no name is known. */
export interface CodePlace {
  /** undefined: the address lay in no mapping. */
  readonly file: MappedFile | undefined
  /** In the file, or the absolute address where the file has none (kernel, run-time code). */
  readonly offset: number
  frames: readonly SymbolFrame[]
  /** Second in which the name was looked up last. */
  askedAt: number
}

const noFrames: readonly SymbolFrame[] = []

/** Row 0: an address outside of every mapping. */
export const unknownPlace = 0

/** First room. Small: growing early, before code is compiled for good, spares compiling it twice. */
const firstPlaces = 64

/** In the high word of the offset of a return address: what was inlined there is that of the call before it. */
const returnBit = 1 << 30

/** How long an answer "no name" stands: the next process of the same file may still have it open. */
const retrySeconds = 10

/** Places of one mapping that wait for names. */
interface Question {
  readonly range: MappedRange
  readonly ips: number[]
  /** 1 = a return address. */
  readonly returns: number[]
  readonly rows: number[]
}

export class FrameTable {
  readonly places: (CodePlace | undefined)[] = []
  private readonly keepsAddresses: boolean
  /** Row that stands for all places of the same function; itself when places are kept apart. */
  private same = new Int32Array(firstPlaces)
  private jit = new Uint8Array(firstPlaces)
  /** Rows [offset low, offset high] under the file's id; the number is the row of `places`. */
  private readonly index = new RowArena()
  private readonly key = new Int32Array(2)
  /** From file and function to the place that stands for it. */
  private readonly functions = new Map<MappedFile | undefined, Map<string, number>>()
  private readonly questions = new Map<MappedFile, Question[]>()

  constructor(keepsAddresses: boolean) {
    this.keepsAddresses = keepsAddresses
    this.reset()
  }

  /**
   * Row of the place that an address is; its name is asked for by `askNames`.
   * @param isReturn it is what a call returns to, and not what ran
   */
  rowOf(range: MappedRange, address: number, { second, isReturn }: { second: number; isReturn: boolean }): number {
    const { file } = range
    const offset = file.isAbsolute ? address : address - range.start + range.pageOffset
    const { key, index } = this
    key[0] = offset | 0
    key[1] = Math.floor(offset / 4294967296) | (isReturn && !file.isAbsolute ? returnBit : 0)
    let row = index.intern(key, 0, 2, file.id)
    if (index.wasNew) {
      this.put(row, { file, offset, frames: noFrames, askedAt: second })
      this.ask(range, address, { row, isReturn })
    } else {
      const place = this.places[row] as CodePlace
      if (
        place.askedAt !== second &&
        (file.isJit || (place.frames.length === 0 && place.askedAt + retrySeconds < second))
      ) {
        if (file.isJit && place.frames.length > 0) {
          // Run-time code may have another name by now: a new row, so that stacks of before keep theirs.
          row = index.renew(row)
          this.put(row, { file, offset, frames: noFrames, askedAt: second })
        }
        ;(this.places[row] as CodePlace).askedAt = second
        this.ask(range, address, { row, isReturn })
      }
    }
    return row
  }

  /** Asks for the names of all rows that were made since the last call. */
  askNames(symbolizer: Symbolizer): void {
    for (const [file, questions] of this.questions) {
      for (const { range, ips, returns, rows } of questions) {
        const mapping = file.buildId && !range.buildId ? { ...range, buildId: file.buildId } : range
        const answers = file.onlyFunction
          ? rows.map(() => [{ name: file.onlyFunction as string }])
          : symbolizer.symbolize(mapping, Float64Array.from(ips), Uint8Array.from(returns))
        rows.forEach((row, i) => {
          this.name(row, answers[i] ?? [])
        })
      }
    }
    this.questions.clear()
  }

  /** The row to put into a stack: that of the function, unless addresses are kept. */
  standFor(row: number): number {
    return this.same[row] as number
  }

  /** Run-time code: its name may be another one later. */
  isJit(row: number): boolean {
    return this.jit[row] === 1
  }

  get size(): number {
    return this.index.size
  }

  /** Forgets rows that are not kept. */
  retain(isKept: (row: number) => boolean): void {
    const kept = (row: number): boolean => row === unknownPlace || isKept(row)
    this.index.retain(kept)
    for (let row = 0; row < this.places.length; row++) if (!kept(row)) this.places[row] = undefined
    this.places.length = this.index.limit
    for (const [file, rows] of this.functions) {
      for (const [name, row] of rows) if (!kept(row)) rows.delete(name)
      if (rows.size === 0) this.functions.delete(file)
    }
    // A place whose stand-in went away stands for itself again.
    this.places.forEach((place, row) => {
      if (place && this.places[this.same[row] as number] === undefined) this.same[row] = row
    })
  }

  private reset(): void {
    this.key.fill(0)
    this.index.intern(this.key, 0, 2, 0)
    this.put(unknownPlace, { file: undefined, offset: 0, frames: [], askedAt: Number.POSITIVE_INFINITY })
  }

  private put(row: number, place: CodePlace): void {
    if (row >= this.same.length) {
      const same = new Int32Array(this.same.length * 2)
      same.set(this.same)
      this.same = same
      const jit = new Uint8Array(same.length)
      jit.set(this.jit)
      this.jit = jit
    }
    this.places[row] = place
    this.same[row] = row
    this.jit[row] = place.file?.isJit ? 1 : 0
  }

  private ask(range: MappedRange, address: number, { row, isReturn }: { row: number; isReturn: boolean }): void {
    const { file } = range
    let questions = this.questions.get(file)
    if (!questions) {
      questions = []
      this.questions.set(file, questions)
    }
    // Many processes map the same part of a file: one of them is asked for all.
    for (const question of questions) {
      const { start, pageOffset, length } = question.range
      if (file.isAbsolute ? question.range === range : pageOffset === range.pageOffset && length === range.length) {
        question.ips.push(start + (address - range.start))
        question.returns.push(isReturn ? 1 : 0)
        question.rows.push(row)
        return
      }
    }
    questions.push({ range, ips: [address], returns: [isReturn ? 1 : 0], rows: [row] })
  }

  private name(row: number, frames: readonly SymbolFrame[]): void {
    const place = this.places[row] as CodePlace
    place.frames = frames
    this.same[row] = row
    if (this.keepsAddresses || frames.length === 0 || frames.some((frame) => frame.line)) return
    let rows = this.functions.get(place.file)
    if (!rows) {
      rows = new Map()
      this.functions.set(place.file, rows)
    }
    const name = frames.length === 1 ? (frames[0] as SymbolFrame).name : frames.map((frame) => frame.name).join('\n')
    const first = rows.get(name)
    if (first === undefined) rows.set(name, row)
    else this.same[row] = first
  }
}
