// Go's own table of functions, files, lines and inlined calls (.gopclntab), which `-ldflags=-s -w` does not remove.
// Layout: runtime/symtab.go (pcHeader, _func, inlinedCall) of Go 1.2 to 1.26; the pointer size is 8 throughout.
//
//   f1 ff ff ff 00 00 01 08   magic of Go 1.20+, padding, instruction quantum 1, pointers of 8 bytes
//   functab: {u32 pc, u32 func} sorted by pc; func: {entry, name, …, pcfile, pcln, npcdata, …}

import { firstAbove } from '../lib/first-above.ts'
import type { SymbolFrame } from '../profile/symbolizer.ts'
import { type ByteSource, readBytes, readCString } from './byte-source.ts'
import { type Elf, elf, offsetOfAddress, u64, viewOf } from './elf.ts'
import { findGoModule } from './go-module.ts'

/** How much is told of an address. */
export interface FrameDetail {
  /** Source file and line where the table has them; every address is then a place of its own. */
  readonly lines: boolean
  /** Calls that the compiler inlined, as frames of their own; perf script does not show them. */
  readonly inlined: boolean
  /** The same of C, C++ and Rust, where the file has debug information. */
  readonly debugInfo?: boolean
}

export interface GoTable {
  readonly bytes: number
  /**
   * Innermost inlined call first; [] outside Go's code.
   * @param isReturn what was inlined is looked up one byte earlier, inside the call
   */
  framesAt(address: number, isReturn?: boolean): readonly SymbolFrame[]
}

/** Magic numbers of internal/abi/symtab.go, by the release that brought them. */
const versions = new Map([
  [0xfffffffb, 12],
  [0xfffffffa, 116],
  [0xfffffff0, 118],
  [0xfffffff1, 120],
])

/** Functions between two kept entry addresses: 64 make the index 1/128 of the table and a look-up one read of 1 kB. */
const functionsPerStep = 64
/** terraform's provider for AWS, 800 MB, has 1.1 million; more than ten times that is damage. */
const maxFunctions = 16_000_000
const maxDecoded = 4096
/** Deepest inlining of one address; the compiler's budget allows far less. */
const maxInlined = 64
/** Longest table of one function that is walked: generated parsers reach 200 kB. */
const maxPcTableBytes = 4 << 20
const noFrames: readonly SymbolFrame[] = []

const pcdataInlineTree = 2
const funcdataInlineTree = 3

interface GoFunction {
  readonly entry: number
  readonly name: string
  readonly startLine: number
  readonly pcFile: number
  readonly pcLine: number
  readonly unit: number
  /** Offset of the PCDATA table that says which inlined call an address belongs to; 0 = nothing inlined. */
  readonly pcInline: number
  /** File offset of its inline tree. */
  readonly inlineTree: number | undefined
  /** The answer for all of its addresses where neither lines nor inlined calls are wanted. */
  readonly plain: readonly SymbolFrame[]
}

/** @returns undefined when the file has no such table */
export function readGoTable(file: Elf, detail: FrameDetail): GoTable | undefined {
  const at = findTable(file)
  if (at === undefined) return undefined
  const header = readHeader(file, at)
  return header && new PcLineTable(file, { header, detail })
}

interface Header {
  readonly version: number
  readonly quantum: number
  readonly functions: number
  /** Address of the text that offsets in the table count from; 0 in versions that have addresses instead. */
  readonly text: number
  /** Address that offsets of function data count from; undefined where the module was not found. */
  readonly functionData: number | undefined
  // The rest are file offsets.
  readonly names: number
  readonly units: number
  readonly files: number
  readonly pcTables: number
  readonly functab: number
  /** That offsets in functab count from. */
  readonly functionBase: number
}

function findTable(file: Elf): { offset: number; address: number } | undefined {
  const section = file.sections.find(
    (section) => section.type !== elf.nobits && /^(\.data\.rel\.ro)?\.gopclntab$/.test(section.name),
  )
  if (section) return { offset: section.offset, address: section.address }
  if (file.sections.length > 0) return undefined
  return scanForTable(file)
}

const scanBytes = 1 << 20

