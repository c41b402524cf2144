// A program for store-kill.test.ts: stores incidents and blobs without end and says which are acknowledged, until it
// is killed. Run: node store-writer.ts FOLDER FIRST-NUMBER
//   incident inc-7 3      the third version of inc-7 was acknowledged
//   blob 9f86d0…          these bytes were acknowledged
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { openDuckdbCatalog } from '../src/store/duckdb-catalog.ts'
import { openFolderBlobs } from '../src/store/folder-blobs.ts'
import { makeArtifact, makeIncident } from './nouns.ts'
import { sha256Of, someBytes } from './some-bytes.ts'

const [folder, first] = process.argv.slice(2) as [string, string]
const catalog = await openDuckdbCatalog(join(folder, 'catalog.duckdb'))
const blobs = await openFolderBlobs(join(folder, 'blobs'))
// One write(2) each: what the reader sees is whole, and it is out before the next thing begins.
const acknowledge = (line: string): number => writeSync(1, `${line}\n`)

async function storeIncidents(): Promise<never> {
  for (let n = Number(first); ; n++) {
    const id = `inc-${n}`
    for (let version = 1; version <= 3; version++) {
      await catalog.updateIncident(id, () => makeIncident({ id, message: `${version} ${'x'.repeat(n % 5000)}` }))
      acknowledge(`incident ${id} ${version}`)
    }
  }
}

async function storeBlobs(): Promise<never> {
  for (let n = Number(first); ; n++) {
    const bytes = someBytes(50_000 + (n % 7) * 100_000, n)
    const sha256 = sha256Of(bytes)
    const half = bytes.length >> 1
    await blobs.append(sha256, Readable.from([bytes.subarray(0, half)]), { offset: 0, sizeBytes: bytes.length })
    await blobs.append(sha256, Readable.from([bytes.subarray(half)]), { offset: half, sizeBytes: bytes.length })
    await catalog.putArtifact(makeArtifact(bytes, { id: `art-${n}`, captureId: 'cap-1' }))
    acknowledge(`blob ${sha256}`)
  }
}

await Promise.all([storeIncidents(), storeBlobs()])
