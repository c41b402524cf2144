// Entry of the agent's worker thread; `main.ts` comes here when it finds itself in one.
import { parentPort, workerData } from 'node:worker_threads'
import { Failure } from '../model/errors.ts'
import type { RecorderOptions } from '../ring/recorder.ts'
import { runRecorderWorker } from '../ring/recorder-worker.ts'

export async function runAgentWorker(): Promise<void> {
  if (!parentPort) throw new Failure('INTERNAL', 'the recorder runs in a worker thread only')
  await runRecorderWorker(parentPort, (workerData as { options: RecorderOptions }).options)
}
