// Symbols that a distribution keeps in a file of their own, found as gdb and perf find them.
//
//   /usr/lib/debug/.build-id/ab/cdef….debug        by the build-id of the stripped file
//   DIR/NAME, DIR/.debug/NAME, /usr/lib/debug/DIR/NAME    by .gnu_debuglink: file name\0, padding to 4, crc32 u32
import { dirname } from 'node:path'
import { type ByteSource, decodeName, readBytes } from './byte-source.ts'
import { type Elf, readElf, sectionNamed, viewOf } from './elf.ts'
import { hasSymtab } from './elf-symbols.ts'
import type { FindDebugFile } from './executable.ts'
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

export function debugFileFinder({ path, roots, over = (source) => source }: DebugFileOptions): FindDebugFile {
  return (file) => {
    const names: string[] = []
    if (file.buildId && file.buildId.length > 2) {
      names.push(`/usr/lib/debug/.build-id/${file.buildId.slice(0, 2)}/${file.buildId.slice(2)}.debug`)
    }
    const link = readDebugLink(file)
    if (link) {
      const folder = dirname(path)
      names.push(`${folder}/${link.name}`, `${folder}/.debug/${link.name}`, `/usr/lib/debug${folder}/${link.name}`)
    }
    for (const root of roots) {
      for (const name of names) {
        const found = openDebugFile(`${root}${name}`, file, { checksum: link?.checksum, over })
        if (found) return found
      }
    }
    return undefined
  }
}

interface Wanted extends Required<Pick<DebugFileOptions, 'over'>> {
  readonly checksum: number | undefined
}

function openDebugFile(path: string, stripped: Elf, { checksum, over }: Wanted) {
  const source = openFile(path, { followLinks: true })
  if (!source) return undefined
  const debug = readElf(over(source))
  const fits =
    debug !== undefined &&
    hasSymtab(debug) &&
    (stripped.buildId !== undefined ? debug.buildId === stripped.buildId : checksumOf(source) === checksum)
  if (fits) return { elf: debug, close: () => source.close() }
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

function checksumOf(source: ByteSource): number | undefined {
  if (source.size > maxChecksumBytes) return undefined
  // Not imported: it takes longer to load than all that is read here, and few files have no build-id.
  const { crc32 } = process.getBuiltinModule('node:zlib')
  let sum = 0
  for (let at = 0; at < source.size; at += chunkBytes) sum = crc32(readBytes(source, at, chunkBytes), sum)
  return sum
}
