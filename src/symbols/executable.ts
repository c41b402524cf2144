// One opened file with code: from an address in a mapping of it to names.

import { firstAbove } from '../lib/first-above.ts'
import type { SymbolFrame } from '../profile/symbolizer.ts'
import type { ByteSource } from './byte-source.ts'
import { demangle } from './demangle.ts'
import { type InlinedCalls, openInlinedCalls } from './dwarf/inlines.ts'
import { addressOfOffset, type Elf, readElf } from './elf.ts'
import { type ElfSymbols, readElfSymbols, readEmbeddedSymbols } from './elf-symbols.ts'
import { type FrameDetail, type GoTable, readGoTable } from './go-table.ts'
import { pltRanges, readPltSymbols } from './plt-stubs.ts'

export interface FoundFile {
  readonly elf: Elf
  close(): void
}

/** Finds files that belong to another one. */
export interface DebugFiles {
  /** What holds the symbols that were stripped from `file`. */
  symbolsOf(file: Elf): FoundFile | undefined
  /** What holds the debug information that `file` has in common with others (dwz -m). */
  sharedOf(file: Elf): FoundFile | undefined
}

export interface Executable {
  readonly buildId: string | undefined
  /** Memory that its tables and names take, roughly; grows with use. */
  readonly bytes: number
  /**
   * Says what `framesAt` will be asked. When it is all that is ever asked, only the symbols for it are read.
   * @param offsets in any order
   */
  expect(offsets: Float64Array): void
  /** Parts of debug information that could not be read, so that their inlined calls are missing. */
  readonly unread: number
  /**
   * @param offset byte of the file that was loaded at the address in question
   * @param isReturn the function is that of the address itself, as in perf; what was inlined that of the call before it
   */
  framesAt(offset: number, isReturn?: boolean): readonly SymbolFrame[]
  /** Drops tables and names; they are read again when asked for. */
  release(): void
  close(): void
}

/** Frames kept for each file: a busy service samples some thousands of functions, at about 200 bytes each. */
const maxFrames = 8192
const frameBytes = 200
/** Programs are mapped in up to three pieces that are asked for one by one; who asks more often asks again and again. */
const mostExpectations = 4
const noFrames: readonly SymbolFrame[] = []
const everything: FrameDetail = { lines: true, inlined: true, debugInfo: true }

/**
 * @param source stays open until `close`; tables are read when first asked for
 * @returns undefined when it is not an ELF file
 */
export function openExecutable(
  source: ByteSource & { close(): void },
  { debugFiles, detail = everything }: { debugFiles?: DebugFiles; detail?: FrameDetail } = {},
): Executable | undefined {
  const file = readElf(source)
  if (!file) return undefined
  return new ElfExecutable(file, { close: () => source.close(), debugFiles, detail })
}

/** Symbols, and the frames that were made of them. */
interface NamedTable {
  readonly symbols: ElfSymbols
  readonly frames: Map<number, readonly SymbolFrame[]>
  /** As people write it. */
  readonly readPlainName: (index: number) => string
}

interface ElfExecutableOptions {
  readonly close: () => void
  readonly debugFiles: DebugFiles | undefined
  readonly detail: FrameDetail
}

class ElfExecutable implements Executable {
  private readonly file: Elf
  private readonly closeSource: () => void
  private readonly debugFiles: DebugFiles | undefined
  private readonly detail: FrameDetail
  private debug: FoundFile | undefined
  private shared: FoundFile | undefined
  private embedded: ElfSymbols | undefined
  private tables: readonly NamedTable[] = []
  /** Where stubs are: begin and end. They are read when an address lies there. */
  private readonly plt: readonly (readonly [number, number])[]
  private readonly stubsFrom: number
  private readonly stubsTo: number
  private stubs: readonly NamedTable[] | undefined
  private go: GoTable | undefined
  private calls: InlinedCalls | undefined
  private unreadBefore = 0
  /** Where the symbol begins that was found last. */
  private symbolStart = Number.NEGATIVE_INFINITY
  /** Whether all but the table of symbols was read. */
  private isOpened = false
  private isRead = false
  /** Addresses for which alone symbols are read, ascending; undefined = for all. */
  private expected: Float64Array | undefined
  /** Row of the one that was looked for last: mostly they are asked for in their order. */
  private lastExpected = 0
  private expectations = 0

  constructor(file: Elf, { close, debugFiles, detail }: ElfExecutableOptions) {
    this.file = file
    this.plt = pltRanges(file)
    this.stubsFrom = Math.min(...this.plt.map(([begin]) => begin))
    this.stubsTo = Math.max(...this.plt.map(([, end]) => end))
    this.closeSource = close
    this.debugFiles = debugFiles
    this.detail = detail
  }

  get buildId(): string | undefined {
    return this.file.buildId
  }

  get bytes(): number {
    let bytes = 2048 + (this.go?.bytes ?? 0) + (this.calls?.bytes ?? 0)
    for (const { symbols, frames } of [...this.tables, ...(this.stubs ?? [])])
      bytes += symbols.bytes + frames.size * frameBytes
    return bytes
  }

  expect(offsets: Float64Array): void {
    if (this.isRead && this.expected === undefined) return
    const addresses = offsets.map((offset) => addressOfOffset(this.file, offset) ?? Number.NaN)
    if (this.expected && addresses.every((address) => Number.isNaN(address) || this.isExpected(address))) return
    this.expected =
      ++this.expectations > mostExpectations
        ? undefined
        : joined(this.expected ?? new Float64Array(0), addresses).sort()
    this.isRead = false
  }

