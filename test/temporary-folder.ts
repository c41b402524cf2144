// A folder for one test file, removed when its tests are done.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** To be called where tests are declared, not inside one. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'spikecam-test-'))
  afterAll(() => rmSync(path, { recursive: true, force: true }))
  return path
}
