// The core that a test is about goes to the process that is to use it, whatever else this machine does at the time.
import { existsSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

const nice = -15
/** As many ordinary processes weigh the same (sched_prio_to_weight of kernel/sched/core.c: 29154 for 1024). */
export const favouredWeight = 28

/** Ends a program with this test, however that ends: one in a session of its own hears nothing of a Ctrl-C. */
export const endingWithUs = ['setpriv', '--pdeathsig', 'KILL'] as const

/**
 * Takes root; nothing happens without.
 * @param pid leads a session of its own, as `detached` gives it: where sessions are scheduled as groups a priority counts
 * within its session alone, and the group has one too (sched(7), autogroup)
 */
export function favour(pid: number): void {
  if (process.getuid?.() !== 0) return
  setPriority(pid, nice)
  const group = `/proc/${pid}/autogroup`
  if (existsSync(group)) writeFileSync(group, String(nice))
}
