// The threads of a Node process that run JavaScript: the main one and its workers, each with an inspector of its own. Those
// of workers are reached through the main thread's (NodeWorker of Node's own part of the protocol,
// src/inspector/node_protocol.pdl), also while its event loop hangs.
import { Failure } from '../model/errors.ts'
import { type Answer, NodeSession } from './node-session.ts'

export interface NodeThread {
  /** `main`, or as Node calls a worker: `[worker 1] cruncher` where it was given that name. */
  readonly name: string
  call(method: string, params?: Answer): Promise<Answer>
}

/** A worker that sleeps in Atomics.wait, as those of idle pools do, answers when it wakes; nobody waits for that. */
const workerAnswersWithinMs = 10_000
/** Of programs with more workers the first are looked at: each profile has some megabytes, in the program too. */
const maxWorkers = 8
/** A program with more of them is none: each has a heap of its own. */
const maxKnown = 1000

export interface NodeThreads {
  readonly main: NodeThread
  readonly workers: readonly NodeThread[]
  /** Workers that are not among them. */
  readonly left: number
}

/** Passes between the main thread's conversation and those of its workers. */
export class NodeWorkers {
  readonly #found = new Map<string, { readonly name: string; readonly session: NodeSession }>()

  /** To be given to the main thread's conversation. */
  onEvent(method: string, { sessionId, workerInfo, message }: Answer, main: () => NodeSession): void {
    if (typeof sessionId !== 'string') return
    if (method === 'NodeWorker.attachedToWorker') {
      if (this.#found.size >= maxKnown) return
      const { title } = (workerInfo ?? {}) as { title?: unknown }
      const name = typeof title === 'string' ? title.slice(0, 100) : `[worker ${sessionId}]`
      const session = new NodeSession(name, (text) => {
        // What it could not pass on is told by the end of the main conversation, or by the time that is over.
        main()
          .call('NodeWorker.sendMessageToWorker', { sessionId, message: text })
          .catch((error: unknown) => session.fail(error as Failure))
      })
      this.#found.set(sessionId, { name, session })
    } else if (method === 'NodeWorker.receivedMessageFromWorker') {
      if (typeof message === 'string') this.#found.get(sessionId)?.session.receive(message)
    } else if (method === 'NodeWorker.detachedFromWorker') {
      this.#found.get(sessionId)?.session.fail(new Failure('TARGET_GONE', 'the worker thread has ended'))
      this.#found.delete(sessionId)
    }
  }

  /** @returns those that run now; later ones are not looked at */
  async attach(main: NodeSession): Promise<NodeThreads> {
    // Node tells all workers before it answers; before Node 10.12 there is no such question.
    await main.call('NodeWorker.enable', { waitForDebuggerOnStart: false }).catch((error: unknown) => {
      if (!(error instanceof Failure) || error.code !== 'TOOL_FAILED') throw error
    })
    const workers = [...this.#found.values()].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
    const shown = workers.slice(0, maxWorkers).map(
      ({ name, session }): NodeThread => ({
        name,
        call: (method, params) => session.call(method, params, workerAnswersWithinMs),
      }),
    )
    return {
      main: { name: 'main', call: (method, params) => main.call(method, params) },
      workers: shown,
      left: workers.length - shown.length,
    }
  }

  fail(failure: Failure): void {
    for (const { session } of this.#found.values()) session.fail(failure)
  }
}
