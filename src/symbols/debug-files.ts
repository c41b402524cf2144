// Symbols that a distribution keeps in a file of their own, found as gdb and perf find them.
//
//   /usr/lib/debug/.build-id/ab/cdef….debug        by the build-id of the stripped file
//   DIR/NAME, DIR/.debug/NAME, /usr/lib/debug/DIR/NAME    by .gnu_debuglink: file name\0, padding to 4, crc32 u32
//
// and what several of those have in common (dwz -m), by build-id again or by name, from the folder of the file if relative:
//   /usr/lib/debug/.dwz/x86_64-linux-gnu/cart.debug       by .gnu_debugaltlink: file name\0, build-id
//   the same                                              by .debug_sup of DWARF 5: version u16 = 5, is supplementary u8 = 0,
//                                                         file name\0, length uleb, build-id
import { dirname, resolve } from 'node:path'
import { type ByteSource, decodeName, readBytes } from './byte-source.ts'
import { type Elf, readElf, sectionNamed, viewOf } from './elf.ts'
import { hasSymtab } from './elf-symbols.ts'
import type { DebugFiles, FoundFile } from './executable.ts'
import { openFile } from './open-file.ts'

/** Without a build-id the whole file is summed up; libjvm's is 200 MB and takes 0.2 s, a larger one is not worth it. */
const maxChecksumBytes = 512 << 20
const chunkBytes = 1 << 20
/** A file name and its checksum. */
const maxLinkBytes = 4096

interface DebugFileOptions {
  /** Of the stripped file, as its process sees it. */
  readonly path: string
  /** Root folders to look under: the process's, then the node's. */
  readonly roots: readonly string[]
  /** Reads what was found through a cache. */
  readonly over?: (source: ByteSource) => ByteSource
}

export function debugFileFinder({ path, roots, over = (source) => source }: DebugFileOptions): DebugFiles {
  const folder = dirname(path)
  /** Of the file with the debug information. */
  let debugFolder = folder
  const find = (names: readonly string[], fits: Fits): { name: string; found: FoundFile } | undefined => {
    for (const root of roots) {
      for (const name of names) {
        const found = openFitting(`${root}${name}`, fits, over)
        if (found) return { name, found }
      }
    }
    return undefined
  }
  return {
    symbolsOf(file) {
      const { buildId } = file
      const link = readDebugLink(file)
      const names = [
        ...namesOfBuildId(buildId),
        ...(link ? [`${folder}/${link.name}`, `${folder}/.debug/${link.name}`] : []),
        ...(link ? [`/usr/lib/debug${folder}/${link.name}`] : []),
      ]
      const debug = find(names, (candidate, source) => {
        if (!hasSymtab(candidate)) return false
        return buildId !== undefined ? candidate.buildId === buildId : checksumOf(source) === link?.checksum
      })
      debugFolder = debug ? dirname(debug.name) : folder
      return debug?.found
    },
    sharedOf(file) {
      const link = readSharedLink(file)
      if (!link || link.id === '') return undefined
      const names = [...namesOfBuildId(link.id), resolve(debugFolder, link.name)]
      return find(names, (found) => (found.buildId ?? readSup(found)?.id) === link.id)?.found
    },
  }
}

const namesOfBuildId = (buildId = ''): string[] =>
  buildId.length > 2 ? [`/usr/lib/debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`] : []

type Fits = (file: Elf, source: ByteSource) => boolean

function openFitting(path: string, fits: Fits, over: (source: ByteSource) => ByteSource): FoundFile | undefined {
  const source = openFile(path, { followLinks: true })
  if (!source) return undefined
  const found = readElf(over(source))
  if (found && fits(found, source)) return { elf: found, close: () => source.close() }
  source.close()
  return undefined
}

function readDebugLink(file: Elf): { name: string; checksum: number } | undefined {
  const section = sectionNamed(file, '.gnu_debuglink')
  if (!section) return undefined
  const bytes = readBytes(file.source, section.offset, Math.min(section.size, maxLinkBytes))
  const end = bytes.indexOf(0)
  const at = Math.ceil((end + 1) / 4) * 4
  if (end <= 0 || at + 4 > bytes.length) return undefined
  const name = decodeName(bytes.subarray(0, end))
  return name.includes('/') ? undefined : { name, checksum: viewOf(bytes).getUint32(at, true) }
}

interface SharedLink {
  readonly name: string
  /** Lower-case hex. */
  readonly id: string
}

/** Where the shared part is; undefined where there is none. */
function readSharedLink(file: Elf): SharedLink | undefined {
  const section = sectionNamed(file, '.gnu_debugaltlink')
  if (!section) return readSup(file)
  const bytes = readBytes(file.source, section.offset, Math.min(section.size, maxLinkBytes))
  const end = bytes.indexOf(0)
  return end > 0 ? { name: decodeName(bytes.subarray(0, end)), id: hex(bytes.subarray(end + 1)) } : undefined
}

/** The same of DWARF 5, which the shared part has too, with its own id: it need not have a build-id. */
function readSup(file: Elf): SharedLink | undefined {
  const section = sectionNamed(file, '.debug_sup')
  if (!section) return undefined
  const bytes = readBytes(file.source, section.offset, Math.min(section.size, maxLinkBytes))
  const end = bytes.indexOf(0, 3)
  if (end < 0) return undefined
  // Ids are build-ids of 20 bytes, so the length takes one.
  const id = bytes.subarray(end + 2, end + 2 + (bytes[end + 1] ?? 0))
  return { name: decodeName(bytes.subarray(3, end)), id: hex(id) }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function checksumOf(source: ByteSource): number | undefined {
  if (source.size > maxChecksumBytes) return undefined
  // Not imported: it takes longer to load than all that is read here, and few files have no build-id.
  const { crc32 } = process.getBuiltinModule('node:zlib')
  let sum = 0
  for (let at = 0; at < source.size; at += chunkBytes) sum = crc32(readBytes(source, at, chunkBytes), sum)
  return sum
}
