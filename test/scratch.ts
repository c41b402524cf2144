// What all tests of a run have in common: one folder for what they leave behind, removed when the run ends, as their
// processes are ended hard and have no last moment of their own; and what Go has compiled.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Vitest calls it once, before it starts the processes of the tests. */
export function setup(): () => void {
  const path = mkdtempSync(join(tmpdir(), 'spikecam-tests-'))
  process.env.SPIKECAM_SCRATCH = path
  // Go compiles its own library and tools once for all tests and runs, also where nobody has a home.
  process.env.GOCACHE ??= join(tmpdir(), 'spikecam-gocache')
  return () => rmSync(path, { recursive: true, force: true })
}

/** A folder of its own for whoever asks. Outside of Vitest, which removes it with the run, the caller removes it. */
export function freshFolder(name: string): string {
  return mkdtempSync(join(process.env.SPIKECAM_SCRATCH ?? tmpdir(), `${name}-`))
}
