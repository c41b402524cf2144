// Opens a pprof file where it suits its size: in a worker when it is big, in the page when that is quicker.
import { Failure, type FailureCode, failures } from '../model/errors.ts'
import { deskOf, type ProfileDesk, readProfile } from './profile-desk.ts'
import type { DeskAnswer, DeskQuestion } from './profile-worker.ts'
import ProfileWorker from './profile-worker.ts?worker&inline'
import type { ProfileInfo } from './slice.ts'

/** Some 10 ms of decoding: less than starting a worker takes. */
const smallBytes = 300_000

/** @throws Failure MALFORMED or NOT_A_PROFILE */
export async function openProfile(bytes: Uint8Array<ArrayBuffer>): Promise<ProfileDesk> {
  if (bytes.length > smallBytes) {
    try {
      return await openInWorker(bytes)
    } catch (error) {
      if (error instanceof Failure) throw error
      // Workers are forbidden here (a strict policy, an old browser for files): slower, but the same picture.
    }
  }
  return deskOf(await readProfile(bytes))
}

async function openInWorker(bytes: Uint8Array<ArrayBuffer>): Promise<ProfileDesk> {
  const worker = new ProfileWorker()
  const calls = new Map<number, { resolve(answer: never): void; reject(error: Error): void }>()
  let nextCall = 1
  worker.onmessage = ({ data }: MessageEvent<DeskAnswer>) => {
    const call = calls.get(data.call)
    calls.delete(data.call)
    if ('failure' in data) {
      const code = data.failure.code in failures ? (data.failure.code as FailureCode) : 'INTERNAL'
      call?.reject(new Failure(code, data.failure.message))
    } else {
      call?.resolve(data.answer as never)
    }
  }
  worker.onerror = (event) => {
    for (const { reject } of calls.values()) reject(new Error(event.message))
    calls.clear()
  }
  type Question = DeskQuestion extends infer Q ? (Q extends unknown ? Omit<Q, 'call'> : never) : never
  const ask = <T>(question: Question): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const call = nextCall++
      calls.set(call, { resolve: resolve as (answer: never) => void, reject })
      worker.postMessage({ ...question, call })
    })
  const info = await ask<ProfileInfo>({ ask: 'open', bytes })
  return {
    info,
    slice: (request) => ask({ ask: 'slice', request }),
    processes: (request) => ask({ ask: 'processes', request }),
  }
}
