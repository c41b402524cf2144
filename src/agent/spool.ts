// What the agent has to tell the server, on disk until the server says it is stored. A server that is away, a network
// that is cut or an agent that is killed lose nothing; a second delivery is harmless because every document has its id.
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentMessage } from '../api/messages.ts'
import { printBytes } from '../lib/units.ts'
import { Failure } from '../model/errors.ts'

/** Messages that change something; `status` and `hello` are never spooled. */
export type SpooledMessage = Extract<AgentMessage, { seq: number }>

export interface SpoolItem {
  readonly seq: number
  /** A newer item with the same key replaces an older one that was not delivered yet. */
  readonly key: string
  readonly message: SpooledMessage
  /** Delivered only when these are done: a capture is complete when its artifacts are there. */
  readonly after: readonly number[]
  /** Bytes to upload first, kept in a file of this name beside the item. */
  readonly blob?: string
}

export interface SpoolOptions {
  readonly maxBytes?: number
  readonly mostItems?: number
  /** Told in a sentence whenever something is given up, or is only in memory. */
  readonly onLoss?: (what: string) => void
}

/** With 3 KB each about as much memory as can be spared: days of incidents, at a server that is away for so long. */
const mostItemsKept = 4000

type Draft = SpooledMessage extends infer M ? (M extends { seq: number } ? Omit<M, 'seq'> : never) : never

export class Spool {
  readonly #folder: string
  readonly #maxBytes: number
  readonly #mostItems: number
  readonly #onLoss: (what: string) => void
  readonly #items = new Map<number, SpoolItem>()
  readonly #blobBytes = new Map<string, number>()
  #nextSeq = 1
  #changed: () => void = () => undefined
  /** Items given up: the folder was full, or what was in it could not be read. */
  dropped = 0

  private constructor(folder: string, { maxBytes, mostItems, onLoss }: SpoolOptions) {
    this.#folder = folder
    this.#maxBytes = maxBytes ?? 512 * 1024 * 1024
    this.#mostItems = mostItems ?? mostItemsKept
    this.#onLoss = onLoss ?? (() => undefined)
  }

  /**
   * Opens the folder and takes up what an earlier run left undelivered.
   * @throws Failure DATA_NOT_WRITABLE
   */
  static async open(folder: string, options: SpoolOptions = {}): Promise<Spool> {
    const spool = new Spool(folder, options)
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
    } catch (cause) {
      throw new Failure('DATA_NOT_WRITABLE', `the agent cannot keep its evidence in ${folder}`, { cause })
    }
    const names = await readdir(folder)
    for (const name of names.filter((each) => each.endsWith('.tmp'))) await rm(join(folder, name))
    for (const name of names.filter((each) => each.endsWith('.json')).sort()) {
      const item = await readItem(join(folder, name))
      const hasItsBlob = item && (item.blob === undefined || names.includes(item.blob))
      if (item) spool.#nextSeq = Math.max(spool.#nextSeq, item.seq + 1)
      if (item && hasItsBlob) spool.#items.set(item.seq, item)
      else {
        // A disk that failed must not keep the agent from starting, nor hold up what else waits.
        spool.#lose(`${name} in ${folder} cannot be read, or its bytes are gone`)
        await rm(join(folder, name))
      }
    }
    for (const name of names.filter((each) => each.endsWith('.blob'))) {
      const used = [...spool.#items.values()].some((item) => item.blob === name)
      if (used) spool.#blobBytes.set(name, (await stat(join(folder, name))).size)
      else await rm(join(folder, name))
    }
    return spool
  }

  get size(): number {
    return this.#items.size
  }

