// Immutable bytes by their sha256. A blob is there whole and checked, or it is not there.
/** Lower-case hex. */
export type Sha256 = string

export interface UploadProgress {
  /** Bytes held so far. */
  readonly offset: number
  readonly complete: boolean
}

export interface AppendOptions {
  /** Where these bytes go; must be what the store holds. */
  readonly offset: number
  /** Size of the whole blob. */
  readonly sizeBytes: number
  readonly signal?: AbortSignal
}

export interface BlobInfo {
  readonly sha256: Sha256
  readonly sizeBytes: number
  readonly modifiedMs: number
}

export interface Blobs {
  /** How much of a blob is here; offset 0 when nothing is. */
  progress(sha256: Sha256): Promise<UploadProgress>
  /**
   * Adds bytes to an unfinished blob. When `source` breaks, what came before stays and can be continued.
   * Resolves with `complete` once the sha256 was checked and the blob survives a crash.
   * A second append to the same blob ends the first one: its connection is presumed dead.
   * @throws Failure UPLOAD_OFFSET, MALFORMED (the bytes are dropped), TOO_LARGE
   */
  append(sha256: Sha256, source: AsyncIterable<Uint8Array>, options: AppendOptions): Promise<UploadProgress>
  /** Stores bytes at hand. */
  put(bytes: Uint8Array): Promise<Sha256>
  /** Size of a whole blob, undefined when it is not here. */
  sizeOf(sha256: Sha256): Promise<number | undefined>
  /** The bytes from `start` up to, not including, `end`; undefined when the blob is not here. */
  read(sha256: Sha256, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array> | undefined>
  readAll(sha256: Sha256): Promise<Uint8Array<ArrayBuffer> | undefined>
  delete(sha256: Sha256): Promise<void>
  list(): Promise<BlobInfo[]>
  /** Number and bytes of whole blobs. */
  usage(): { readonly blobs: number; readonly bytes: number }
}
