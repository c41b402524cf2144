// kill -9 at any moment: what was acknowledged is there, and nothing half-written can be seen.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { openDuckdbCatalog } from '../src/store/duckdb-catalog.ts'
import { openFolderBlobs } from '../src/store/folder-blobs.ts'
import { sha256Of } from './some-bytes.ts'
import { temporaryFolder } from './temporary-folder.ts'

const folder = temporaryFolder()
const writer = join(import.meta.dirname, 'store-writer.ts')

/** Runs the writer until it has acknowledged `count` things, of both kinds, kills it in the midst of the next. */
async function writeAndKill(first: number, count: number): Promise<string[]> {
  const child = spawn(process.execPath, [writer, folder, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const acknowledged: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line)
    // A slow disk may leave one of the two far behind; each has to be cut in the midst of its work.
    const blobs = acknowledged.filter((each) => each.startsWith('blob')).length
    if (acknowledged.length >= count && blobs >= Math.min(count - 1, 2) && blobs < acknowledged.length) {
      child.kill('SIGKILL')
    }
  }
  const [, signal] = await exited
  expect(signal).toBe('SIGKILL')
  return acknowledged
}

test('everything acknowledged survives ten kills, and nothing half-written is visible', async () => {
  const versions = new Map<string, number>()
  const sha256s = new Set<string>()
  // Counts from a few, so that the very first creation is cut too, to many; each meets another point of the work.
  const counts = [1, 2, 3, 5, 8, 13, 21, 34, 55, 90]
  for (const [round, count] of counts.entries()) {
    for (const line of await writeAndKill(round * 1000, count)) {
      const [what, id, version] = line.split(' ') as [string, string, string]
      if (what === 'incident') versions.set(id, Number(version))
      else sha256s.add(id)
    }
    const catalog = await openDuckdbCatalog(join(folder, 'catalog.duckdb'))
    const blobs = await openFolderBlobs(join(folder, 'blobs'))
    for (const [id, version] of versions) {
      const incident = await catalog.incident(id)
      // The write under way when it was killed may have got through as well.
      expect(Number(incident?.message?.split(' ')[0]), id).toBeGreaterThanOrEqual(version)
    }
    const visible = await blobs.list()
    for (const { sha256 } of visible) expect(sha256Of((await blobs.readAll(sha256)) as Uint8Array)).toBe(sha256)
    const names = new Set(visible.map(({ sha256 }) => sha256))
    expect([...sha256s].filter((sha256) => !names.has(sha256))).toEqual([])
    // An artifact in the catalog always has its bytes: they are stored first.
    expect((await catalog.heldArtifacts()).filter(({ sha256 }) => !names.has(sha256))).toEqual([])
    await catalog.close()
  }
  expect(versions.size).toBeGreaterThan(10)
  expect(sha256s.size).toBeGreaterThan(10)
})
