import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from '../../test/scratch.ts'
import type { Artifact } from '../model/capture.ts'
import { Spool } from './spool.ts'

const folder = (): string => freshFolder('spool')
const artifact: Artifact = {
  id: 'art-1',
  captureId: 'cap-1',
  name: 'x',
  mediaType: 'text/plain',
  sizeBytes: 3,
  sha256: '0'.repeat(64),
  probe: 'ring',
  createdMs: 1,
}
const any = (): boolean => true

test('what was put is there after a restart, with its bytes and its order', async () => {
  const where = folder()
  const spool = await Spool.open(where)
  const first = await spool.put('artifact:1', { type: 'artifact', artifact }, { bytes: new Uint8Array([1, 2, 3]) })
  const second = await spool.put(
    'artifact:2',
    { type: 'artifact', artifact: { ...artifact, id: 'art-2' } },
    { after: [first] },
  )
  await writeFile(join(where, '0000000009.json.tmp'), '{"half a fi')
  await writeFile(join(where, '0000000008.blob'), 'belongs to nothing')

  const again = await Spool.open(where)
  expect(again.waiting().map((item) => item.seq)).toEqual([first, second])
  expect([...(await again.readBlob(again.waiting()[0]!))!]).toEqual([1, 2, 3])
  expect(await readdir(where)).toEqual(['0000000001.blob', '0000000001.json', '0000000002.json'])
  expect(await again.put('x', { type: 'artifact', artifact })).toBe(3)
})

test('an item waits for those it comes after', async () => {
  const spool = await Spool.open(folder())
  const bytes = await spool.put('a', { type: 'artifact', artifact }, { bytes: new Uint8Array(1) })
  await spool.put('b', { type: 'artifact', artifact }, { after: [bytes] })
  expect(spool.next(any)?.seq).toBe(bytes)
  expect(spool.next((item) => item.blob === undefined)).toBeUndefined()
  await spool.done(bytes)
  expect(spool.next(any)?.key).toBe('b')
})

test('a newer state of the same document replaces the older', async () => {
  const spool = await Spool.open(folder())
  await spool.put('same', { type: 'artifact', artifact })
  const newer = await spool.put('same', { type: 'artifact', artifact: { ...artifact, name: 'y' } })
  expect(spool.waiting().map((item) => item.seq)).toEqual([newer])
})

test('a full folder gives up the oldest bytes and counts them', async () => {
  const spool = await Spool.open(folder(), { maxBytes: 10 })
  await spool.put('a', { type: 'artifact', artifact }, { bytes: new Uint8Array(6) })
  await spool.put('b', { type: 'artifact', artifact }, { bytes: new Uint8Array(6) })
  expect(spool.waiting().map((item) => item.key)).toEqual(['b'])
  expect(spool.dropped).toBe(1)
})

test('what a damaged disk left is given up and counted; the rest is delivered', async () => {
  const where = folder()
  const spool = await Spool.open(where)
  await spool.put('damaged', { type: 'artifact', artifact })
  await spool.put('without its bytes', { type: 'artifact', artifact }, { bytes: new Uint8Array(3) })
  const whole = await spool.put('whole', { type: 'artifact', artifact })
  await writeFile(join(where, '0000000001.json'), '')
  await rm(join(where, '0000000002.blob'))

  const said: string[] = []
  const again = await Spool.open(where, { onLoss: (what) => said.push(what) })
  expect(again.waiting().map((item) => item.seq)).toEqual([whole])
  expect(again.dropped).toBe(2)
  expect(said).toHaveLength(2)
  expect(await readdir(where)).toEqual(['0000000003.json'])
})

test('a server that is away for days does not fill the memory: the oldest documents go, and are counted', async () => {
  const said: string[] = []
  const spool = await Spool.open(folder(), { mostItems: 3, onLoss: (what) => said.push(what) })
  for (const key of ['a', 'b', 'c', 'd', 'e']) await spool.put(key, { type: 'artifact', artifact })
  expect(spool.waiting().map((item) => item.key)).toEqual(['c', 'd', 'e'])
  expect(said).toEqual(['a', 'b'].map((key) => `${key} was given up: 3 items wait for the server already`))
})

test('a document that the disk does not take is delivered from memory; bytes fail with the reason', async () => {
  const where = folder()
  const said: string[] = []
  const spool = await Spool.open(where, { onLoss: (what) => said.push(what) })
  await rm(where, { recursive: true })
  const seq = await spool.put('incident:1', { type: 'artifact', artifact })
  expect(spool.next(any)?.seq).toBe(seq)
  expect(said[0]).toMatch(/^incident:1 is only in memory: ENOENT/)
  await expect(spool.put('b', { type: 'artifact', artifact }, { bytes: new Uint8Array(3) })).rejects.toMatchObject({
    code: 'DATA_NOT_WRITABLE',
  })
  await spool.done(seq)
  expect(spool.size).toBe(0)
})
