// Entry of the agent's worker thread; `main.ts` comes here when it finds itself in one.
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { Failure } from '../model/errors.ts'
import type { RecorderOptions } from '../ring/recorder.ts'
import { runRecorderWorker } from '../ring/recorder-worker.ts'
import { openCgroupView } from '../target/cgroup-view.ts'
import { containerOfPath } from '../target/container-cgroup.ts'
import { cgroupOf } from '../target/process-identity.ts'

export async function runAgentWorker(): Promise<void> {
  if (!parentPort) throw new Failure('INTERNAL', 'the recorder runs in a worker thread only')
  await runRecorderWorker(parentPort, (workerData as { options: RecorderOptions }).options, containerLookUp())
}

/** Only needed where version 1 hierarchies are: with version 2 alone perf places every sample. */
function containerLookUp(): ((pid: number) => string | undefined) | undefined {
  const { mounts, absolute } = openCgroupView()
  if (mounts.cpuacct === undefined) return undefined
  return (pid) => {
    try {
      const path = cgroupOf(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), absolute)
      return containerOfPath(path) ? path : undefined
    } catch {
      return undefined // it has ended
    }
  }
}