/** Without section headers: `?? ff ff ff 00 00 QUANTUM 08` at a multiple of 8 in read-only data. */
function scanForTable(file: Elf): { offset: number; address: number } | undefined {
  for (const segment of file.segments) {
    if (segment.type !== elf.ptLoad || segment.flags & elf.segmentExecutable) continue
    const size = Math.min(segment.fileSize, file.source.size - segment.offset)
    for (let from = 0; from < size; from += scanBytes) {
      const bytes = readBytes(file.source, segment.offset + from, Math.min(scanBytes, size - from))
      for (let p = bytes.indexOf(8); p >= 0; p = bytes.indexOf(8, p + 1)) {
        const start = p - 7
        if (start < 0 || start % 8 !== 0 || bytes[p - 2] !== 0 || bytes[p - 3] !== 0) continue
        if (versions.has(viewOf(bytes).getUint32(start, true))) {
          return { offset: segment.offset + from + start, address: segment.address + from + start }
        }
      }
    }
  }
  return undefined
}

function readHeader(file: Elf, at: { offset: number; address: number }): Header | undefined {
  const bytes = readBytes(file.source, at.offset, 8 + 8 * 8)
  if (bytes.length < 24) return undefined
  const view = viewOf(bytes)
  const version = versions.get(view.getUint32(0, true))
  const quantum = view.getUint8(6)
  if (version === undefined || view.getUint8(7) !== 8 || ![1, 2, 4].includes(quantum)) return undefined
  const functions = u64(view, 8)
  if (!(functions > 0) || functions > maxFunctions) return undefined
  if (version === 12) {
    // Everything counts from the start of the table; the offset of the files follows functab.
    const functab = at.offset + 16
    const end = readBytes(file.source, functab + functions * 16 + 8, 4)
    const files = end.length === 4 ? at.offset + viewOf(end).getUint32(0, true) : 0
    const base = at.offset
    return {
      version,
      quantum,
      functions,
      text: 0,
      functionData: undefined,
      names: base,
      units: 0,
      files,
      pcTables: base,
      functab,
      functionBase: base,
    }
  }
  if (bytes.length < 72) return undefined
  // 1.16: nfunc, nfiles, five offsets. 1.18 put the start of the text before the offsets.
  const first = version >= 118 ? 32 : 24
  const offsets = Array.from({ length: 5 }, (_, i) => at.offset + u64(view, first + i * 8)) as FiveOffsets
  const [names, units, files, pcTables, functab] = offsets
  const needsModule = version >= 118
  const module = needsModule
    ? findGoModule(file, { table: at.address, names: at.address + u64(view, first), version })
    : undefined
  // Go 1.26 leaves the text's start out of the header.
  const text = version >= 118 ? u64(view, 24) || module?.text : 0
  if (text === undefined) return undefined
  return {
    version,
    quantum,
    functions,
    text,
    functionData: module?.functionData,
    names,
    units,
    files,
    pcTables,
    functab,
    functionBase: functab,
  }
}

type FiveOffsets = [number, number, number, number, number]

class PcLineTable implements GoTable {
  private readonly file: Elf
  private readonly source: ByteSource
  private readonly header: Header
  private readonly detail: FrameDetail
  private readonly rowBytes: number
  /** Entry of every 64th function, and the end of the last. */
  private readonly steps: Float64Array
  private readonly end: number
  private readonly functions = new Map<number, GoFunction>()
  /** The function that was found last: neighbouring addresses are asked for one after the other. */
  private last: { func: GoFunction; entry: number; end: number } | undefined

  constructor(file: Elf, { header, detail }: { header: Header; detail: FrameDetail }) {
    this.file = file
    this.detail = detail
    this.source = file.source
    this.header = header
    this.rowBytes = header.version >= 118 ? 8 : 16
    const count = Math.ceil(header.functions / functionsPerStep)
    this.steps = new Float64Array(count)
    for (let step = 0; step < count; step += functionsPerStep) {
      const first = step * functionsPerStep
      const rows = Math.min(header.functions - first, functionsPerStep * functionsPerStep)
      const bytes = readBytes(this.source, header.functab + first * this.rowBytes, rows * this.rowBytes)
      const view = viewOf(bytes)
      for (let i = 0; i < rows; i += functionsPerStep) {
        const p = i * this.rowBytes
        const entry = p + this.rowBytes <= bytes.length ? this.entryIn(view, p) : Number.POSITIVE_INFINITY
        this.steps[step + i / functionsPerStep] = entry
      }
    }
    const last = readBytes(this.source, header.functab + header.functions * this.rowBytes, 8)
    this.end = last.length === 8 ? this.entryIn(viewOf(last), 0) : 0
  }

