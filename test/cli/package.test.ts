// The bundled program, as the package installs it: one file under two names, with the UI beside it.
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { fixture, root, spikecam } from './spikecam.ts'

const dist = join(root, 'dist')
const isBuilt = existsSync(join(dist, 'spikecam.js'))
if (!isBuilt) console.log('skipped: dist/ is not built here; run: make build')

test.skipIf(!isBuilt)('runs by both of its names, and reads files without anything beside it', async () => {
  expect(Object.values(packageJson.bin)).toEqual(['dist/spikecam.js', 'dist/spikecam.js'])
  expect(statSync(join(dist, 'spikecam.js')).mode & 0o111).toBe(0o111)
  const folder = mkdtempSync(join(tmpdir(), 'spikecam-package-'))
  try {
    for (const name of Object.keys(packageJson.bin)) {
      const program = join(folder, name)
      symlinkSync(join(dist, 'spikecam.js'), program)
      expect(await spikecam(['--version'], { program, cwd: folder })).toMatchObject({
        code: 0,
        stdout: `spikecam ${packageJson.version}\n`,
        stderr: '',
      })
      const top = await spikecam(['top', fixture('pprof/go-cpu.pb.gz'), '-o', 'json'], { program, cwd: folder })
      expect(JSON.parse(top.stdout)[0].function).toBe('crypto/sha256.block')
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.skipIf(!isBuilt)('brings the UI and the licences of what is bundled', () => {
  for (const name of ['ui/index.html', 'ui/report.html', 'THIRD-PARTY.txt'])
    expect(existsSync(join(dist, name))).toBe(true)
})
