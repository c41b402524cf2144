// One opened file with code: from an address in a mapping of it to names.
import type { SymbolFrame } from '../profile/symbolizer.ts'
import type { ByteSource } from './byte-source.ts'
import { addressOfOffset, type Elf, readElf } from './elf.ts'
import { type ElfSymbols, hasSymtab, readElfSymbols } from './elf-symbols.ts'

/** Finds the file that holds the symbols which were stripped from `file`. */
export type FindDebugFile = (file: Elf) => { elf: Elf; close(): void } | undefined

export interface Executable {
  readonly buildId: string | undefined
  /** Memory that its tables and names take, roughly; grows with use. */
  readonly bytes: number
  /** @param offset byte of the file that was loaded at the address in question */
  framesAt(offset: number): readonly SymbolFrame[]
  /** Drops tables and names; they are read again when asked for. */
  release(): void
  close(): void
}

/** Frames kept for each file: a busy service samples some thousands of functions, at about 200 bytes each. */
const maxFrames = 8192
const frameBytes = 200
const noFrames: readonly SymbolFrame[] = []

/**
 * @param source stays open until `close`; tables are read when first asked for
 * @returns undefined when it is not an ELF file
 */
export function openExecutable(
  source: ByteSource & { close(): void },
  { findDebugFile }: { findDebugFile?: FindDebugFile } = {},
): Executable | undefined {
  const file = readElf(source)
  if (!file) return undefined
  return new ElfExecutable(file, { close: () => source.close(), findDebugFile })
}

class ElfExecutable implements Executable {
  private readonly file: Elf
  private readonly closeSource: () => void
  private readonly findDebugFile: FindDebugFile | undefined
  private debug: { elf: Elf; close(): void } | undefined
  private symbols: ElfSymbols | undefined
  private isRead = false
  private readonly frames = new Map<number, readonly SymbolFrame[]>()

  constructor(file: Elf, { close, findDebugFile }: { close: () => void; findDebugFile: FindDebugFile | undefined }) {
    this.file = file
    this.closeSource = close
    this.findDebugFile = findDebugFile
  }

  get buildId(): string | undefined {
    return this.file.buildId
  }

  get bytes(): number {
    return 2048 + (this.symbols?.table.bytes ?? 0) + this.frames.size * frameBytes
  }

  framesAt(offset: number): readonly SymbolFrame[] {
    const address = addressOfOffset(this.file, offset)
    if (address === undefined) return noFrames
    const symbols = this.read()
    if (!symbols) return noFrames
    const index = symbols.table.find(address, (i) => symbols.readName(i))
    if (index < 0) return noFrames
    let frames = this.frames.get(index)
    if (!frames) {
      frames = [{ name: symbols.readName(index) }]
      if (this.frames.size >= maxFrames) this.frames.clear()
      this.frames.set(index, frames)
    }
    return frames
  }

  release(): void {
    this.symbols = undefined
    this.isRead = false
    this.frames.clear()
    this.debug?.close()
    this.debug = undefined
  }

  close(): void {
    this.release()
    this.closeSource()
  }

  private read(): ElfSymbols | undefined {
    if (!this.isRead) {
      this.isRead = true
      // perf looks for the debug file first, too: it has at least what the file itself has.
      this.debug = this.findDebugFile?.(this.file)
      this.symbols =
        this.debug && hasSymtab(this.debug.elf)
          ? readElfSymbols(this.debug.elf, { stubs: this.file })
          : readElfSymbols(this.file)
    }
    return this.symbols
  }
}
