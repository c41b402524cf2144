// The few things read from an executable to tell what kind of program it is: sections by name, segments, and strings in
// its read-only data.
import { closeSync, fstatSync, readSync } from 'node:fs'

export interface ElfPart {
  /** In the file. */
  readonly offset: number
  readonly size: number
  /** In memory, before relocation. */
  readonly address: number
}

export interface ElfSegment extends ElfPart {
  /** 1 PT_LOAD, 3 PT_INTERP, 4 PT_NOTE (elf(5)). */
  readonly type: number
  readonly isWritable: boolean
}

/** Machine numbers of elf(5). */
export const machines = { x86_64: 62, aarch64: 183 } as const

const segmentTypes = { load: 1, interpreter: 3, note: 4 } as const
const writableFlag = 2
/** Enough for the section headers of any real program (they have about 40); a damaged count is not followed further. */
const maxHeaders = 4096
const scanChunk = 1024 * 1024
/** A file in a container may claim any size; the largest read in one piece is code, and the names of sections are small. */
const maxReadBytes = 4 * 1024 * 1024
/** Node's constants, the largest known, are 55 MB. */
const maxScanBytes = 128 * 1024 * 1024

/** An ELF file of 64 bits, little-endian, open for reading. */
export class ElfFile {
  readonly machine: number
  readonly segments: readonly ElfSegment[]
  readonly sections: ReadonlyMap<string, ElfPart>
  readonly #fd: number

  private constructor(fd: number, header: Buffer) {
    this.#fd = fd
    this.machine = header.readUInt16LE(18)
    this.segments = this.#readSegments(header)
    this.sections = this.#readSections(header)
  }

  /** Takes over an open descriptor and closes it when the file is none of this kind. */
  static open(fd: number | undefined): ElfFile | undefined {
    if (fd === undefined) return undefined
    try {
      const header = Buffer.alloc(64)
      const isWhole = readSync(fd, header, 0, 64, 0) === 64
      // 7f 'E' 'L' 'F', class 2 (64 bits), data 1 (little-endian)
      if (isWhole && header.readUInt32BE(0) === 0x7f454c46 && header.readUInt16LE(4) === 0x102) {
        return new ElfFile(fd, header)
      }
    } catch {
      // damaged headers: as if it were no ELF file
    }
    closeSync(fd)
    return undefined
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Names the file whatever its path: two processes of one program are looked at once. */
  get identity(): string {
    const { dev, ino, size, mtimeMs } = fstatSync(this.#fd)
    return `${dev}:${ino}:${size}:${mtimeMs}`
  }

  get isStatic(): boolean {
    return !this.segments.some((segment) => segment.type === segmentTypes.interpreter)
  }

  /** At most `size` bytes from an offset; fewer at the end of the file, and none from where no file reaches. */
  read(offset: number, size: number): Buffer {
    const bytes = Buffer.alloc(Math.max(0, Math.min(size, maxReadBytes)))
    return bytes.subarray(0, this.#readInto(bytes, bytes.length, offset))
  }

  /** The headers are whatever somebody in a container wrote there, and no reason to fail. */
  #readInto(bytes: Buffer, length: number, offset: number): number {
    try {
      return readSync(this.#fd, bytes, 0, length, offset)
    } catch {
      return 0 // EINVAL or ERR_OUT_OF_RANGE: an offset of 2^60
    }
  }

  /** Bytes at an address of the program's memory, as far as the file holds them. */
  readAddress(address: number, size: number): Buffer {
    const segment = this.segments.find(
      (each) => each.type === segmentTypes.load && address >= each.address && address < each.address + each.size,
    )
    return segment ? this.read(segment.offset + address - segment.address, size) : Buffer.alloc(0)
  }

  /** Where constants lie: .rodata, or every readable segment of a file without section headers. */
  get constants(): readonly ElfPart[] {
    const rodata = this.sections.get('.rodata')
    return rodata ? [rodata] : this.segments.filter((segment) => segment.type === segmentTypes.load)
  }

  get noteSegments(): readonly ElfSegment[] {
    return this.segments.filter((segment) => segment.type === segmentTypes.note)
  }

  get writableSegments(): readonly ElfSegment[] {
    return this.segments.filter((segment) => segment.type === segmentTypes.load && segment.isWritable)
  }

  /**
   * First match of a pattern at any place where `needle` stands among the constants.
   * @param pattern applied to up to 128 bytes from one byte before the needle
   */
  findConstant(needle: string, pattern: RegExp): RegExpExecArray | undefined {
    const wanted = Buffer.from(needle, 'latin1')
    const chunk = Buffer.alloc(scanChunk)
    for (const part of this.constants) {
      // Chunks overlap by what a match may need, so none is cut in two.
      const size = Math.min(part.size, maxScanBytes)
      for (let at = 0; at < size; at += scanChunk - 128) {
        const length = this.#readInto(chunk, Math.min(scanChunk, size - at), part.offset + at)
        if (length === 0) break // the file is shorter than its headers say
        const bytes = chunk.subarray(0, length)
        for (let i = bytes.indexOf(wanted); i >= 0; i = bytes.indexOf(wanted, i + 1)) {
          const match = pattern.exec(bytes.toString('latin1', Math.max(0, i - 1), i + 127))
          if (match) return match
        }
      }
    }
    return undefined
  }

  #readSegments(header: Buffer): ElfSegment[] {
    const [count, size] = [header.readUInt16LE(56), header.readUInt16LE(54)]
    const table = this.read(Number(header.readBigUInt64LE(32)), Math.min(count, maxHeaders) * size)
    return Array.from({ length: Math.floor(table.length / Math.max(size, 56)) }, (_, i) => ({
      type: table.readUInt32LE(i * size),
      isWritable: (table.readUInt32LE(i * size + 4) & writableFlag) !== 0,
      offset: Number(table.readBigUInt64LE(i * size + 8)),
      address: Number(table.readBigUInt64LE(i * size + 16)),
      size: Number(table.readBigUInt64LE(i * size + 32)),
    }))
  }

  #readSections(header: Buffer): Map<string, ElfPart> {
    const [count, size, namesIndex] = [header.readUInt16LE(60), header.readUInt16LE(58), header.readUInt16LE(62)]
    const table = this.read(Number(header.readBigUInt64LE(40)), Math.min(count, maxHeaders) * size)
    const rows = Array.from({ length: Math.floor(table.length / Math.max(size, 64)) }, (_, i) => ({
      name: table.readUInt32LE(i * size),
      address: Number(table.readBigUInt64LE(i * size + 16)),
      offset: Number(table.readBigUInt64LE(i * size + 24)),
      size: Number(table.readBigUInt64LE(i * size + 32)),
    }))
    const sections = new Map<string, ElfPart>()
    const namesPart = rows[namesIndex]
    if (!namesPart) return sections
    const names = this.read(namesPart.offset, namesPart.size).toString('latin1')
    for (const { name, ...part } of rows) sections.set(names.slice(name, names.indexOf('\0', name)), part)
    return sections
  }
}
