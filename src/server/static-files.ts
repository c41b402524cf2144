// The built UI: files from one folder, each with its type, compressed once, and index.html for every view's address.
import { readFile, stat } from 'node:fs/promises'
import { extname, join, normalize, sep } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { decodedUri } from '../lib/percent-encoding.ts'

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.map': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}
const isPacked = new Set(['.png', '.ico', '.woff2'])

/**
 * Scripts and styles only from here; workers from blobs because Vite puts them inline; inline styles because React sets
 * widths and heights of boxes; nothing may frame the page.
 */
export const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; " +
  "connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

interface StaticFile {
  readonly modifiedMs: number
  readonly bytes: Buffer<ArrayBuffer>
  readonly packed: Buffer<ArrayBuffer> | undefined
  readonly type: string
}

export interface StaticFiles {
  /** The file at this path, else index.html for paths that look like a view; undefined when there is neither. */
  answer(path: string, request: Request): Promise<Response | undefined>
  /** A file's text; undefined when it is not there. */
  text(name: string): Promise<string | undefined>
}

export function createStaticFiles(folder: string | undefined): StaticFiles {
  const cache = new Map<string, StaticFile>()

  const load = async (path: string): Promise<StaticFile | undefined> => {
    if (folder === undefined) return undefined
    const full = normalize(join(folder, path))
    if (!full.startsWith(normalize(folder) + sep)) return undefined
    const info = await stat(full).catch(() => undefined) // not there, or not for us: the same to whoever asks
    if (!info?.isFile()) return undefined
    const known = cache.get(full)
    if (known?.modifiedMs === info.mtimeMs) return known
    const bytes = await readFile(full)
    const extension = extname(full)
    const file = {
      modifiedMs: info.mtimeMs,
      bytes,
      packed: isPacked.has(extension) ? undefined : ((await promisify(gzip)(bytes)) as Buffer<ArrayBuffer>),
      type: types[extension] ?? 'application/octet-stream',
    }
    cache.set(full, file)
    return file
  }

  const respond = (path: string, file: StaticFile, request: Request): Response => {
    const acceptsGzip = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '')
    const isPage = file.type.startsWith('text/html')
    const body = acceptsGzip && file.packed ? file.packed : file.bytes
    const headers = new Headers({
      'content-type': file.type,
      'content-length': String(body.length),
      // Vite puts a hash of the content into the names below assets/.
      'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      vary: 'accept-encoding',
    })
    if (body === file.packed) headers.set('content-encoding', 'gzip')
    if (isPage) headers.set('content-security-policy', pagePolicy)
    return new Response(request.method === 'HEAD' ? null : body, { headers })
  }

  return {
    answer: async (path, request) => {
      const decoded = decodedUri(path)
      if (decoded === undefined) return undefined // `%zz`: no file has such a name
      if (decoded !== '/' && !decoded.includes('\0')) {
        const file = await load(decoded)
        if (file) return respond(decoded, file, request)
      }
      // A view's address, such as /incidents/inc-01k…; names with a dot are files, and a missing one is missing.
      if (extname(decoded) !== '' || decoded.startsWith('/assets/')) return undefined
      const page = await load('/index.html')
      return page && respond('/index.html', page, request)
    },
    text: async (name) => (await load(`/${name}`))?.bytes.toString('utf8'),
  }
}
