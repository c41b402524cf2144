// Tells everybody who listens on /api/v1/events what changed.
import type { Context } from 'hono'
import type { ServerEvent } from '../api/shapes.ts'

/** Proxies cut a connection on which nothing was said for a while, some after 30 s. */
const keepAliveMs = 15_000
/** Who is this many bytes behind does not read; the client comes back and asks for what it missed. */
const maxBehindBytes = 4 * 1024 * 1024

export interface EventHub {
  publish(event: ServerEvent): void
  /** The endless answer to one listener. */
  stream(c: Context): Response
  readonly listeners: number
  close(): void
}

export function createEventHub(): EventHub {
  const listeners = new Set<ReadableStreamDefaultController<Uint8Array>>()
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
  const drop = (listener: ReadableStreamDefaultController<Uint8Array>): void => {
    if (!listeners.delete(listener)) return
    try {
      listener.close()
    } catch {
      // The listener is gone already: nothing to end.
    }
  }
  const send = (bytes: Uint8Array): void => {
    for (const listener of [...listeners]) {
      if ((listener.desiredSize ?? 0) <= 0) drop(listener)
      else listener.enqueue(bytes)
    }
  }
  const keepAlive = setInterval(() => send(encode(': still here\n\n')), keepAliveMs)
  keepAlive.unref()

  return {
    publish: (event) => {
      if (listeners.size > 0) send(encode(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`))
    },
    stream: (c) => {
      let own: ReadableStreamDefaultController<Uint8Array> | undefined
      const body = new ReadableStream<Uint8Array>(
        {
          start: (controller) => {
            own = controller
            listeners.add(controller)
            controller.enqueue(encode('retry: 1000\n\n'))
          },
          cancel: () => {
            if (own) listeners.delete(own)
          },
        },
        { highWaterMark: maxBehindBytes, size: (chunk) => chunk?.byteLength ?? 0 },
      )
      return c.body(body, 200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, no-transform',
        // nginx collects an answer before it passes it on unless told otherwise.
        'x-accel-buffering': 'no',
      })
    },
    get listeners() {
      return listeners.size
    },
    close: () => {
      clearInterval(keepAlive)
      for (const listener of [...listeners]) drop(listener)
    },
  }
}
