// Blobs as files: blobs/ab/abcdef…, unfinished ones in blobs/incoming. Names are the sha256 of the content, so a file
// under its own name is whole by construction: it was hashed and synced before it was renamed.
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Failure } from '../model/errors.ts'
import type { AppendOptions, BlobInfo, Blobs, Sha256, UploadProgress } from './blobs.ts'
import { publish, syncFolder } from './durable.ts'

/** An upload that nobody continued for a day: the agent's spool has long given up or begun anew. */
const abandonedMs = 24 * 3_600_000

const sha256Pattern = /^[0-9a-f]{64}$/

export interface FolderBlobs extends Blobs {
  /** Unfinished files removed when the folder was opened. */
  readonly cleaned: number
  /** Removes uploads that nobody continued for a day. @returns how many */
  dropAbandoned(nowMs: number): Promise<number>
}

/**
 * Opens the folder, removes leftovers of a crash and counts what is there.
 * @throws Failure DATA_NOT_WRITABLE
 */
export async function openFolderBlobs(folder: string, { nowMs = Date.now() } = {}): Promise<FolderBlobs> {
  const incoming = join(folder, 'incoming')
  try {
    await mkdir(incoming, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new Failure('DATA_NOT_WRITABLE', `cannot keep artifacts in ${folder}: ${(cause as Error).message}`, { cause })
  }
  // What `put` and `delete` left can never be continued; an upload can, as long as its agent is likely to come back.
  let cleaned = await dropUploads(incoming, nowMs)
  for (const name of await readdir(incoming)) {
    if (sha256Pattern.test(name)) continue
    await rm(join(incoming, name), { force: true })
    cleaned++
  }
  const total = { blobs: 0, bytes: 0 }
  for (const { sizeBytes } of await listFolder(folder)) {
    total.blobs++
    total.bytes += sizeBytes
  }
  return new Folder(folder, total, cleaned)
}

class Folder implements FolderBlobs {
  readonly cleaned: number
  readonly #folder: string
  readonly #total: { blobs: number; bytes: number }
  /** The append that runs for a blob, so that the next one can end it and wait for its file to be closed. */
  readonly #running = new Map<Sha256, { readonly stop: AbortController; readonly done: Promise<unknown> }>()

  constructor(folder: string, total: { blobs: number; bytes: number }, cleaned: number) {
    this.#folder = folder
    this.#total = total
    this.cleaned = cleaned
  }

  dropAbandoned(nowMs: number): Promise<number> {
    return dropUploads(join(this.#folder, 'incoming'), nowMs)
  }

  async progress(sha256: Sha256): Promise<UploadProgress> {
    const whole = await this.sizeOf(sha256)
    if (whole !== undefined) return { offset: whole, complete: true }
    return { offset: (await sizeOfFile(this.#incoming(sha256))) ?? 0, complete: false }
  }

  async append(sha256: Sha256, source: AsyncIterable<Uint8Array>, options: AppendOptions): Promise<UploadProgress> {
    for (let other = this.#running.get(sha256); other; other = this.#running.get(sha256)) {
      other.stop.abort(new Failure('UPLOAD_OFFSET', `another upload of ${sha256} took over`))
      await other.done
    }
    const stop = new AbortController()
    const signal = options.signal ? AbortSignal.any([stop.signal, options.signal]) : stop.signal
    const work = this.#append(sha256, source, { ...options, signal })
    const done = work.catch(() => undefined) // whoever waits for the file wants to know that it ended, not how
    this.#running.set(sha256, { stop, done })
    try {
      return await work
    } finally {
      this.#running.delete(sha256)
    }
  }

  async #append(
    sha256: Sha256,
    source: AsyncIterable<Uint8Array>,
    { offset, sizeBytes, signal }: AppendOptions & { signal: AbortSignal },
  ): Promise<UploadProgress> {
    const before = await this.progress(sha256)
    if (before.complete) return before
    if (before.offset !== offset) {
      throw new Failure('UPLOAD_OFFSET', `the upload goes on at byte ${before.offset}, not ${offset}`, {
        details: { offset: before.offset },
      })
    }
    const path = this.#incoming(sha256)
    const file = await open(path, 'a', 0o600)
    let at = offset
    try {
      for await (const chunk of abortable(source, signal)) {
        if (at + chunk.length > sizeBytes) {
          throw new Failure('TOO_LARGE', `more than the ${sizeBytes} bytes that Upload-Length announced`)
        }
        await file.appendFile(chunk)
        at += chunk.length
      }
    } finally {
      await file.close()
    }
    if (at < sizeBytes) return { offset: at, complete: false }
    const actual = await hashFile(path)
    if (actual !== sha256) {
      await rm(path, { force: true })
      throw new Failure('MALFORMED', `the ${at} bytes have sha256 ${actual}, not ${sha256}: they are dropped`)
    }
    await this.#finish(path, sha256, at)
    return { offset: at, complete: true }
  }

  async put(bytes: Uint8Array): Promise<Sha256> {
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    if ((await this.sizeOf(sha256)) !== undefined) return sha256
    const path = this.#incoming(`put-${randomUUID()}`)
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
    } finally {
      await file.close()
    }
    await this.#finish(path, sha256, bytes.length)
    return sha256
  }

  async #finish(temporary: string, sha256: Sha256, sizeBytes: number): Promise<void> {
    const folder = join(this.#folder, sha256.slice(0, 2))
    if (await mkdir(folder, { recursive: true, mode: 0o700 })) await syncFolder(this.#folder)
    const isNew = (await this.sizeOf(sha256)) === undefined
    await publish(temporary, this.#path(sha256))
    if (!isNew) return
    this.#total.blobs++
    this.#total.bytes += sizeBytes
  }

  async sizeOf(sha256: Sha256): Promise<number | undefined> {
    return sizeOfFile(this.#path(sha256))
  }

  async read(sha256: Sha256, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array> | undefined> {
    if ((await this.sizeOf(sha256)) === undefined) return undefined
    if (range && range.end <= range.start) return Readable.from([])
    // createReadStream counts its end in: bytes 0..9 are { start: 0, end: 9 }.
    return createReadStream(this.#path(sha256), range ? { start: range.start, end: range.end - 1 } : {})
  }

  async readAll(sha256: Sha256): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      return (await readFile(this.#path(sha256))) as Uint8Array<ArrayBuffer>
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async delete(sha256: Sha256): Promise<void> {
    const sizeBytes = await this.sizeOf(sha256)
    if (sizeBytes === undefined) return
    // Under another name first: a crash while a large file is being removed must not leave a piece under its sha256.
    const doomed = this.#incoming(`delete-${randomUUID()}`)
    await rename(this.#path(sha256), doomed)
    this.#total.blobs--
    this.#total.bytes -= sizeBytes
    await rm(doomed, { force: true })
  }

  list(): Promise<BlobInfo[]> {
    return listFolder(this.#folder)
  }

  usage(): { blobs: number; bytes: number } {
    return { ...this.#total }
  }

  #path(sha256: Sha256): string {
    if (!sha256Pattern.test(sha256)) throw new Failure('BAD_REQUEST', `not a sha256: ${sha256}`)
    return join(this.#folder, sha256.slice(0, 2), sha256)
  }

  #incoming(name: string): string {
    return join(this.#folder, 'incoming', name)
  }
}

async function dropUploads(incoming: string, nowMs: number): Promise<number> {
  let dropped = 0
  for (const name of (await readdir(incoming)).filter((each) => sha256Pattern.test(each))) {
    const path = join(incoming, name)
    const found = await stat(path).catch(() => undefined) // it has just become a blob
    if (!found || nowMs - found.mtimeMs < abandonedMs) continue
    await rm(path, { force: true })
    dropped++
  }
  return dropped
}

async function listFolder(folder: string): Promise<BlobInfo[]> {
  const found: BlobInfo[] = []
  for (const part of await readdir(folder)) {
    if (!/^[0-9a-f]{2}$/.test(part)) continue
    for (const sha256 of await readdir(join(folder, part))) {
      if (!sha256Pattern.test(sha256)) continue
      const { size, mtimeMs } = await stat(join(folder, part, sha256))
      found.push({ sha256, sizeBytes: size, modifiedMs: mtimeMs })
    }
  }
  return found
}

/** Ends when `signal` aborts even while the source is silent, as that of a dead connection is. */
async function* abortable(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let fail: (reason: unknown) => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    fail = reject
  })
  aborted.catch(() => undefined) // raced below; without a race in flight nobody else hears of it
  const onAbort = (): void => fail(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const iterator = source[Symbol.asyncIterator]()
  try {
    signal.throwIfAborted()
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted])
      if (next.done) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    void Promise.resolve(iterator.return?.()).catch(() => undefined) // may wait for the dead connection; we do not
  }
}

async function hashFile(path: string): Promise<Sha256> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

async function sizeOfFile(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