  get bytes(): number {
    return this.steps.byteLength + this.functions.size * 250
  }

  framesAt(address: number, isReturn = false): readonly SymbolFrame[] {
    const func = this.functionAt(address)
    if (!func) return noFrames
    const { lines, inlined } = this.detail
    if (!lines && !inlined) return func.plain
    const frames: SymbolFrame[] = []
    let pc = isReturn && address > func.entry ? address - 1 : address
    for (let depth = 0; depth < maxInlined; depth++) {
      const call = this.inlinedCallAt(func, pc)
      if (!call || inlined) frames.push(this.frameOf(func, pc, call))
      if (!call) break
      pc = func.entry + call.parentPc
    }
    return frames
  }

  private entryIn(view: DataView, at: number): number {
    return this.header.version >= 118 ? this.header.text + view.getUint32(at, true) : u64(view, at)
  }

  private functionAt(address: number): GoFunction | undefined {
    const { last } = this
    if (last && address >= last.entry && address < last.end) return last.func
    if (!(address < this.end)) return undefined
    const above = firstAbove(this.steps, address)
    if (above === 0) return undefined
    const first = (above - 1) * functionsPerStep
    // The row behind the last one tells its end.
    const wanted = Math.min(functionsPerStep, this.header.functions - first) * this.rowBytes
    const bytes = readBytes(this.source, this.header.functab + first * this.rowBytes, wanted + this.rowBytes)
    const view = viewOf(bytes)
    let row = 0
    let behind = Math.floor(Math.min(bytes.length, wanted) / this.rowBytes)
    if (behind === 0) return undefined
    while (behind - row > 1) {
      const middle = (row + behind) >>> 1
      if (this.entryIn(view, middle * this.rowBytes) <= address) row = middle
      else behind = middle
    }
    const p = row * this.rowBytes
    const offset = this.header.version >= 118 ? view.getUint32(p + 4, true) : u64(view, p + 8)
    let func = this.functions.get(offset)
    if (!func) {
      func = this.readFunction(this.header.functionBase + offset)
      if (!func) return undefined
      if (this.functions.size >= maxDecoded) this.functions.clear()
      this.functions.set(offset, func)
    }
    const next = p + this.rowBytes
    if (next + 8 <= bytes.length) this.last = { func, entry: this.entryIn(view, p), end: this.entryIn(view, next) }
    return func
  }

  /** `_func`: {u32 entry (1.18; before: u64), name, args, deferreturn, pcsp, pcfile, pcln, npcdata, unit (1.16), startLine (1.20), u8 ×4}. */
  private readFunction(at: number): GoFunction | undefined {
    const { version } = this.header
    const words = version >= 118 ? 1 : 2
    const fixed = 4 * (words + 8) + (version >= 116 ? 4 : 0) + (version >= 120 ? 4 : 0)
    // Behind it stand the offsets of the PCDATA tables (u32) and of the FUNCDATA; a function has less than 16 of each.
    const bytes = readBytes(this.source, at, fixed + 16 * 4 + 16 * 8)
    if (bytes.length < fixed) return undefined
    const view = viewOf(bytes)
    const word = (index: number): number => view.getUint32((words + index) * 4, true)
    const entry = version >= 118 ? this.header.text + view.getUint32(0, true) : u64(view, 0)
    const tables = word(6)
    const functionData = view.getUint8(fixed - 1)
    const pcInline = tables > pcdataInlineTree && fixed + 12 <= bytes.length ? view.getUint32(fixed + 8, true) : 0
    const name = readCString(this.source, this.header.names + word(0))
    return {
      entry,
      name,
      plain: [{ name }],
      pcFile: word(4),
      pcLine: word(5),
      unit: version >= 116 ? word(7) : 0,
      startLine: version >= 120 ? word(8) : 0,
      pcInline,
      inlineTree: functionData > funcdataInlineTree ? this.inlineTreeAt(view, fixed + tables * 4) : undefined,
    }
  }

