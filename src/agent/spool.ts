// What the agent has to tell the server, on disk until the server says it is stored. A server that is away, a network
// that is cut or an agent that is killed lose nothing; a second delivery is harmless because every document has its id.
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentMessage } from '../api/messages.ts'
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

type Draft = SpooledMessage extends infer M ? (M extends { seq: number } ? Omit<M, 'seq'> : never) : never

export class Spool {
  readonly #folder: string
  readonly #maxBytes: number
  readonly #items = new Map<number, SpoolItem>()
  readonly #blobBytes = new Map<string, number>()
  #nextSeq = 1
  #changed: () => void = () => undefined
  /** Artifacts given up because the folder was full; shown in the agent's status. */
  dropped = 0

  private constructor(folder: string, maxBytes: number) {
    this.#folder = folder
    this.#maxBytes = maxBytes
  }

  /**
   * Opens the folder and takes up what an earlier run left undelivered.
   * @throws Failure DATA_NOT_WRITABLE
   */
  static async open(folder: string, { maxBytes = 512 * 1024 * 1024 } = {}): Promise<Spool> {
    const spool = new Spool(folder, maxBytes)
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
    } catch (cause) {
      throw new Failure('DATA_NOT_WRITABLE', `the agent cannot keep its evidence in ${folder}`, { cause })
    }
    const names = await readdir(folder)
    for (const name of names.filter((each) => each.endsWith('.tmp'))) await rm(join(folder, name))
    for (const name of names.filter((each) => each.endsWith('.json')).sort()) {
      const item = JSON.parse(await readFile(join(folder, name), 'utf8')) as SpoolItem
      spool.#items.set(item.seq, item)
      spool.#nextSeq = Math.max(spool.#nextSeq, item.seq + 1)
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
   * Writes an item to disk and resolves when it is durable.
   * @returns its sequence number, for the `after` of others
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
      await this.#write(blob, bytes)
      this.#blobBytes.set(blob, bytes.length)
    }
    const message = { ...draft, seq } as SpooledMessage
    const item: SpoolItem = { seq, key, message, after, ...(blob ? { blob } : {}) }
    await this.#write(this.#itemName(seq), new TextEncoder().encode(JSON.stringify(item)))
    for (const old of this.#items.values()) {
      if (old.key !== key || old.seq >= seq || old.blob) continue
      this.#items.delete(old.seq)
      await rm(join(this.#folder, this.#itemName(old.seq)), { force: true })
    }
    this.#items.set(seq, item)
    this.#changed()
    return seq
  }

  async readBlob(item: SpoolItem): Promise<Uint8Array> {
    return readFile(join(this.#folder, item.blob as string))
  }

  /** The server has it: forget it. */
  async done(seq: number): Promise<void> {
    const item = this.#items.get(seq)
    if (!item) return
    this.#items.delete(seq)
    await rm(join(this.#folder, this.#itemName(seq)), { force: true })
    if (item.blob) {
      this.#blobBytes.delete(item.blob)
      await rm(join(this.#folder, item.blob), { force: true })
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
      this.dropped++
      await this.done(item.seq)
    }
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    const temporary = join(this.#folder, `${name}.tmp`)
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
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