  get unread(): number {
    return Math.max(this.unreadBefore, this.calls?.unread ?? 0)
  }

  framesAt(offset: number, isReturn = false): readonly SymbolFrame[] {
    const address = addressOfOffset(this.file, offset)
    if (address === undefined) return noFrames
    this.readFor(address)
    const inGo = this.go?.framesAt(address, isReturn) ?? noFrames
    const plain = this.plainFramesAt(address)
    const outer = inGo.at(-1)
    if (!outer) return this.withCalls(plain, address, isReturn)
    // Go's linker writes `runtime.memmove.abi0` where Go itself and people say `runtime.memmove`.
    const linked = systemName(plain)
    return linked === undefined || linked === outer.name
      ? inGo
      : [...inGo.slice(0, -1), { ...outer, systemName: linked }]
  }

  release(): void {
    this.tables = []
    this.embedded = undefined
    this.stubs = undefined
    this.go = undefined
    this.unreadBefore = this.unread
    this.calls = undefined
    this.isRead = false
    this.isOpened = false
    this.expected = undefined
    this.expectations = 0
    this.debug?.close()
    this.debug = undefined
    this.shared?.close()
    this.shared = undefined
  }

  close(): void {
    this.release()
    this.closeSource()
  }

  /** Reads what an answer for the address needs, unless it was read before. */
  private readFor(address: number): void {
    if (!this.isExpected(address)) {
      this.expected = undefined
      this.isRead = false
    }
    if (this.isRead) return
    this.isRead = true
    if (!this.isOpened) this.open()
    this.tables = named([readElfSymbols(this.debug?.elf ?? this.file, this.expected), this.embedded])
  }

  /** Whether symbols are read for the address. */
  private isExpected(address: number): boolean {
    const { expected } = this
    if (!expected || expected[this.lastExpected] === address || expected[++this.lastExpected] === address) return true
    this.lastExpected = firstAbove(expected, address) - 1
    return expected[this.lastExpected] === address
  }

  private open(): void {
    this.isOpened = true
    this.go = readGoTable(this.file, this.detail)
    // perf looks for the debug file first, too: it has at least what the file itself has.
    this.debug = this.debugFiles?.symbolsOf(this.file)
    this.embedded = this.debug ? undefined : readEmbeddedSymbols(this.file)
    if (!this.detail.debugInfo) return
    this.calls = (this.debug && this.openCalls(this.debug.elf)) ?? this.openCalls(this.file)
  }

  private openCalls(file: Elf): InlinedCalls | undefined {
    return openInlinedCalls(file, () => {
      this.shared = this.debugFiles?.sharedOf(file)
      return this.shared?.elf
    })
  }

  /** The function with the calls that were inlined into it. */
  private withCalls(plain: readonly SymbolFrame[], address: number, isReturn: boolean): readonly SymbolFrame[] {
    // What follows a call that never returns may be another function.
    if (!this.calls || plain.length === 0 || (isReturn && address === this.symbolStart)) return plain
    const at = isReturn ? address - 1 : address
    const { lines, inlined } = this.detail
    const calls = inlined ? this.calls.at(at) : noFrames
    const frames = calls.length > 0 ? [...calls, ...plain] : plain
    if (!lines) return frames
    const places = inlined ? this.calls.placesAt(at) : this.calls.placesAt(at).slice(-1)
    return places.length === frames.length ? frames.map((frame, i) => ({ ...frame, ...places[i] })) : frames
  }

  private readStubs(): readonly NamedTable[] {
    const nameAt = (address: number): string | undefined => {
      this.readFor(address)
      return systemName(this.plainFramesAt(address))
    }
    this.stubs ??= named([readPltSymbols(this.file, nameAt)])
    return this.stubs
  }

  private isStub(address: number): boolean {
    // Nearly no address is in between all of them.
    if (!(address >= this.stubsFrom && address < this.stubsTo)) return false
    return this.plt.some(([begin, end]) => address >= begin && address < end)
  }

  private plainFramesAt(address: number): readonly SymbolFrame[] {
    let frames: readonly SymbolFrame[] = noFrames
    let start = Number.NEGATIVE_INFINITY
    const tables = this.isStub(address) ? [...this.tables, ...this.readStubs()] : this.tables
    for (const named of tables) {
      const { table } = named.symbols
      const index = table.find(address, named.readPlainName)
      // Of two tables the one whose symbol begins nearer is right.
      if (index < 0 || table.startAt(index) <= start) continue
      start = table.startAt(index)
      frames = framesOf(named, index)
    }
    this.symbolStart = start
    return frames
  }
}

const named = (tables: readonly (ElfSymbols | undefined)[]): NamedTable[] =>
  tables.flatMap((symbols) => {
    if (!symbols) return []
    return [{ symbols, frames: new Map(), readPlainName: (index: number) => demangle(symbols.readName(index)) }]
  })

function joined(a: Float64Array, b: Float64Array): Float64Array {
  const both = new Float64Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

const systemName = ([frame]: readonly SymbolFrame[]): string | undefined => frame && (frame.systemName ?? frame.name)

function framesOf({ symbols, frames }: NamedTable, index: number): readonly SymbolFrame[] {
  let found = frames.get(index)
  if (!found) {
    const systemName = symbols.readName(index)
    const name = demangle(systemName)
    found = [name === systemName ? { name } : { name, systemName }]
    if (frames.size >= maxFrames) frames.clear()
    frames.set(index, found)
  }
  return found
}
