// Go's description of its own image (runtime.firstmoduledata), found by what it points to: the table of functions.
// Its words (runtime/symtab.go, moduledata; 1.18 to 1.26): 0 the table, 1 function names, … 22 start of the text,
// and where the data of functions starts: word 40, before Go 1.20 word 38.
import { readBytes } from './byte-source.ts'
import { type Elf, elf, offsetOfAddress, u64, viewOf } from './elf.ts'
import { eachRelocation } from './elf-relocations.ts'

export interface GoModule {
  readonly text: number
  readonly functionData: number
}

interface Wanted {
  /** Address of the pclntab. */
  readonly table: number
  /** Address of the names in it, the second thing that the module points to. */
  readonly names: number
  readonly version: number
}

const textWord = 22
/** R_X86_64_RELATIVE, R_AARCH64_RELATIVE: the word is an address in the file itself. */
const relativeTypes = [8, 1027]
const segmentWritable = 2
/** Read at once while looking; the module is found within the first megabytes of data. */
const chunkBytes = 1 << 20
/** Initialised data of the largest Go program seen (terraform's AWS provider) is 90 MB. */
const maxDataBytes = 256 << 20
/** Words that point to the table: the module and little else. */
const maxCandidates = 64

export function findGoModule(file: Elf, wanted: Wanted): GoModule | undefined {
  const functionDataWord = wanted.version >= 120 ? 40 : 38
  const address = findInData(file, wanted)
  if (address !== undefined) {
    const text = readWord(file, address + textWord * 8)
    const functionData = readWord(file, address + functionDataWord * 8)
    if (text && functionData) return { text, functionData }
  }
  return findInRelocations(file, wanted, functionDataWord)
}

function readWord(file: Elf, address: number): number | undefined {
  const offset = offsetOfAddress(file, address)
  const bytes = offset === undefined ? undefined : readBytes(file.source, offset, 8)
  return bytes?.length === 8 ? u64(viewOf(bytes), 0) : undefined
}

/** Looks through writable data for two neighbouring words, `.go.module` (Go 1.26) before the rest. */
function findInData(file: Elf, { table, names }: Wanted): number | undefined {
  const own = file.sections.find((section) => section.name === '.go.module' && section.type !== elf.nobits)
  const areas = own
    ? [{ offset: own.offset, address: own.address, fileSize: own.size }]
    : file.segments.filter((segment) => segment.type === elf.ptLoad && segment.flags & segmentWritable)
  const low = table >>> 0
  const high = Math.floor(table / 4_294_967_296)
  const nameLow = names >>> 0
  for (const area of areas) {
    const size = Math.min(area.fileSize, maxDataBytes)
    // Chunks overlap by a word so that a pair is never cut in two.
    for (let from = 0; from < size; from += chunkBytes - 8) {
      const bytes = readBytes(file.source, area.offset + from, Math.min(chunkBytes, size - from))
      const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2)
      for (let w = 0; w + 3 < words.length; w += 2) {
        if (words[w] === low && words[w + 1] === high && words[w + 2] === nameLow) return area.address + from + w * 4
      }
      if (bytes.length < chunkBytes) break
    }
  }
  return undefined
}

/** In a position-independent program that gcc linked, the words are zero and stand in `.rela.dyn` as addends. */
function findInRelocations(file: Elf, { table, names }: Wanted, functionDataWord: number): GoModule | undefined {
  const section = file.sections.find((section) => section.name === '.rela.dyn' && section.type === elf.rela)
  if (!section) return undefined
  const starts: number[] = []
  eachRelocation(file, { section, types: relativeTypes }, ({ slot, addend }) => {
    if (addend === table && starts.length < maxCandidates) starts.push(slot)
  })
  if (starts.length === 0) return undefined
  const words = new Map<number, number>()
  const wantedSlots = new Set(
    starts.flatMap((start) => [1, textWord, functionDataWord].map((word) => start + word * 8)),
  )
  eachRelocation(file, { section, types: relativeTypes }, ({ slot, addend }) => {
    if (wantedSlots.has(slot)) words.set(slot, addend)
  })
  for (const start of starts) {
    if (words.get(start + 8) !== names) continue
    const text = words.get(start + textWord * 8)
    const functionData = words.get(start + functionDataWord * 8)
    if (text && functionData) return { text, functionData }
  }
  return undefined
}
