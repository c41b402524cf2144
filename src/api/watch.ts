// Follows /api/v1/events and comes back after a cut: over fetch, because EventSource cannot send a token.
import { backoffMs } from '../lib/backoff.ts'
import { asFailure, type Failure } from '../model/errors.ts'
import type { Client } from './client.ts'
import type { ServerEvent } from './shapes.ts'

export interface WatchOptions {
  readonly signal: AbortSignal
  onEvent(event: ServerEvent): void
  /** At every change: connected (ask again for what may have been missed), or not and why. */
  onState?(connected: boolean, why?: Failure): void
}

/** Resolves when `signal` is aborted. */
export async function watchEvents(client: Client, { signal, onEvent, onState }: WatchOptions): Promise<void> {
  let attempt = 0
  while (!signal.aborted) {
    try {
      const response = await client.raw('/api/v1/events', { signal, headers: { accept: 'text/event-stream' } })
      attempt = 0
      onState?.(true)
      for await (const data of readEvents(response.body as ReadableStream<Uint8Array>)) {
        onEvent(JSON.parse(data) as ServerEvent)
      }
      if (!signal.aborted) onState?.(false)
    } catch (error) {
      if (signal.aborted) return
      onState?.(false, asFailure(error))
    }
    await sleep(backoffMs(attempt++), signal)
  }
}

/**
 * The data of each event of a server-sent stream (https://html.spec.whatwg.org/multipage/server-sent-events.html):
 *
 *     event: incident
 *     data: {"type":"incident",...}
 *
 *     : a comment, which keeps the connection open
 */
export async function* readEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  let data: string[] = []
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return // an event without its closing blank line was cut and does not count
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n/)
      rest = lines.pop() as string
      for (const line of lines) {
        if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
        else if (line === '' && data.length > 0) {
          yield data.join('\n')
          data = []
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined) // already broken: nothing is lost by not ending it cleanly
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
