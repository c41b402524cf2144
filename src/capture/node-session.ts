// A conversation with one thread of a Node process in the Chrome DevTools protocol: questions and answers by number, and
// what comes unasked. The main thread is spoken to over a WebSocket, a worker by messages that the main thread passes on.
//
//   → {"id":1,"method":"Profiler.enable"}          ← {"id":1,"result":{}}
//   ← {"method":"NodeWorker.attachedToWorker","params":{"sessionId":"1","workerInfo":{"title":"[worker 1] cruncher"}}}
import { OpenCalls } from '../lib/open-calls.ts'
import { Failure } from '../model/errors.ts'

/** V8 answers at its next interrupt check; code that never reaches one (a long regular expression) makes it wait. */
const answerWithinMs = 30_000

export type Answer = Record<string, unknown>

interface Message {
  readonly id?: unknown
  readonly method?: unknown
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}

/** A CPU profile of ten minutes of a large program has half a million; each takes some ten times its text in memory. */
const maxObjects = 2_000_000

/** @returns undefined when it is no JSON object, or one made to fill the memory of who reads it */
function parseMessage(text: string): Message | undefined {
  let objects = 0
  for (let at = text.indexOf('{'); at >= 0; at = text.indexOf('{', at + 1)) if (++objects > maxObjects) return undefined
  try {
    return objectOf(JSON.parse(text))
  } catch {
    return undefined
  }
}

const objectOf = (value: unknown): Answer | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Answer) : undefined

/** `{"code":-32601,"message":"'Profiler.x' wasn't found"}` */
function errorOf({ error }: Message): string {
  const said = objectOf(error)?.message
  return typeof said === 'string' ? said.slice(0, 300) : 'nothing'
}

export class NodeSession {
  readonly #name: string
  readonly #send: (text: string) => void
  readonly #onEvent: ((method: string, params: Answer) => void) | undefined
  readonly #calls = new OpenCalls<Answer>()
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
    const late = (): Failure =>
      new Failure('TIMEOUT', `${this.#name} did not answer ${method} within ${withinMs / 1000} s`)
    return this.#calls.open((id) => this.#send(JSON.stringify({ id, method, params })), { withinMs, late })
  }

  /** What came from the other side, which may be anybody: whatever it is ends the conversation at most. */
  receive(text: string): void {
    const message = parseMessage(text)
    if (!message) {
      this.fail(new Failure('MALFORMED', 'what answers as the inspector does not speak its protocol'))
      return
    }
    const { id, method } = message
    if (typeof method === 'string') this.#onEvent?.(method, objectOf(message.params) ?? {})
    if (typeof id !== 'number') return
    const result = objectOf(message.result)
    if (result) this.#calls.resolve(id, result)
    else this.#calls.reject(id, new Failure('TOOL_FAILED', `V8 says: ${errorOf(message)}`))
  }

  /** Nothing comes any more: everything that waits fails with this, and everything asked later. */
  fail(failure: Failure): void {
    this.#ended ??= failure
    this.#calls.rejectAll(failure)
  }
}
