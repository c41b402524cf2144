// One folder for what all tests of a run leave behind, removed when the run ends: their processes are ended hard, and
// have no last moment of their own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Vitest calls it once, before it starts the processes of the tests. */
export function setup(): () => void {
  const path = mkdtempSync(join(tmpdir(), 'spikecam-tests-'))
  process.env.SPIKECAM_SCRATCH = path
  return () => rmSync(path, { recursive: true, force: true })
}

/** A folder of its own for whoever asks. Outside of Vitest, which removes it with the run, the caller removes it. */
export function freshFolder(name: string): string {
  return mkdtempSync(join(process.env.SPIKECAM_SCRATCH ?? tmpdir(), `${name}-`))
}