  get bytes(): number {
    return [...this.#blobBytes.values()].reduce((sum, size) => sum + size, 0)
  }

  /** Called after every change, so that a deliverer can wait for work. */
  onChange(listener: () => void): void {
    this.#changed = listener
  }

  /** Everything that waits, oldest first. */
  waiting(): SpoolItem[] {
    return [...this.#items.values()].sort((a, b) => a.seq - b.seq)
  }

  /** The oldest item that may be delivered now and that `accept` takes. */
  next(accept: (item: SpoolItem) => boolean): SpoolItem | undefined {
    return this.waiting().find((item) => accept(item) && !item.after.some((seq) => this.#items.has(seq)))
  }

  /**
   * Writes an item to disk and resolves when it is durable. A document that the disk does not take is kept in memory: it
   * is delivered all the same unless the agent ends before.
   * @returns its sequence number, for the `after` of others
   * @throws Failure DISK_FULL | DATA_NOT_WRITABLE when bytes cannot be written
   */
  async put(
    key: string,
    draft: Draft,
    { after = [], bytes }: { after?: number[]; bytes?: Uint8Array } = {},
  ): Promise<number> {
    const seq = this.#nextSeq++
    const blob = bytes ? `${String(seq).padStart(10, '0')}.blob` : undefined
    if (bytes && blob) {
      await this.#makeRoom(bytes.length)
      await this.#writeBlob(blob, bytes)
      this.#blobBytes.set(blob, bytes.length)
    }
    const message = { ...draft, seq } as SpooledMessage
    const item: SpoolItem = { seq, key, message, after, ...(blob ? { blob } : {}) }
    try {
      await this.#write(this.#itemName(seq), new TextEncoder().encode(JSON.stringify(item)))
    } catch (error) {
      this.#onLoss(`${key} is only in memory: ${(error as Error).message}`)
    }
    for (const old of this.#items.values()) {
      if (old.key !== key || old.seq >= seq || old.blob) continue
      this.#items.delete(old.seq)
      await this.#remove(this.#itemName(old.seq))
    }
    this.#items.set(seq, item)
    for (const old of this.waiting().slice(0, Math.max(0, this.size - this.#mostItems))) {
      this.#lose(`${old.key} was given up: ${this.#mostItems} items wait for the server already`)
      await this.done(old.seq)
    }
    this.#changed()
    return seq
  }

  /** @returns undefined when the file is gone, as after somebody tidied up: it will not come back */
  async readBlob(item: SpoolItem): Promise<Uint8Array | undefined> {
    try {
      return await readFile(join(this.#folder, item.blob as string))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** The server has it: forget it. Never rejects. */
  async done(seq: number): Promise<void> {
    const item = this.#items.get(seq)
    if (!item) return
    this.#items.delete(seq)
    await this.#remove(this.#itemName(seq))
    if (item.blob) {
      this.#blobBytes.delete(item.blob)
      await this.#remove(item.blob)
    }
    this.#changed()
  }

  #itemName(seq: number): string {
    return `${String(seq).padStart(10, '0')}.json`
  }

  /** Oldest artifacts go first; documents are small and always stay. */
  async #makeRoom(neededBytes: number): Promise<void> {
    for (const item of this.waiting()) {
      if (this.bytes + neededBytes <= this.#maxBytes) return
      if (!item.blob) continue
      this.#lose(`${item.key} was given up: undelivered evidence fills ${printBytes(this.#maxBytes)}`)
      await this.done(item.seq)
    }
  }

  /** On a full disk what is newest is worth more than what could not be delivered for longest. */
  async #writeBlob(name: string, bytes: Uint8Array): Promise<void> {
    for (;;) {
      try {
        return await this.#write(name, bytes)
      } catch (cause) {
        const isFull = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '')
        const oldest = isFull ? this.waiting().find((item) => item.blob) : undefined
        if (!oldest) {
          const why = `${printBytes(bytes.length)} of evidence could not be kept in ${this.#folder}`
          throw new Failure(isFull ? 'DISK_FULL' : 'DATA_NOT_WRITABLE', `${why}: ${(cause as Error).message}`, {
            cause,
          })
        }
        this.#lose(`${oldest.key} was given up: the disk of ${this.#folder} is full`)
        await this.done(oldest.seq)
      }
    }
  }

  #lose(what: string): void {
    this.dropped++
    this.#onLoss(what)
  }

  /** A file that cannot be removed is delivered once more after a restart, which does no harm. */
  async #remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true }).catch(() => undefined)
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    const temporary = join(this.#folder, `${name}.tmp`)
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } catch (error) {
      await this.#remove(`${name}.tmp`) // half a file fills the disk for nothing
      throw error
    } finally {
      await file.close()
    }
    await rename(temporary, join(this.#folder, name))
    const folder = await open(this.#folder, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }
}

async function readItem(path: string): Promise<SpoolItem | undefined> {
  try {
    const item = JSON.parse(await readFile(path, 'utf8')) as Partial<SpoolItem> | null
    const isItem = typeof item?.seq === 'number' && typeof item.message?.type === 'string' && Array.isArray(item.after)
    return isItem ? (item as SpoolItem) : undefined
  } catch {
    return undefined // cut short, or damaged
  }
}
