// Tells V8 that this process lives for a second. Made for servers, it has other threads compile what was called some
// thousand times; of reading a small recording that took a quarter of all CPU time, for code that was hardly used then.
import { setFlagsFromString } from 'node:v8'

interface Flags {
  readonly command: readonly string[]
  readonly largeFile: readonly string[]
}

/** By Node's major version: V8 renames its flags, and says on stderr what it does not know. */
const flags: Readonly<Record<string, Flags>> = {
  24: {
    command: [
      // Beside the program a compiler may still be at work when it ends; and waking its thread costs more than it does.
      '--no-concurrent-recompilation',
      '--no-concurrent-sparkplug',
      // Ten times V8's own choices: a recording of half a minute stays below, one of 600 000 samples is soon above.
      '--invocation-count-for-turbofan=30000',
      '--invocation-count-for-osr=5000',
    ],
    largeFile: [
      // Twice the file is what reading it may take. V8 lets the heap double before it looks for what is free; a fifth
      // is enough here, and costs 3 % of the time.
      '--heap-growing-percent=20',
      // V8's own choice: loops over all samples run long.
      '--invocation-count-for-osr=500',
    ],
  },
}

/** Files that are read with little memory rather than in the least time. */
const largeBytes = 32 << 20

const [major = ''] = process.versions.node.split('.')

/** To be called before the command's code is loaded. */
export function expectShortRun(): void {
  for (const flag of flags[major]?.command ?? []) setFlagsFromString(flag)
}

/** @param bytes size of the file that will be read */
export function expectFileOf(bytes: number): void {
  if (bytes < largeBytes) return
  for (const flag of flags[major]?.largeFile ?? []) setFlagsFromString(flag)
}
