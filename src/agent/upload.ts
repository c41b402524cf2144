// Brings bytes to the server in pieces, from where an earlier attempt stopped (routes getUpload and patchUpload).
import { ErrorBody, UploadState } from '../api/shapes.ts'
import { Failure, type FailureCode, failures } from '../model/errors.ts'

export interface UploadOptions {
  readonly bytes: Uint8Array
  /** Hex; the server checks the whole against it. */
  readonly sha256: string
  readonly token?: string
}

/** A piece is what is sent again after a cut connection, and well under the server's limit for one request. */
const pieceBytes = 4 * 1024 * 1024
/** For one piece; a link slower than 35 kB/s cannot carry evidence anyway. */
const pieceTimeoutMs = 120_000

/**
 * Resolves when the server holds the bytes durably.
 * @throws Failure UNREACHABLE when the connection fails, else with the code that the server answered
 */
export async function uploadBytes(serverUrl: string, { bytes, sha256, token }: UploadOptions): Promise<void> {
  const url = new URL(`/api/v1/agent/uploads/${sha256}`, serverUrl)
  const authorization: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
  let { offset, complete } = await ask(url, { headers: authorization })
  while (!complete) {
    const piece = bytes.subarray(offset, offset + pieceBytes)
    const state = await ask(url, {
      method: 'PATCH',
      headers: {
        ...authorization,
        'content-type': 'application/offset+octet-stream',
        'upload-offset': String(offset),
        'upload-length': String(bytes.length),
      },
      body: piece as Uint8Array<ArrayBuffer>,
    })
    if (!state.complete && state.offset <= offset) {
      throw new Failure('UNREACHABLE', `the server took nothing of the upload at byte ${offset}`)
    }
    ;({ offset, complete } = state)
  }
}

async function ask(url: URL, init: RequestInit): Promise<UploadState> {
  let response: Response
  try {
    response = await fetch(url, { ...init, signal: AbortSignal.timeout(pieceTimeoutMs) })
  } catch (cause) {
    throw new Failure('UNREACHABLE', `the upload to ${url.origin} broke off`, { cause })
  }
  if (!response.ok) throw await failureOf(response)
  return UploadState.parse(await response.json())
}

async function failureOf(response: Response): Promise<Failure> {
  const body = ErrorBody.safeParse(await response.json().catch(() => undefined)) // a proxy may answer with a page
  if (!body.success) return new Failure('UNREACHABLE', `the server answered an upload with ${response.status}`)
  const { code, message } = body.data
  return new Failure(
    code in failures ? (code as FailureCode) : 'UNREACHABLE',
    `the server refused an upload: ${message}`,
  )
}