  private inlineTreeAt(view: DataView, at: number): number | undefined {
    const { version, functionData } = this.header
    if (version >= 118) {
      const p = at + funcdataInlineTree * 4
      const offset = p + 4 <= view.byteLength ? view.getUint32(p, true) : 0xffff_ffff
      if (offset === 0xffff_ffff || functionData === undefined) return undefined
      return offsetOfAddress(this.file, functionData + offset)
    }
    const p = Math.ceil(at / 8) * 8 + funcdataInlineTree * 8
    return p + 8 <= view.byteLength ? offsetOfAddress(this.file, u64(view, p)) : undefined
  }

  /** `inlinedCall`, 1.20: {u8 funcID, pad, s32 name, s32 parentPc, s32 startLine}; before: {s16 parent, u8, u8, s32 file, s32 line, s32 name, s32 parentPc}. */
  private inlinedCallAt(func: GoFunction, pc: number) {
    if (func.inlineTree === undefined || func.pcInline === 0) return undefined
    const index = this.pcValue(func.pcInline, func.entry, pc)
    if (index === undefined || index < 0) return undefined
    const isNew = this.header.version >= 120
    const size = isNew ? 16 : 20
    const bytes = readBytes(this.source, func.inlineTree + index * size, size)
    if (bytes.length < size) return undefined
    const view = viewOf(bytes)
    return {
      name: readCString(this.source, this.header.names + view.getUint32(isNew ? 4 : 12, true)),
      parentPc: view.getInt32(isNew ? 8 : 16, true),
      startLine: isNew ? view.getInt32(12, true) : 0,
    }
  }

  private frameOf(func: GoFunction, pc: number, call: { name: string; startLine: number } | undefined): SymbolFrame {
    if (!this.detail.lines) return { name: call ? call.name : func.name }
    const file = this.fileName(func, this.pcValue(func.pcFile, func.entry, pc))
    const line = this.pcValue(func.pcLine, func.entry, pc)
    const startLine = call ? call.startLine : func.startLine
    return {
      name: call ? call.name : func.name,
      ...(file && { file }),
      ...(line !== undefined && line > 0 && { line }),
      ...(startLine > 0 && { startLine }),
    }
  }

  private fileName(func: GoFunction, number: number | undefined): string {
    const { version, units, files, names } = this.header
    if (number === undefined || number < 0) return ''
    // 1.16: a row of the compilation unit is an offset into the text of file names; before, a row of one table for all.
    const at = version >= 116 ? units + (func.unit + number) * 4 : files + number * 4
    const bytes = readBytes(this.source, at, 4)
    if (bytes.length < 4) return ''
    const offset = viewOf(bytes).getUint32(0, true)
    if (offset === 0xffff_ffff) return ''
    return readCString(this.source, (version >= 116 ? files : names) + offset)
  }

  /** Value that holds at `pc`: from -1 at the entry on, pairs of {zig-zag value difference, pc difference / quantum} until 0. */
  private pcValue(table: number, entry: number, pc: number): number | undefined {
    if (table === 0) return undefined
    let length = 256
    for (;;) {
      const bytes = readBytes(this.source, this.header.pcTables + table, length)
      const value = this.walk(bytes, entry, pc)
      if (value !== 'short') return value
      if (bytes.length < length || length >= maxPcTableBytes) return undefined
      length *= 16
    }
  }

  private walk(bytes: Uint8Array, entry: number, pc: number): number | undefined | 'short' {
    let value = -1
    let at = entry
    let p = 0
    for (;;) {
      if (bytes[p] === 0 && p > 0) return undefined
      let zigzag = 0
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[p++]
        if (byte === undefined) return 'short'
        zigzag += (byte & 0x7f) * 2 ** shift
        if (byte < 0x80) break
      }
      value += zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2
      let step = 0
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[p++]
        if (byte === undefined) return 'short'
        step += (byte & 0x7f) * 2 ** shift
        if (byte < 0x80) break
      }
      at += step * this.header.quantum
      if (pc < at) return value
    }
  }
}
