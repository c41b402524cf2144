// A conversation with one thread of a Node process in the Chrome DevTools protocol: questions and answers by number, and
// what comes unasked. The main thread is spoken to over a WebSocket, a worker by messages that the main thread passes on.
//
//   → {"id":1,"method":"Profiler.enable"}          ← {"id":1,"result":{}}
//   ← {"method":"NodeWorker.attachedToWorker","params":{"sessionId":"1","workerInfo":{"title":"[worker 1] cruncher"}}}
import { Failure } from '../model/errors.ts'

/** V8 answers at its next interrupt check; code that never reaches one (a long regular expression) makes it wait. */
const answerWithinMs = 30_000

export type Answer = Record<string, unknown>

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Answer
  readonly result?: Answer
  readonly error?: { readonly message?: string }
}

export class NodeSession {
  readonly #name: string
  readonly #send: (text: string) => void
  readonly #onEvent: ((method: string, params: Answer) => void) | undefined
  readonly #waiting = new Map<number, { resolve: (result: Answer) => void; reject: (error: Failure) => void }>()
  #next = 1
  #ended: Failure | undefined

  /** @param name for messages: `process 4242` */
  constructor(name: string, send: (text: string) => void, onEvent?: (method: string, params: Answer) => void) {
    this.#name = name
    this.#send = send
    this.#onEvent = onEvent
  }

  /** @throws Failure TOOL_FAILED when V8 says no, TARGET_GONE when the process ended, TIMEOUT */
  call(method: string, params: Answer = {}, withinMs = answerWithinMs): Promise<Answer> {
    if (this.#ended) return Promise.reject(this.#ended)
    const id = this.#next++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new Failure('TIMEOUT', `${this.#name} did not answer ${method} within ${withinMs / 1000} s`))
      }, withinMs)
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer)
          how(value)
        }
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) })
      this.#send(JSON.stringify({ id, method, params }))
    })
  }

  /** What came from the other side. */
  receive(text: string): void {
    let message: Message
    try {
      message = JSON.parse(text)
    } catch {
      this.fail(new Failure('TOOL_FAILED', 'the inspector does not speak JSON'))
      return
    }
    if (message.method !== undefined) this.#onEvent?.(message.method, message.params ?? {})
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id)
    if (message.id === undefined || !waiting) return
    this.#waiting.delete(message.id)
    if (message.result) waiting.resolve(message.result)
    else waiting.reject(new Failure('TOOL_FAILED', `V8 says: ${message.error?.message ?? 'nothing'}`))
  }

  /** Nothing comes any more: everything that waits fails with this, and everything asked later. */
  fail(failure: Failure): void {
    this.#ended ??= failure
    for (const { reject } of this.#waiting.values()) reject(failure)
    this.#waiting.clear()
  }
}
