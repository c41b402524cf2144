// Which source line an address belongs to: the line number program of a unit (.debug_line, DWARF 5 section 6.2), run once.
//
//   length u32, version u16, [address size u8, segment size u8,] header length u32, smallest instruction u8,
//   [operations u8,] is statement u8, line base i8, line range u8, opcode base u8, lengths of the operands, folders, files
//   09 02 40 11 40 00 …     set the address to 0x401140
//   05 01                   set the column
//   1a                      a special opcode: address and line go on, and that is a row
//   00 01 01                end of a sequence: the address behind its last instruction

import { firstAbove } from '../../lib/first-above.ts'
import { Float64Column, Uint32Column } from '../../profile/columns.ts'
import { readBytes } from '../byte-source.ts'
import { DwarfCursor } from './cursor.ts'
import type { Budget, FormValue } from './entries.ts'
import { form, readForm } from './forms.ts'
import type { DwarfSections } from './sections.ts'

/** A row of the table of files. */
export interface LineFile {
  readonly name: FormValue
  /** Index into the folders. */
  readonly folder: number
}

export interface LineTable {
  readonly bytes: number
  /** Of version 5 the first is the folder of the compilation; before, that is in the unit, and they count from 1. */
  readonly folders: readonly FormValue[]
  readonly files: readonly LineFile[]
  readonly version: number
  /** Row of `files` as the table counts them, and the line from 1, 0 = none; undefined where no sequence is. */
  at(address: number): { file: number; line: number } | undefined
}

/** A unit of 100 000 functions has 30 MB. */
const maxTableBytes = 128 << 20
const maxRows = 1 << 24
const maxFiles = 1 << 18
/** DW_LNCT_*. */
const content = { path: 1, directory: 2 } as const
/** DW_LNS_*, DW_LNE_*. */
const standard = { copy: 1, advancePc: 2, advanceLine: 3, setFile: 4, constAddPc: 8, fixedAdvancePc: 9 } as const
const extended = { endSequence: 1, setAddress: 2 } as const

interface Header {
  readonly version: number
  readonly smallest: number
  readonly lineBase: number
  readonly lineRange: number
  readonly opcodeBase: number
  /** By opcode. */
  readonly operands: readonly number[]
  readonly folders: readonly FormValue[]
  readonly files: readonly LineFile[]
}

/**
 * @param offset in .debug_line, as the unit says
 * @param isCode whether code can begin at an address: that of functions which the linker left out is 0
 * @returns undefined when it is damaged, or of a version that is not known
 */
export function readLineTable(
  offset: number,
  { sections, budget, isCode }: { sections: DwarfSections; budget: Budget; isCode: (address: number) => boolean },
): LineTable | undefined {
  const start = new DwarfCursor(readBytes(sections.line, offset, 12))
  let length = start.u32()
  const is64 = length === 0xffff_ffff
  if (is64) length = start.u64()
  if (start.isPast || !(length > 0) || length > maxTableBytes) return undefined
  budget.left -= length
  const from = offset + start.at
  const bytes = budget.left < 0 ? undefined : readBytes(sections.line, from, length)
  if (!bytes || bytes.length < length) return undefined
  const cursor = new DwarfCursor(bytes)
  const header = readHeader(cursor, { is64, from })
  if (!header || cursor.isPast) return undefined
  const rows = new LineRows()
  runProgram(
    cursor,
    header,
    (address, file, line) => rows.add(address, file, line),
    (end) => rows.end(end, isCode),
  )
  const { files, folders, version } = header
  return rows.sorted({ files, folders, version })
}

/** Leaves the cursor at the program. @param from where the cursor's bytes begin in .debug_line */
function readHeader(cursor: DwarfCursor, { is64, from }: { is64: boolean; from: number }): Header | undefined {
  const version = cursor.u16()
  if (version < 2 || version > 5) return undefined
  if (version >= 5) cursor.skip(2)
  const headerBytes = cursor.offset(is64)
  const program = cursor.at + headerBytes
  const smallest = cursor.u8()
  if (version >= 4) cursor.skip(1)
  cursor.skip(1)
  const lineBase = (cursor.u8() << 24) >> 24
  const lineRange = cursor.u8()
  const opcodeBase = cursor.u8()
  if (lineRange === 0 || opcodeBase === 0) return undefined
  const operands = [0]
  for (let opcode = 1; opcode < opcodeBase; opcode++) operands.push(cursor.u8())
  const shape = { version, is64 }
  const textAt = (): FormValue => {
    const value = from + cursor.at
    cursor.skipText()
    return { form: form.string, value }
  }
  const folders: FormValue[] = []
  const files: LineFile[] = []
  if (version >= 5) {
    for (const { name } of readEntries(cursor, shape, textAt)) folders.push(name)
    files.push(...readEntries(cursor, shape, textAt))
  } else {
    const isLast = (): boolean => cursor.isPast || cursor.peek() === 0
    while (!isLast()) folders.push(textAt())
    cursor.skip(1)
    while (!isLast() && files.length < maxFiles) {
      files.push({ name: textAt(), folder: cursor.uleb() })
      cursor.skipLeb()
      cursor.skipLeb()
    }
  }
  cursor.at = program
  return { version, smallest, lineBase, lineRange, opcodeBase, operands, folders, files }
}

