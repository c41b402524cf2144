// What every backing of the blob store must do; each backing's own test runs this list against itself.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Blobs } from '../src/store/blobs.ts'
import { sha256Of, someBytes } from './some-bytes.ts'

async function* chunks(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function readWhole(source: AsyncIterable<Uint8Array> | undefined): Promise<Buffer | undefined> {
  if (!source) return undefined
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return Buffer.concat(parts)
}

/** @param open a new, empty store */
export function describeBlobs(name: string, open: () => Promise<Blobs>): void {
  describe(name, () => {
    let blobs: Blobs
    beforeAll(async () => {
      blobs = await open()
    })

    test('what is put is read back, whole and in ranges', async () => {
      const bytes = someBytes(200_000, 1)
      const sha256 = await blobs.put(bytes)
      expect(sha256).toBe(sha256Of(bytes))
      expect(await blobs.sizeOf(sha256)).toBe(200_000)
      expect(Buffer.compare((await blobs.readAll(sha256)) as Uint8Array, bytes)).toBe(0)
      expect(sha256Of((await readWhole(await blobs.read(sha256))) as Uint8Array)).toBe(sha256)
      expect(await readWhole(await blobs.read(sha256, { start: 10, end: 20 }))).toEqual(
        Buffer.from(bytes.subarray(10, 20)),
      )
      expect(await readWhole(await blobs.read(sha256, { start: 5, end: 5 }))).toEqual(Buffer.alloc(0))
    })

    test('what is not there is undefined', async () => {
      const sha256 = sha256Of(someBytes(10, 2))
      expect(await blobs.sizeOf(sha256)).toBeUndefined()
      expect(await blobs.read(sha256)).toBeUndefined()
      expect(await blobs.readAll(sha256)).toBeUndefined()
      expect(await blobs.progress(sha256)).toEqual({ offset: 0, complete: false })
      await blobs.delete(sha256)
    })

    test('an upload that is cut goes on where it stopped, and is invisible until it is whole', async () => {
      const bytes = someBytes(10_000, 3)
      const sha256 = sha256Of(bytes)
      async function* cut(): AsyncGenerator<Uint8Array> {
        yield* chunks(bytes.subarray(0, 4000))
        throw new Error('connection reset')
      }
      await expect(blobs.append(sha256, cut(), { offset: 0, sizeBytes: 10_000 })).rejects.toThrow('connection reset')
      expect(await blobs.progress(sha256)).toEqual({ offset: 4000, complete: false })
      expect(await blobs.sizeOf(sha256)).toBeUndefined()
      expect((await blobs.list()).map((blob) => blob.sha256)).not.toContain(sha256)
      const half = await blobs.append(sha256, chunks(bytes.subarray(4000, 6000)), { offset: 4000, sizeBytes: 10_000 })
      expect(half).toEqual({ offset: 6000, complete: false })
      const whole = await blobs.append(sha256, chunks(bytes.subarray(6000)), { offset: 6000, sizeBytes: 10_000 })
      expect(whole).toEqual({ offset: 10_000, complete: true })
      expect(Buffer.compare((await blobs.readAll(sha256)) as Uint8Array, bytes)).toBe(0)
    })

    test('an upload at the wrong place is told the right one', async () => {
      const bytes = someBytes(100, 4)
      const sha256 = sha256Of(bytes)
      await blobs.append(sha256, chunks(bytes.subarray(0, 30)), { offset: 0, sizeBytes: 100 })
      const wrong = blobs.append(sha256, chunks(bytes.subarray(50)), { offset: 50, sizeBytes: 100 })
      await expect(wrong).rejects.toMatchObject({ code: 'UPLOAD_OFFSET', details: { offset: 30 } })
    })

    test('bytes that are not those of the sha256 are dropped', async () => {
      const bytes = someBytes(100, 5)
      const sha256 = sha256Of(bytes)
      const wrong = blobs.append(sha256, chunks(someBytes(100, 6)), { offset: 0, sizeBytes: 100 })
      await expect(wrong).rejects.toMatchObject({ code: 'MALFORMED' })
      expect(await blobs.progress(sha256)).toEqual({ offset: 0, complete: false })
      const long = blobs.append(sha256, chunks(bytes), { offset: 0, sizeBytes: 60 })
      await expect(long).rejects.toMatchObject({ code: 'TOO_LARGE' })
    })

    test('what is whole already is not taken again', async () => {
      const bytes = someBytes(100, 7)
      const sha256 = await blobs.put(bytes)
      const before = blobs.usage()
      const again = await blobs.append(sha256, chunks(bytes), { offset: 0, sizeBytes: 100 })
      expect(again).toEqual({ offset: 100, complete: true })
      expect(await blobs.put(bytes)).toBe(sha256)
      expect(blobs.usage()).toEqual(before)
    })

    test('a second upload ends a first one whose connection is silent', async () => {
      const bytes = someBytes(5000, 8)
      const sha256 = sha256Of(bytes)
      let reached: () => void = () => undefined
      const stalled = new Promise<void>((resolve) => {
        reached = resolve
      })
      async function* silent(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 2000)
        reached()
        await new Promise(() => undefined)
      }
      const first = blobs.append(sha256, silent(), { offset: 0, sizeBytes: 5000 })
      const firstEnd = expect(first).rejects.toMatchObject({ code: 'UPLOAD_OFFSET' })
      await stalled
      const second = await blobs.append(sha256, chunks(bytes.subarray(2000)), { offset: 2000, sizeBytes: 5000 })
      expect(second).toEqual({ offset: 5000, complete: true })
      await firstEnd
    })

    test('an aborted upload keeps what came', async () => {
      const bytes = someBytes(5000, 9)
      const sha256 = sha256Of(bytes)
      const stop = new AbortController()
      async function* aborted(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 1000)
        stop.abort(new Error('server closes'))
        yield bytes.subarray(1000)
      }
      const upload = blobs.append(sha256, aborted(), { offset: 0, sizeBytes: 5000, signal: stop.signal })
      await expect(upload).rejects.toThrow('server closes')
      expect((await blobs.progress(sha256)).offset).toBe(1000)
    })

    test('an empty blob is a blob', async () => {
      const sha256 = sha256Of(new Uint8Array(0))
      expect(await blobs.append(sha256, chunks(new Uint8Array(0)), { offset: 0, sizeBytes: 0 })).toEqual({
        offset: 0,
        complete: true,
      })
      expect(await readWhole(await blobs.read(sha256))).toEqual(Buffer.alloc(0))
    })

    test('usage and list agree, also after a delete', async () => {
      const sha256 = await blobs.put(someBytes(777, 10))
      const totals = async () => {
        const list = await blobs.list()
        return { blobs: list.length, bytes: list.reduce((sum, blob) => sum + blob.sizeBytes, 0) }
      }
      expect(blobs.usage()).toEqual(await totals())
      await blobs.delete(sha256)
      expect(await blobs.sizeOf(sha256)).toBeUndefined()
      expect(blobs.usage()).toEqual(await totals())
    })

    test('a name that is no sha256 is refused, whatever it says', async () => {
      await expect(blobs.sizeOf('../../etc/passwd')).rejects.toMatchObject({ code: 'BAD_REQUEST' })
      await expect(blobs.progress('../incoming/x')).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    })
  })
}
