// The WebSocket that the agent keeps open to the server: hello, heart-beat, reconnect with back-off.
import WebSocket from 'ws'
import { type AgentMessage, protocolNumber, ServerMessage } from '../api/messages.ts'
import { backoffMs } from '../lib/backoff.ts'
import { asFailure, Failure } from '../model/errors.ts'

export interface LinkOptions {
  readonly serverUrl: string
  readonly token?: string
  readonly hello: Omit<Extract<AgentMessage, { type: 'hello' }>, 'type' | 'protocol'>
  onMessage(message: ServerMessage): void
  /** Called at every change: connected, or not and why. */
  onState(connected: boolean, why?: Failure): void
}

export interface Link {
  readonly connected: boolean
  /** Sends if connected; false if not. What must arrive is repeated by the caller. */
  send(message: AgentMessage): boolean
  close(): void
}

/** A server that says nothing for this long is gone although TCP has not noticed; it pings every 10 s. */
const silenceMs = 30_000

export function openLink(options: LinkOptions): Link {
  let socket: WebSocket | undefined
  let welcomed = false
  let closed = false
  let attempt = 0
  let retry: NodeJS.Timeout | undefined
  let silence: NodeJS.Timeout | undefined

  const heard = (): void => {
    clearTimeout(silence)
    silence = setTimeout(() => socket?.terminate(), silenceMs)
  }
  const connect = (): void => {
    const url = new URL('/api/v1/agent/socket', options.serverUrl)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    let why: Failure | undefined
    const current = new WebSocket(url, {
      ...(options.token ? { headers: { authorization: `Bearer ${options.token}` } } : {}),
      handshakeTimeout: 10_000,
      maxPayload: 4 * 1024 * 1024,
    })
    socket = current
    current.on('open', () => {
      heard()
      current.send(JSON.stringify({ type: 'hello', protocol: protocolNumber, ...options.hello } satisfies AgentMessage))
    })
    current.on('ping', heard)
    current.on('message', (data) => {
      heard()
      const parsed = parseServerMessage(String(data))
      if (!parsed) return
      if (parsed.type === 'welcome') {
        welcomed = true
        attempt = 0
        options.onState(true)
      } else if (parsed.type === 'refused') {
        why = new Failure('PROTOCOL', `the server refused this agent: ${parsed.message}`)
        current.close()
      } else options.onMessage(parsed)
    })
    current.on('unexpected-response', (_request, response) => {
      why =
        response.statusCode === 401
          ? new Failure('UNAUTHORIZED', `the server at ${options.serverUrl} wants another agent token`)
          : new Failure('UNREACHABLE', `the server at ${options.serverUrl} answered ${response.statusCode}`)
      response.resume()
      current.terminate()
    })
    current.on('error', (error) => {
      why ??= new Failure('UNREACHABLE', `no server at ${options.serverUrl}: ${asFailure(error).message}`, {
        cause: error,
      })
    })
    current.on('close', () => {
      clearTimeout(silence)
      const wasWelcomed = welcomed
      welcomed = false
      if (closed) return
      if (wasWelcomed || attempt === 0) {
        options.onState(
          false,
          why ?? new Failure('UNREACHABLE', `the server at ${options.serverUrl} closed the connection`),
        )
      }
      retry = setTimeout(connect, backoffMs(attempt++))
    })
  }
  connect()
  return {
    get connected() {
      return welcomed
    },
    send: (message) => {
      if (!welcomed || socket?.readyState !== WebSocket.OPEN) return false
      socket.send(JSON.stringify(message))
      return true
    },
    close: () => {
      closed = true
      clearTimeout(retry)
      clearTimeout(silence)
      socket?.close()
    },
  }
}

/** A message of a newer server that this agent does not know is left alone: the protocol number guards the rest. */
function parseServerMessage(text: string): ServerMessage | undefined {
  try {
    const parsed = ServerMessage.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined // not JSON: the same
  }
}
