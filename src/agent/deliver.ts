// Empties the spool into the server: documents at once, bytes in a lane of their own so that a large recording never
// holds up the news of the next spike.

import type { ServerMessage } from '../api/messages.ts'
import { backoffMs } from '../lib/backoff.ts'
import { asFailure, Failure } from '../model/errors.ts'
import type { Link } from './link.ts'
import type { Spool, SpoolItem } from './spool.ts'

export interface DeliveryOptions {
  readonly spool: Spool
  readonly link: Pick<Link, 'send' | 'connected'>
  /** Brings bytes to the server; resolves when they are stored there under their sha256. */
  upload(bytes: Uint8Array, sha256: string): Promise<void>
  onProblem(problem: Failure, item: SpoolItem): void
  /** How long the server may take to store a document before it is sent again. */
  readonly answerMs?: number
}

/** `missing`: the bytes have to be brought again; `rejected`: the server will never take it. */
export type DeliveryAnswer = Extract<ServerMessage, { type: 'stored' | 'missing' | 'rejected' }>

export interface Delivery {
  /** To be called for every answer of the server that names an item. */
  answered(answer: DeliveryAnswer): void
  /** To be called when the connection is there again. */
  wake(): void
  /** Resolves when nothing waits any more; for an orderly end. */
  idle(): Promise<void>
  close(): void
}

export function startDelivery({ spool, link, upload, onProblem, answerMs = 10_000 }: DeliveryOptions): Delivery {
  const answers = new Map<number, (type: DeliveryAnswer['type'] | 'silent') => void>()
  const sleepers = new Set<() => void>()
  const idlers = new Set<() => void>()
  let closed = false

  const wake = (): void => {
    for (const sleeper of [...sleepers]) sleeper()
  }
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        sleepers.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      sleepers.add(done)
    })
  spool.onChange(() => {
    wake()
    if (spool.size === 0) for (const idler of idlers) idler()
  })

  /** @returns true when the item is done with */
  const send = async (item: SpoolItem): Promise<boolean> => {
    if (item.message.type === 'artifact' && item.blob) {
      const bytes = await spool.readBlob(item)
      if (!bytes) {
        // Behind it others wait.
        onProblem(new Failure('DATA_NOT_WRITABLE', `${item.message.artifact.name} is gone from the spool`), item)
        return true
      }
      await upload(bytes, item.message.artifact.sha256)
    }
    return new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => answer('silent'), answerMs)
      const answer = (type: DeliveryAnswer['type'] | 'silent'): void => {
        clearTimeout(timer)
        answers.delete(item.seq)
        resolve(type === 'stored' || type === 'rejected')
      }
      answers.set(item.seq, answer)
      if (!link.send(item.message)) answer('silent')
    })
  }

  const lane = async (accept: (item: SpoolItem) => boolean): Promise<void> => {
    let attempt = 0
    while (!closed) {
      const item = link.connected ? spool.next(accept) : undefined
      if (!item) {
        await sleep(60_000)
        continue
      }
      try {
        if (await send(item)) {
          await spool.done(item.seq)
          attempt = 0
          continue
        }
      } catch (error) {
        const problem = asFailure(error)
        onProblem(problem, item)
        if (isFinal(problem)) {
          await spool.done(item.seq)
          continue
        }
      }
      await sleep(backoffMs(attempt++))
    }
  }
  void lane((item) => item.blob === undefined)
  void lane((item) => item.blob !== undefined)

  return {
    answered: (answer) => {
      if (answer.type === 'rejected') {
        const item = spool.waiting().find((each) => each.seq === answer.seq)
        if (item) onProblem(new Failure('MALFORMED', `the server will not take it: ${answer.message}`), item)
      }
      answers.get(answer.seq)?.(answer.type)
    },
    wake: () => {
      // What was sent over the connection before will not be answered over this one.
      for (const answer of [...answers.values()]) answer('silent')
      wake()
    },
    idle: () =>
      spool.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            idlers.add(resolve)
          }),
    close: () => {
      closed = true
      for (const answer of [...answers.values()]) answer('silent')
      wake()
    },
  }
}

/** The same bytes will be refused the next time too, and behind them others wait. */
const isFinal = ({ code }: Failure): boolean => code === 'TOO_LARGE' || code === 'BAD_REQUEST'
