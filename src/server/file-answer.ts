// Stored bytes as an HTTP answer: ranges, names, caching.

import type { Artifact } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import type { Blobs } from '../store/blobs.ts'
import { droppedFailure } from './evidence.ts'

/**
 * `Content-Disposition` with the name in plain letters for old programs and in full for others (RFC 6266 §5).
 *   attachment; filename="cart_0.pb.gz"; filename*=UTF-8''cart%C3%A9.pb.gz
 */
export function attachment(name: string): string {
  const plain = name.replace(/[^\w.+=@-]/g, '_')
  // A lone half of a surrogate pair, as a cut name may end with, has no UTF-8.
  const full = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`,
  )
  return `attachment; filename="${plain}"${plain === name ? '' : `; filename*=UTF-8''${full}`}`
}

/**
 * One range of RFC 9110 §14: `bytes=0-499`, `bytes=500-`, `bytes=-500`. Several ranges, other units and nonsense are
 * answered with the whole, which is allowed.
 * @returns bytes from `start` up to, not including, `end`; undefined: the whole
 * @throws Failure RANGE_NOT_SATISFIABLE
 */
export function readRange(header: string | undefined, sizeBytes: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return undefined
  const [from, to] = [match[1], match[2]] as [string, string]
  const start = from === '' ? Math.max(0, sizeBytes - Number(to)) : Number(from)
  const end = from === '' || to === '' ? sizeBytes : Math.min(sizeBytes, Number(to) + 1)
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined
  if (start < end) return { start, end }
  throw new Failure('RANGE_NOT_SATISFIABLE', `the range ${header} lies outside of the ${sizeBytes} bytes`, {
    details: { sizeBytes },
  })
}

/** @throws Failure NOT_FOUND when the bytes were dropped or lost, RANGE_NOT_SATISFIABLE */
export async function artifactAnswer(artifact: Artifact, blobs: Blobs, request: Request): Promise<Response> {
  if (artifact.evictedMs !== undefined) throw droppedFailure(artifact)
  const sizeBytes = await blobs.sizeOf(artifact.sha256)
  if (sizeBytes === undefined) throw new Failure('NOT_FOUND', `the bytes of ${artifact.name} are lost`)
  const etag = `"${artifact.sha256}"`
  const headers: Record<string, string> = {
    'content-type': artifact.mediaType,
    'content-disposition': attachment(artifact.name),
    etag,
    'accept-ranges': 'bytes',
    // The bytes of an artifact never change. Private: they tell what runs here.
    'cache-control': 'private, max-age=31536000, immutable, no-transform',
    'content-security-policy': 'sandbox',
  }
  if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers })
  const ifRange = request.headers.get('if-range')
  const range =
    ifRange && ifRange !== etag ? undefined : readRange(request.headers.get('range') ?? undefined, sizeBytes)
  const { start, end } = range ?? { start: 0, end: sizeBytes }
  headers['content-length'] = String(end - start)
  if (range) headers['content-range'] = `bytes ${start}-${end - 1}/${sizeBytes}`
  const status = range ? 206 : 200
  if (request.method === 'HEAD') return new Response(null, { status, headers })
  const source = await blobs.read(artifact.sha256, { start, end })
  if (!source) throw new Failure('NOT_FOUND', `the bytes of ${artifact.name} are lost`)
  return new Response(ReadableStream.from(source) as unknown as ReadableStream<Uint8Array>, { status, headers })
}
