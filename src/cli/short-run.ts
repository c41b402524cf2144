// Tells V8 that this process lives for a second. Made for servers, it has other threads compile what was called some
// thousand times; of reading a small recording that took a quarter of all CPU time, for code that was hardly used then.
import { setFlagsFromString } from 'node:v8'

/** By Node's major version: V8 renames its flags, and says on stderr what it does not know. */
const flags: Readonly<Record<string, readonly string[]>> = {
  24: [
    // Beside the program a compiler may still be at work when it ends.
    '--no-concurrent-recompilation',
    // Ten times V8's own choice: a recording of half a minute stays below, one of 600 000 samples is soon above.
    '--invocation-count-for-turbofan=30000',
    '--invocation-count-for-osr=5000',
  ],
}

/** Files that are read with little memory rather than in the least time. */
const largeBytes = 32 << 20

/**
 * Twice the file is what reading it may take. V8 lets the heap double before it looks for what is free; a fifth is
 * enough here, and costs 3 % of the time.
 */
export function expectFileOf(bytes: number): void {
  if (bytes >= largeBytes) setFlagsFromString('--heap-growing-percent=20')
}

export function expectShortRun(): void {
  const [major = ''] = process.versions.node.split('.')
  for (const flag of flags[major] ?? []) setFlagsFromString(flag)
}
