// What the Go linker writes into every program about how it was built; it survives stripping. Whoever takes it out all the
// same leaves other marks of Go.
//
//   ff 20 47 6f 20 62 75 69 6c 64 69 6e 66 3a   "\xff Go buildinf:", at a multiple of 16
//   08 02                                       pointer size, flags: 2 = the strings follow in place (Go 1.18)
//   at +32: varint length, "go1.19.8", varint length, 16 bytes of mark, "path\t…\nmod\t…\n…", 16 bytes of mark
// Before Go 1.18, +16 and +24 hold addresses of Go strings (address, length) in the program's memory instead.
import type { ElfFile } from './elf-file.ts'

export interface GoBuildInfo {
  /** Without `go`: `1.19.8`; absent where the information was taken out of the program (garble, objcopy). */
  readonly version?: string
  /** Package that main lies in. */
  readonly path?: string
  readonly module?: string
  readonly moduleVersion?: string
  /** Commit it was built from, where the build recorded it. */
  readonly revision?: string
}

const magic = Buffer.from('\xff Go buildinf:', 'latin1')
const headerBytes = 32
/** Type 4 is ELF_NOTE_GOBUILDID_TAG of cmd/internal/buildid. */
const noteOwner = Buffer.from('\x04\0\0\0Go\0\0', 'latin1')
/** Notes of real programs have some hundred bytes. */
const maxNoteBytes = 64 * 1024
const inlineFlag = 2
const bigEndianFlag = 1
const markBytes = 16
/** The linker puts it at the start of the data; Go's own reader looks no further than this either. */
const searchBytes = 64 * 1024
/** A list of modules with some thousand dependencies; more is not read. */
const maxTextBytes = 1024 * 1024

/** Reads the build information of a Go program; undefined for any other program. */
export function readGoBuildInfo(elf: ElfFile): GoBuildInfo | undefined {
  return readWritten(elf) ?? (isGoProgram(elf) ? {} : undefined)
}

/** Its table of functions, without which a Go program cannot run, or the note of its build: `04 … 04 00 00 00 "Go\0\0"`. */
function isGoProgram(elf: ElfFile): boolean {
  if (['.gopclntab', '.data.rel.ro.gopclntab', '.note.go.buildid'].some((name) => elf.sections.has(name))) return true
  return elf.noteSegments.some(({ offset, size }) => elf.read(offset, Math.min(size, maxNoteBytes)).includes(noteOwner))
}

function readWritten(elf: ElfFile): GoBuildInfo | undefined {
  const section = elf.sections.get('.go.buildinfo')
  for (const part of section ? [section] : elf.writableSegments) {
    const bytes = elf.read(part.offset, Math.min(part.size, searchBytes))
    for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1)) {
      if (at % 16 !== 0) continue
      const flags = bytes[at + 15] ?? bigEndianFlag
      if (flags & bigEndianFlag) return undefined
      const texts = flags & inlineFlag ? readInline(elf, part.offset + at) : readPointers(elf, bytes.subarray(at))
      return texts && parseTexts(texts.version, texts.modules)
    }
  }
  return undefined
}

function readInline(elf: ElfFile, offset: number): { version: string; modules: string } | undefined {
  const bytes = elf.read(offset + headerBytes, maxTextBytes)
  let at = 0
  const next = (): string => {
    let length = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = bytes[at++] ?? 0
      length |= (byte & 127) << shift
      if (byte < 128) break
    }
    at += length
    return bytes.toString('utf8', at - length, at)
  }
  const version = next()
  return { version, modules: next() }
}

function readPointers(elf: ElfFile, header: Buffer): { version: string; modules: string } | undefined {
  if (header.length < headerBytes || header[14] !== 8) return undefined
  const readString = (address: number): string => {
    const pair = elf.readAddress(address, 16)
    if (pair.length < 16) return ''
    const length = Math.min(Number(pair.readBigUInt64LE(8)), maxTextBytes)
    return elf.readAddress(Number(pair.readBigUInt64LE(0)), length).toString('utf8')
  }
  return {
    version: readString(Number(header.readBigUInt64LE(16))),
    modules: readString(Number(header.readBigUInt64LE(24))),
  }
}

/** `path\tgithub.com/x/y\nmod\tgithub.com/x/y\tv1.2.3\th1:…\ndep\t…\nbuild\tvcs.revision=abc\n` */
function parseTexts(version: string, marked: string): GoBuildInfo | undefined {
  if (!version.startsWith('go') && !version.startsWith('devel')) return undefined
  const lines = marked.slice(markBytes, -markBytes).split('\n')
  const rest = (start: string): string[] | undefined =>
    lines
      .find((line) => line.startsWith(start))
      ?.slice(start.length)
      .split('\t')
  const [path] = rest('path\t') ?? []
  const [module, moduleVersion] = rest('mod\t') ?? []
  const [revision] = rest('build\tvcs.revision=') ?? []
  return {
    version: version.replace(/^go/, ''),
    ...(path ? { path } : {}),
    ...(module ? { module } : {}),
    ...(moduleVersion ? { moduleVersion } : {}),
    ...(revision ? { revision } : {}),
  }
}
