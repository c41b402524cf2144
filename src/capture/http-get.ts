// One GET over a connection that is already there, with a limit on everything that a hostile server could stretch: the
// time, the header, the body.
import { type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { Failure } from '../model/errors.ts'

export interface GetOptions {
  readonly path: string
  /** For the Host header: `127.0.0.1:6060`. */
  readonly host: string
  /** Of the body; what is behind it is not read. */
  readonly maxBytes: number
  readonly timeoutMs: number
  /** End now and give what has come. */
  readonly signal: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly body: Buffer
  /** Where it sends us instead, which is not followed: it may be anywhere. */
  readonly location?: string | undefined
  /** Why the body is not whole: it was larger than `maxBytes`, the signal, or the server hung up. */
  readonly cut: 'size' | 'aborted' | 'closed' | undefined
}

/**
 * Asks once; the connection is closed afterwards.
 * @throws Failure TIMEOUT; Error of Node when nothing that is HTTP comes back: `HPE_…` with the `rawPacket`, ECONNRESET
 */
export async function httpGet(connection: Duplex, options: GetOptions): Promise<HttpAnswer> {
  const { path, host, maxBytes, timeoutMs, signal } = options
  const chunks: Buffer[] = []
  let size = 0
  let response: IncomingMessage | undefined
  let cut: HttpAnswer['cut']
  let timer: NodeJS.Timeout | undefined
  let onAbort = (): void => undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const end = (why: 'size' | 'aborted'): void => {
        cut = why
        if (response) resolve()
        else reject(new Failure('TIMEOUT', `ended before ${host} answered`))
      }
      onAbort = () => end('aborted')
      timer = setTimeout(
        () => reject(new Failure('TIMEOUT', `${host}${path}: no whole answer in ${timeoutMs} ms`)),
        timeoutMs,
      )
      signal.addEventListener('abort', onAbort, { once: true })
      const headers = { host, 'user-agent': 'spikecam', accept: '*/*', connection: 'close' }
      const asked = request({ path, headers, createConnection: () => connection })
      asked.on('error', reject)
      asked.on('response', (answer) => {
        response = answer
        answer.on('data', (chunk: Buffer) => {
          const room = maxBytes - size
          chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk)
          size += Math.min(chunk.length, room)
          if (chunk.length > room) end('size')
        })
        answer.on('end', resolve)
        answer.on('error', () => {
          cut ??= 'closed'
          resolve()
        })
      })
      asked.end()
      if (signal.aborted) onAbort()
    })
    return { status: response?.statusCode ?? 0, body: Buffer.concat(chunks), cut, location: response?.headers.location }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    connection.destroy()
  }
}

/** `403: Forbidden`, `302, and would lead to https://…` */
export function printAnswer({ status, body, location }: Pick<HttpAnswer, 'status' | 'body' | 'location'>): string {
  if (status >= 300 && status < 400 && location) {
    return `${status}, and would lead to ${excerpt(Buffer.from(location))}, which is not followed`
  }
  return `${status}: ${excerpt(body)}`
}

/** A few words of what came, fit for a message: one line, no control characters. */
export function excerpt(body: Uint8Array): string {
  const text = new TextDecoder().decode(body.subarray(0, 400)).replace(/<[^>]*>/g, ' ')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
  const line = text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim()
  return line.length > 160 ? `${line.slice(0, 160)}…` : line
}
