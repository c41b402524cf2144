// The kernel that runs here, and its vdso: code that every process has and no file holds.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { memorySource } from './byte-source.ts'
import { type Executable, openExecutable } from './executable.ts'
import { type KernelSymbols, parseKallsyms } from './kallsyms.ts'

/** @returns undefined when the file cannot be read or kptr_restrict hides the addresses */
export function readKernelSymbols(proc: string): KernelSymbols | undefined {
  try {
    return parseKallsyms(readFileSync(`${proc}/kallsyms`))
  } catch {
    // No such file in some sandboxes (gVisor): kernel frames stay unnamed, the caller notes it.
    return undefined
  }
}

/** The vdso is one or a few pages; anything larger in that line of the maps is not it. */
const maxVdsoBytes = 1 << 20

/** Our own vdso, which is byte for byte that of every process of the same word size: `7ffd1c5f3000-7ffd1c5f5000 r-xp … [vdso]`. */
export function readVdso(): Executable | undefined {
  try {
    const line = readFileSync('/proc/self/maps', 'latin1').match(/^([0-9a-f]+)-([0-9a-f]+) .*\[vdso\]$/m)
    if (!line) return undefined
    const start = Number.parseInt(line[1] as string, 16)
    const size = Number.parseInt(line[2] as string, 16) - start
    if (size > maxVdsoBytes) return undefined
    const memory = openSync('/proc/self/mem', 'r')
    try {
      const bytes = new Uint8Array(size)
      const count = readSync(memory, bytes, 0, size, start)
      return openExecutable({ ...memorySource(bytes.subarray(0, count)), close: () => undefined })
    } finally {
      closeSync(memory)
    }
  } catch {
    // No vdso, or not readable: its few functions stay unnamed.
    return undefined
  }
}
