// Blobs in a folder: the conformance list, and what is done with leftovers of a crash.
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeBlobs } from '../../test/blobs-conformance.ts'
import { sha256Of, someBytes } from '../../test/some-bytes.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { openFolderBlobs } from './folder-blobs.ts'

const folder = temporaryFolder()

describeBlobs('blobs in a folder', () => openFolderBlobs(join(folder, 'conformance')))

test('a new start keeps what can be continued and removes the rest', async () => {
  const path = join(folder, 'leftovers')
  const whole = await (await openFolderBlobs(path)).put(someBytes(50, 1))
  const fresh = sha256Of(someBytes(10, 2))
  const abandoned = sha256Of(someBytes(10, 3))
  const incoming = join(path, 'incoming')
  for (const name of [fresh, abandoned, 'put-1', 'delete-2']) writeFileSync(join(incoming, name), 'half')
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400
  utimesSync(join(incoming, abandoned), twoDaysAgo, twoDaysAgo)
  const blobs = await openFolderBlobs(path)
  expect(blobs.cleaned).toBe(3)
  expect(readdirSync(incoming)).toEqual([fresh])
  expect(await blobs.progress(fresh)).toEqual({ offset: 4, complete: false })
  expect(blobs.usage()).toEqual({ blobs: 1, bytes: 50 })
  expect((await blobs.list()).map(({ sha256 }) => sha256)).toEqual([whole])
})

test('an upload that nobody continues goes, also while the server runs', async () => {
  const path = join(folder, 'abandoned')
  const blobs = await openFolderBlobs(path)
  for (const n of [1, 2]) writeFileSync(join(path, 'incoming', sha256Of(someBytes(10, n))), 'half')
  const anHourAgo = Date.now() / 1000 - 3600
  utimesSync(join(path, 'incoming', sha256Of(someBytes(10, 1))), anHourAgo, anHourAgo)
  expect(await blobs.dropAbandoned(Date.now() + 82_000_000)).toBe(0)
  expect(await blobs.dropAbandoned(Date.now() + 86_400_000 - 1_800_000)).toBe(1)
  expect(readdirSync(join(path, 'incoming'))).toEqual([sha256Of(someBytes(10, 2))])
})

test('a file in place of the folder is DATA_NOT_WRITABLE', async () => {
  const path = join(folder, 'file')
  writeFileSync(path, '')
  await expect(openFolderBlobs(path)).rejects.toMatchObject({ code: 'DATA_NOT_WRITABLE' })
})

test('files that are not ours are no blobs', async () => {
  const path = join(folder, 'strangers')
  mkdirSync(join(path, 'ab'), { recursive: true })
  mkdirSync(join(path, 'lost+found'))
  writeFileSync(join(path, 'ab', 'README'), 'hello')
  expect((await openFolderBlobs(path)).usage()).toEqual({ blobs: 0, bytes: 0 })
})
