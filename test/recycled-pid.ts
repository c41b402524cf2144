// A process under the number of one that has ended. The kernel gives the number after the last one (proc_sys_kernel(5));
// on a machine where others start processes and threads all the time, somebody may be quicker, and keep it for long.
import type { ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

/** Takes root. */
const lastPid = '/proc/sys/kernel/ns_last_pid'
/** More would be of no use: who has the number by then lives on. */
const attempts = 20

/**
 * @param start starts a process; those that got another number are killed
 * @returns undefined when somebody else has the number: begin anew, with a process that ends only then
 */
export function startWithPid(pid: number, start: () => ChildProcess): ChildProcess | undefined {
  const before = readFileSync(lastPid, 'utf8')
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      writeFileSync(lastPid, String(pid - 1))
      const child = start()
      if (child.pid === pid) return child
      child.kill('SIGKILL')
    }
    return undefined
  } finally {
    // Who ended lately keeps its number for itself: another test may be looking whether it is gone.
    writeFileSync(lastPid, before)
  }
}