/** A table of version 5: what its rows hold, then the rows. */
function readEntries(
  cursor: DwarfCursor,
  shape: { version: number; is64: boolean },
  textAt: () => FormValue,
): LineFile[] {
  const kinds: [number, number][] = []
  for (let left = cursor.u8(); left > 0; left--) kinds.push([cursor.uleb(), cursor.uleb()])
  const found: LineFile[] = []
  if (kinds.length === 0) return found
  for (let left = cursor.uleb(); left > 0 && !cursor.isPast && found.length < maxFiles; left--) {
    let name: FormValue = { form: 0, value: 0 }
    let folder = 0
    for (const [what, kind] of kinds) {
      if (kind === form.string) {
        const text = textAt()
        if (what === content.path) name = text
        continue
      }
      const value = readForm(cursor, kind, shape)
      // Nothing behind a form that is not known can be read.
      if (value === undefined) return found
      if (what === content.path) name = { form: kind, value }
      else if (what === content.directory) folder = value
    }
    found.push({ name, folder })
  }
  return found
}

function runProgram(
  cursor: DwarfCursor,
  { smallest, lineBase, lineRange, opcodeBase, operands }: Header,
  addRow: (address: number, file: number, line: number) => boolean,
  endSequence: (address: number) => void,
): void {
  let address = 0
  let file = 1
  let line = 1
  const constAdd = Math.floor((255 - opcodeBase) / lineRange) * smallest
  while (cursor.at < cursor.length) {
    const opcode = cursor.u8()
    if (opcode >= opcodeBase) {
      const step = opcode - opcodeBase
      address += Math.floor(step / lineRange) * smallest
      line += lineBase + (step % lineRange)
      if (!addRow(address, file, line)) return
    } else if (opcode === 0) {
      const end = cursor.uleb() + cursor.at
      const what = cursor.u8()
      if (what === extended.setAddress) address = cursor.u64()
      else if (what === extended.endSequence) {
        endSequence(address)
        address = 0
        file = 1
        line = 1
      }
      cursor.at = end
    } else if (opcode === standard.copy) {
      if (!addRow(address, file, line)) return
    } else if (opcode === standard.advancePc) address += cursor.uleb() * smallest
    else if (opcode === standard.advanceLine) line += cursor.sleb()
    else if (opcode === standard.setFile) file = cursor.uleb()
    else if (opcode === standard.constAddPc) address += constAdd
    else if (opcode === standard.fixedAdvancePc) address += cursor.u16()
    else for (let left = operands[opcode] as number; left > 0; left--) cursor.skipLeb()
  }
}

/** Rows by address; a row with file 0 and line 0 ends a sequence. */
class LineRows {
  private readonly addresses = new Float64Column()
  private readonly files = new Uint32Column()
  private readonly lines = new Uint32Column()
  /** First row of each sequence, and the row behind its last. */
  private readonly sequences: [first: number, end: number][] = []
  /** Of the sequence at hand. */
  private first = 0

  /** False when there are more than a file can have. */
  add(address: number, file: number, line: number): boolean {
    // Of several at one address the last counts, as in addr2line.
    const last = this.addresses.length - 1
    if (last >= this.first && this.addresses.at(last) === address) this.cut(last)
    this.addresses.push(address)
    this.files.push(file)
    this.lines.push(line)
    return this.addresses.length < maxRows
  }

  /** What was added since the last end is a sequence that goes to `address`. */
  end(address: number, isCode: (address: number) => boolean): void {
    const begins = this.addresses.length > this.first ? this.addresses.at(this.first) : address
    if (address > begins && isCode(begins)) {
      this.add(address, 0, 0)
      this.sequences.push([this.first, this.addresses.length])
    } else this.cut(this.first)
    this.first = this.addresses.length
  }

  sorted(header: Pick<LineTable, 'files' | 'folders' | 'version'>): LineTable {
    const { sequences } = this
    sequences.sort(([a], [b]) => this.addresses.at(a) - this.addresses.at(b))
    const count = sequences.reduce((sum, [first, end]) => sum + end - first, 0)
    const addresses = new Float64Array(count)
    const files = new Uint32Array(count)
    const lines = new Uint32Array(count)
    let at = 0
    for (const [first, end] of sequences) {
      for (let row = first; row < end; row++, at++) {
        addresses[at] = this.addresses.at(row)
        files[at] = this.files.at(row)
        lines[at] = this.lines.at(row)
      }
    }
    return {
      ...header,
      bytes: 200 + count * 16 + header.files.length * 100,
      at(address) {
        const above = firstAbove(addresses, address, count)
        if (above === 0) return undefined
        const [file, line] = [files[above - 1] as number, lines[above - 1] as number]
        return file === 0 && line === 0 ? undefined : { file, line }
      },
    }
  }

  private cut(length: number): void {
    this.addresses.length = length
    this.files.length = length
    this.lines.length = length
  }
}
