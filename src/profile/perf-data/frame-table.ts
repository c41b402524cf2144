// Places in code, each with its names: what stacks are made of once they are resolved. A place is an offset in a file,
// so the same function in a thousand processes is one row. Rows that no stack refers to can be forgotten.
import type { SymbolFrame, Symbolizer } from '../symbolizer.ts'
import type { MappedFile, MappedRange } from './mapped-file.ts'
import { PlaceIndex } from './place-index.ts'

/** One row; `frames` empty = no name is known. */
export interface CodePlace {
  /** undefined: the address lay in no mapping. */
  readonly file: MappedFile | undefined
  /** In the file, or the absolute address where the file has none (kernel, run-time code). */
  readonly offset: number
  readonly frames: readonly SymbolFrame[]
}

const noFrames: readonly SymbolFrame[] = []

/** Row 0: an address outside of every mapping. */
export const unknownPlace = 0

/** Files have ids from 1 on. */
const noFile = 0

/** First room. Small: growing early, before code is compiled for good, spares compiling it twice. */
const firstPlaces = 64

/** Added to the offset of a return address: what was inlined there is that of the call, not of what follows it. */
const returnOffset = 2 ** 52

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
  private readonly keepsAddresses: boolean
  // Columns: a large recording has a hundred thousand places, and as objects they would keep the garbage collector busy.
  private files: (MappedFile | undefined)[] = []
  private names: (readonly SymbolFrame[])[] = []
  private offsets = new Float64Array(firstPlaces)
  /** Second in which the name was looked up last. */
  private askedAt = new Float64Array(firstPlaces)
  /** Row that stands for all places of the same function; itself when places are kept apart. */
  private same = new Int32Array(firstPlaces)
  private readonly index = new PlaceIndex()
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
    const row = this.index.intern(file.id, isReturn && !file.isAbsolute ? offset + returnOffset : offset)
    if (this.index.wasNew) {
      this.put(row, file, offset, second)
      this.ask(range, address, { row, isReturn })
      return row
    }
    const asked = this.askedAt[row] as number
    if (asked === second) return row
    const isNamed = (this.names[row] as readonly SymbolFrame[]).length > 0
    if (!file.isJit && (isNamed || asked + retrySeconds >= second)) return row
    // Run-time code may have another name by now: a new row, so that stacks of before keep theirs.
    const now = file.isJit && isNamed ? this.index.renew(file.id, offset) : row
    if (now !== row) this.put(now, file, offset, second)
    this.askedAt[row] = second
    this.ask(range, address, { row: now, isReturn })
    return now
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
    return this.files[row]?.isJit ?? false
  }

  placeOf(row: number): CodePlace {
    return {
      file: this.files[row],
      offset: this.offsets[row] as number,
      frames: this.names[row] as readonly SymbolFrame[],
    }
  }

  /** Files that places lie in. */
  usedFiles(): Set<MappedFile | undefined> {
    return new Set(this.files)
  }

  /** One above the largest row. */
  get limit(): number {
    return this.index.limit
  }

  get size(): number {
    return this.index.size
  }

  /** Forgets rows that are not kept. */
  retain(isKept: (row: number) => boolean): void {
    const kept = (row: number): boolean => row === unknownPlace || isKept(row)
    for (const [file, rows] of this.functions) {
      for (const [name, row] of rows) if (!kept(row)) rows.delete(name)
      if (rows.size === 0) this.functions.delete(file)
    }
    for (let row = 0; row < this.limit; row++) {
      if (!kept(row)) this.forget(row)
      // A place whose stand-in goes away stands for itself again.
      else if (!kept(this.same[row] as number)) this.same[row] = row
    }
    this.index.retain(kept)
    this.files.length = this.limit
    this.names.length = this.limit
  }

  private reset(): void {
    this.put(this.index.intern(noFile, 0), undefined, 0, Number.POSITIVE_INFINITY)
  }

  private put(row: number, file: MappedFile | undefined, offset: number, second: number): void {
    if (row >= this.same.length) this.grow()
    this.files[row] = file
    this.names[row] = noFrames
    this.offsets[row] = offset
    this.askedAt[row] = second
    this.same[row] = row
  }

  private forget(row: number): void {
    this.files[row] = undefined
    this.names[row] = noFrames
  }

  private grow(): void {
    const rows = this.same.length * 2
    const same = new Int32Array(rows)
    same.set(this.same)
    this.same = same
    const offsets = new Float64Array(rows)
    offsets.set(this.offsets)
    this.offsets = offsets
    const askedAt = new Float64Array(rows)
    askedAt.set(this.askedAt)
    this.askedAt = askedAt
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
        // The kernel's range begins at -2^55, from where a distance is no exact number.
        question.ips.push(file.isAbsolute ? address : start + (address - range.start))
        question.returns.push(isReturn ? 1 : 0)
        question.rows.push(row)
        return
      }
    }
    questions.push({ range, ips: [address], returns: [isReturn ? 1 : 0], rows: [row] })
  }

  private name(row: number, frames: readonly SymbolFrame[]): void {
    this.names[row] = frames
    this.same[row] = row
    if (this.keepsAddresses || frames.length === 0 || frames.some((frame) => frame.line)) return
    const file = this.files[row]
    let rows = this.functions.get(file)
    if (!rows) {
      rows = new Map()
      this.functions.set(file, rows)
    }
    const name = frames.length === 1 ? (frames[0] as SymbolFrame).name : frames.map((frame) => frame.name).join('\n')
    const first = rows.get(name)
    if (first === undefined) rows.set(name, row)
    else this.same[row] = first
  }
}
