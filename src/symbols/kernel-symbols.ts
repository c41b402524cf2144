// Names of kernel functions, also for a kernel that was loaded at another address than the one whose symbols we have.
import { closeSync, openSync, readSync } from 'node:fs'
import type { SymbolFrame } from '../profile/symbolizer.ts'

import { demangle } from './demangle.ts'
import { buildIdOfNotes, readElf, sectionNamed } from './elf.ts'
import { readElfSymbols } from './elf-symbols.ts'
import { type KernelSymbols, parseKallsyms } from './kallsyms.ts'
import { openFile } from './open-file.ts'

const noFrames: readonly SymbolFrame[] = []
/** Kernel functions that samples meet: some thousands. */
const maxFrames = 16_384
const frameBytes = 150

/** Looks kernel addresses up and keeps the frames. */
export class KernelNames {
  readonly symbols: KernelSymbols
  private readonly frames = new Map<number, readonly SymbolFrame[]>()

  constructor(symbols: KernelSymbols) {
    this.symbols = symbols
  }

  get bytes(): number {
    return this.symbols.bytes + this.frames.size * frameBytes
  }

  framesAt(address: number): readonly SymbolFrame[] {
    const index = this.symbols.find(address)
    if (index === -1) return noFrames
    let frames = this.frames.get(index)
    if (!frames) {
      const systemName = this.symbols.readName(index)
      const name = demangle(systemName)
      frames = [name === systemName ? { name } : { name, systemName }]
      if (this.frames.size >= maxFrames) this.frames.clear()
      this.frames.set(index, frames)
    }
    return frames
  }
}

/** @returns undefined when the file cannot be read or kptr_restrict hides the addresses */
export function readKallsyms(path: string): KernelSymbols | undefined {
  try {
    return parseKallsyms(readWhole(path))
  } catch {
    // No such file in some sandboxes (gVisor): kernel frames stay unnamed, the caller notes it.
    return undefined
  }
}

/** Room for a kernel with some modules, so that it need not grow. */
const firstBytes = 8 << 20

/** Files of /proc have no size and come in pages: `readFileSync` takes 64 kB of memory for each. */
function readWhole(path: string): Uint8Array {
  const file = openSync(path, 'r')
  try {
    let bytes = new Uint8Array(firstBytes)
    let length = 0
    for (;;) {
      const count = readSync(file, bytes, length, bytes.length - length, null)
      if (count === 0) return bytes.subarray(0, length)
      length += count
      if (length < bytes.length) continue
      const larger = new Uint8Array(bytes.length * 2)
      larger.set(bytes)
      bytes = larger
    }
  } finally {
    closeSync(file)
  }
}

/** Symbols of an uncompressed kernel image, as distributions put it into their debug packages. */
export function readVmlinux(path: string): (KernelSymbols & { readonly buildId: string | undefined }) | undefined {
  const source = openFile(path, { followLinks: true })
  const file = source && readElf(source)
  const symbols = file && readElfSymbols(file)
  if (!symbols) {
    source?.close()
    return undefined
  }
  return {
    find: (address) => symbols.table.find(address, () => ''),
    readName: symbols.readName,
    // `_text` is where .text begins (arch/x86/kernel/vmlinux.lds.S).
    textStart: sectionNamed(file, '.text')?.address,
    bytes: symbols.bytes,
    buildId: file.buildId,
  }
}

/** Notes of the kernel are a few hundred bytes. */
const maxNoteBytes = 64 << 10

/** Build-id of the running kernel. */
export function readKernelBuildId(): string | undefined {
  const notes = openFile('/sys/kernel/notes', { followLinks: true })
  if (!notes) return undefined
  const bytes = new Uint8Array(maxNoteBytes)
  const length = notes.readInto(bytes, 0)
  notes.close()
  return buildIdOfNotes(bytes.subarray(0, length))
}
