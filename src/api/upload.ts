// Brings bytes to the server in pieces and takes up where a cut left off; what the server has already is not sent.
import { Failure } from '../model/errors.ts'
import type { Client } from './client.ts'
import type { UploadState } from './shapes.ts'

/** One piece: small enough that a cut loses little, large enough that the round trips do not count (0.1 s at 80 MB/s). */
const pieceBytes = 8 * 1024 * 1024

export interface UploadOptions {
  readonly sha256: string
  readonly signal?: AbortSignal
  /** Bytes per request, for tests. */
  readonly pieceBytes?: number
  onProgress?(sentBytes: number): void
}

/**
 * Resolves when the server has the bytes under their sha256, checked and durable.
 * @throws Failure MALFORMED when they are not what sha256 says, DISK_FULL, TOO_LARGE, UNREACHABLE
 */
export async function uploadBytes(
  client: Client,
  bytes: Uint8Array<ArrayBuffer>,
  options: UploadOptions,
): Promise<void> {
  const { sha256, onProgress } = options
  const size = options.pieceBytes ?? pieceBytes
  const signal = options.signal ? { signal: options.signal } : {}
  const path = `/api/v1/agent/uploads/${sha256}`
  const stateOf = async (response: Response): Promise<UploadState> => (await response.json()) as UploadState

  let state = await stateOf(await client.raw(path, signal))
  // Another upload of the same bytes may move the offset between asking and sending; twice is chance, ten times a bug.
  let collisions = 0
  while (!state.complete) {
    const piece = bytes.subarray(state.offset, state.offset + size)
    try {
      const response = await client.raw(path, {
        ...signal,
        method: 'PATCH',
        headers: {
          'content-type': 'application/offset+octet-stream',
          'upload-offset': String(state.offset),
          'upload-length': String(bytes.length),
        },
        body: piece,
      })
      state = await stateOf(response)
      onProgress?.(state.offset)
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'UPLOAD_OFFSET' || ++collisions > 10) throw error
      state = await stateOf(await client.raw(path, signal))
    }
  }
}
