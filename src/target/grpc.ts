// gRPC over HTTP/2 on a unix socket, as a client: unary calls and streams from the server, each with a deadline.
// The frame around a message is one byte (0: not compressed) and a length of four (grpc's PROTOCOL-HTTP2.md).
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { decodedUri } from '../lib/percent-encoding.ts'
import { Failure } from '../model/errors.ts'
import type { ProtoMethod, ProtoSchema } from './proto.ts'
import { decodeMessage, encodeMessage, type ProtoObject } from './proto-message.ts'

/** containerd and CRI-O send at most this much in one message, so a longer one is not theirs. */
const maxMessageBytes = 16 * 1024 * 1024
const frameHeadBytes = 5
/** UNIMPLEMENTED in grpc's list of status codes. */
const unimplemented = '12'

export interface GrpcCallOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** True when the server said that it does not know the method. */
export function isUnimplemented(error: unknown): boolean {
  return error instanceof Failure && error.details.grpcStatus === unimplemented
}

export class GrpcClient {
  readonly #socketPath: string
  readonly #schema: ProtoSchema
  #session: ClientHttp2Session | undefined

  /** Connects at the first call, and again at the next one after the connection broke. */
  constructor(socketPath: string, schema: ProtoSchema) {
    this.#socketPath = socketPath
    this.#schema = schema
  }

  /**
   * One request, one answer.
   * @throws Failure CRI_UNREACHABLE when nobody answers, TIMEOUT, or TOOL_FAILED with what the server said
   */
  async call(method: string, request: ProtoObject = {}, options: GrpcCallOptions = {}): Promise<ProtoObject> {
    let answer: ProtoObject | undefined
    await this.stream(method, request, (message) => (answer = message), { timeoutMs: 5000, ...options })
    if (!answer) throw new Failure('TOOL_FAILED', `${method}: the runtime sent no answer`)
    return answer
  }

  /** One request, messages as they come; resolves when the server ends the stream. Throws as `call` does. */
  stream(
    name: string,
    request: ProtoObject,
    onMessage: (message: ProtoObject) => void,
    options: GrpcCallOptions = {},
  ): Promise<void> {
    const method = this.#schema.methods.get(name)
    if (!method) throw new Error(`.proto: no method ${name}`)
    return new Promise((resolve, reject) => {
      const stream = this.#open(method, options)
      const fail = (failure: Failure): void => {
        reject(failure)
        stream.close(constants.NGHTTP2_CANCEL)
      }
      if (options.timeoutMs !== undefined) {
        const timer = setTimeout(() => {
          fail(new Failure('TIMEOUT', `${name}: no answer from ${this.#socketPath} within ${options.timeoutMs} ms`))
        }, options.timeoutMs)
        stream.once('close', () => clearTimeout(timer))
      }
      const onAbort = (): void => fail(new Failure('TOOL_FAILED', `${name}: cancelled`))
      options.signal?.addEventListener('abort', onAbort, { once: true })
      stream.once('close', () => options.signal?.removeEventListener('abort', onAbort))

      let status: Record<string, unknown> = {}
      const readStatus = (headers: Record<string, unknown>): void => {
        status = { ...status, ...headers }
      }
      stream.once('response', readStatus) // an error without an answer has its status here
      stream.once('trailers', readStatus)
      stream.on(
        'data',
        unframe(
          (bytes) => onMessage(decodeMessage(this.#schema, method.response, bytes)),
          (error) => fail(error instanceof Failure ? error : new Failure('MALFORMED', `${name}: ${String(error)}`)),
        ),
      )
      stream.once('error', (cause) => fail(this.#unreachable(name, cause)))
      stream.once('close', () => {
        if (status['grpc-status'] === undefined) reject(this.#unreachable(name, 'the connection broke'))
        else if (status['grpc-status'] === '0') resolve()
        else {
          const grpcStatus = String(status['grpc-status'])
          const text = String(status['grpc-message'] ?? '')
          // What is not percent-encoded as it should be is taken as it is (grpc's PROTOCOL-HTTP2.md asks for that).
          const message = decodedUri(text) ?? text
          reject(
            new Failure('TOOL_FAILED', `${name}: ${message || `status ${grpcStatus}`}`, { details: { grpcStatus } }),
          )
        }
      })
      stream.end(frame(encodeMessage(this.#schema, method.request, request)))
    })
  }

  close(): void {
    this.#session?.destroy()
    this.#session = undefined
  }

  #open(method: ProtoMethod, options: GrpcCallOptions): ClientHttp2Stream {
    if (!this.#session || this.#session.destroyed || this.#session.closed) {
      const session = connectHttp2('http://localhost', {
        createConnection: () => connectSocket(this.#socketPath),
        // The default window of 64 KiB would cost a round trip for every 64 KiB of a long list.
        settings: { initialWindowSize: 1024 * 1024, enablePush: false },
      })
      session.on('error', () => undefined) // its streams report it, each to its caller
      session.unref()
      this.#session = session
    }
    return this.#session.request({
      ':method': 'POST',
      // A host name: Go's HTTP/2 refuses the path of a socket, which other clients send here.
      ':authority': 'localhost',
      ':path': method.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(options.timeoutMs === undefined ? {} : { 'grpc-timeout': `${Math.ceil(options.timeoutMs)}m` }),
    })
  }

  #unreachable(method: string, error: unknown): Failure {
    // A stream of a session that could not connect is "cancelled"; the reason lies below that.
    const cause = (error instanceof Error && error.cause) || error
    const why = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : String(cause)
    return new Failure('CRI_UNREACHABLE', `${method}: ${this.#socketPath} does not answer (${why})`, { cause })
  }
}

function frame(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frameHeadBytes + message.length)
  new DataView(bytes.buffer).setUint32(1, message.length)
  bytes.set(message, frameHeadBytes)
  return bytes
}

/** A sink for chunks of any size that calls back with each whole message. */
function unframe(onMessage: (bytes: Uint8Array) => void, onError: (error: unknown) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let broken = false
  return (chunk) => {
    if (broken) return
    try {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      while (rest.length >= frameHeadBytes) {
        const length = rest.readUInt32BE(1)
        if (rest[0] !== 0) throw new Failure('MALFORMED', 'the runtime sent a compressed message, unasked')
        if (length > maxMessageBytes) throw new Failure('TOO_LARGE', `a message of ${length} bytes from the runtime`)
        if (rest.length < frameHeadBytes + length) return
        onMessage(rest.subarray(frameHeadBytes, frameHeadBytes + length))
        rest = rest.subarray(frameHeadBytes + length)
      }
    } catch (error) {
      broken = true
      onError(error)
    }
  }
}
