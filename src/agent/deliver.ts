// Empties the spool into the server: documents at once, bytes in a lane of their own so that a large recording never
// holds up the news of the next spike.
import { backoffMs } from '../lib/backoff.ts'
import { asFailure, type Failure } from '../model/errors.ts'
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

export interface Delivery {
  /** To be called for every `stored` of the server. */
  stored(seq: number): void
  /** To be called when the connection is there again. */
  wake(): void
  /** Resolves when nothing waits any more; for an orderly end. */
  idle(): Promise<void>
  close(): void
}

export function startDelivery({ spool, link, upload, onProblem, answerMs = 10_000 }: DeliveryOptions): Delivery {
  const answers = new Map<number, (stored: boolean) => void>()
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

  const send = async (item: SpoolItem): Promise<boolean> => {
    if (item.message.type === 'artifact' && item.blob) {
      await upload(await spool.readBlob(item), item.message.artifact.sha256)
    }
    return new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => answer(false), answerMs)
      const answer = (stored: boolean): void => {
        clearTimeout(timer)
        answers.delete(item.seq)
        resolve(stored)
      }
      answers.set(item.seq, answer)
      if (!link.send(item.message)) answer(false)
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
        onProblem(asFailure(error), item)
      }
      await sleep(backoffMs(attempt++))
    }
  }
  void lane((item) => item.blob === undefined)
  void lane((item) => item.blob !== undefined)

  return {
    stored: (seq) => answers.get(seq)?.(true),
    wake,
    idle: () =>
      spool.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            idlers.add(resolve)
          }),
    close: () => {
      closed = true
      for (const answer of [...answers.values()]) answer(false)
      wake()
    },
  }
}
