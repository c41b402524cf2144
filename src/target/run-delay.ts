// How long the threads of a process waited for a CPU while they could have run: what it wanted and did not get.
//
//   /proc/PID/task/TID/schedstat   49285342918 18234012345 51234     ns on a CPU, ns waiting for one, times put on one
//
// (Documentation/scheduler/sched-stats.rst; kernels without CONFIG_SCHED_INFO show zeros.)
import { readdirSync, readFileSync } from 'node:fs'

/** 1.5 ms of reads. The first ones: a pool of a thousand threads waits alike, and the sum only has to exceed a threshold. */
const mostThreads = 256

/** Sum over its threads since each began, seconds; undefined when the process is gone. */
export function waitedSecondsOf(pid: number, proc = '/proc'): number | undefined {
  let ns = 0
  try {
    for (const tid of readdirSync(`${proc}/${pid}/task`).slice(0, mostThreads))
      ns += waitedNs(`${proc}/${pid}/task/${tid}`)
  } catch {
    return undefined // the process ended
  }
  return ns / 1e9
}

function waitedNs(task: string): number {
  try {
    return Number(readFileSync(`${task}/schedstat`, 'latin1').split(' ')[1])
  } catch {
    return 0 // the thread ended between the listing and the read
  }
}
