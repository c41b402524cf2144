// The vdso: kernel code that every process has mapped and no file holds. Ours is the same as everybody's.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { memorySource } from './byte-source.ts'
import { type Executable, openExecutable } from './executable.ts'

/** The vdso is one or a few pages; anything larger in that line of the maps is not it. */
const maxVdsoBytes = 1 << 20

/** Read from our own memory, at the line `7ffd1c5f3000-7ffd1c5f5000 r-xp … [vdso]` of the maps. */
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
