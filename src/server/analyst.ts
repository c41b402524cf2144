// Puts questions about stored profiles to a worker: started when first needed, ended when idle, replaced when it dies.
import { Worker } from 'node:worker_threads'
import { Failure, type FailureCode, failures } from '../model/errors.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Job, JobResult, Question } from './analyst-worker.ts'

export interface AnalystOptions {
  readonly blobs: Pick<Blobs, 'readAll'>
  /** The file that becomes the worker: in the bundle the program itself, else `analyst-worker.ts`. */
  readonly program?: URL
  /** A question that takes longer than this ends with TIMEOUT, and the worker with it. */
  readonly deadlineMs?: number
  /** The decoded profiles are memory: after this much quiet they go. */
  readonly idleMs?: number
}

export interface Analyst {
  /**
   * @param sha256 blob of a pprof file
   * @returns JSON for `flame`, `top` and `threads`, else the bytes of the file
   * @throws Failure EMPTY, MALFORMED, NOT_A_PROFILE, NOT_FOUND (no such blob), TIMEOUT
   */
  ask(sha256: string, question: Question): Promise<Uint8Array<ArrayBuffer>>
  close(): Promise<void>
}

interface Pending {
  readonly sha256: string
  readonly question: Question
  readonly resolve: (answer: Uint8Array<ArrayBuffer>) => void
  readonly reject: (reason: Failure) => void
  readonly timer: NodeJS.Timeout
}

export function createAnalyst({
  blobs,
  program = new URL('./analyst-worker.ts', import.meta.url),
  deadlineMs = 60_000,
  idleMs = 60_000,
}: AnalystOptions): Analyst {
  const pending = new Map<number, Pending>()
  let worker: Worker | undefined
  let idle: NodeJS.Timeout | undefined
  let nextJob = 1
  let isClosed = false

  const settle = (job: number): Pending | undefined => {
    const found = pending.get(job)
    pending.delete(job)
    clearTimeout(found?.timer)
    if (pending.size === 0) {
      worker?.unref()
      clearTimeout(idle)
      idle = setTimeout(() => void end(), idleMs)
      idle.unref()
    }
    return found
  }
  const failAll = (reason: Failure): void => {
    for (const job of [...pending.keys()]) settle(job)?.reject(reason)
  }
  const end = async (): Promise<void> => {
    clearTimeout(idle)
    const ended = worker
    worker = undefined
    await ended?.terminate()
  }
  const send = (job: Job): void => {
    if (!worker) {
      const started = new Worker(program, { workerData: { worker: 'analyst' }, name: 'analyst', argv: [] })
      started.on('message', (result: JobResult) => void receive(result))
      started.on('error', (cause) => {
        if (worker === started) worker = undefined
        failAll(new Failure('INTERNAL', `the analyst failed: ${cause.message}`, { cause }))
      })
      started.on('exit', () => {
        if (worker !== started) return
        worker = undefined
        failAll(new Failure('INTERNAL', 'the analyst ended in the midst of a question'))
      })
      worker = started
    }
    worker.ref()
    worker.postMessage(job, job.bytes ? [job.bytes.buffer] : [])
  }
  const receive = async (result: JobResult): Promise<void> => {
    if ('answer' in result) settle(result.job)?.resolve(result.answer)
    else if ('failure' in result) {
      const { code, message, details } = result.failure
      settle(result.job)?.reject(
        new Failure(code in failures ? (code as FailureCode) : 'INTERNAL', message, { details }),
      )
    } else {
      const job = pending.get(result.job)
      if (!job) return
      try {
        const bytes = await blobs.readAll(job.sha256)
        if (!bytes) throw new Failure('NOT_FOUND', `the bytes ${job.sha256} are not in the store`)
        if (!pending.has(result.job)) return // its time was over while the file was read
        // A copy in a buffer of its own, because it is handed over to the worker.
        send({ job: result.job, sha256: job.sha256, bytes: Uint8Array.from(bytes), question: job.question })
      } catch (error) {
        settle(result.job)?.reject(error instanceof Failure ? error : new Failure('INTERNAL', String(error)))
      }
    }
  }

  return {
    ask: (sha256, question) =>
      new Promise((resolve, reject) => {
        if (isClosed) {
          reject(new Failure('INTERNAL', 'the server is closing'))
          return
        }
        clearTimeout(idle)
        const job = nextJob++
        const timer = setTimeout(() => {
          settle(job)?.reject(new Failure('TIMEOUT', `the profile was not read within ${deadlineMs / 1000} s`))
          failAll(new Failure('TIMEOUT', 'the analyst was ended because another question took too long; ask again'))
          void end()
        }, deadlineMs)
        pending.set(job, { sha256, question, resolve, reject, timer })
        send({ job, sha256, question })
      }),
    close: async () => {
      isClosed = true
      failAll(new Failure('INTERNAL', 'the server is closing'))
      await end()
    },
  }
}
