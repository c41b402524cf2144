// Snapshots of a JVM's threads as a profile for the flame graph: each thread in each snapshot is a sample, weighted with
// the CPU it used around that moment. Half of what a thread used between two snapshots goes to each of its two stacks.
import { ProfileBuilder } from './builder.ts'
import type { JavaFrame } from './java-frame.ts'
import type { Profile } from './profile.ts'
import { roleOf } from './thread-cpu.ts'
import { dumpTimeMs, type ThreadDump, type ThreadOfDump, wholeStack } from './thread-dump.ts'
import { internJavaFrame, threadLabels } from './thread-dump-profile.ts'
import type { TableRole, ThreadWindow } from './thread-table.ts'

/** Below what the threads without a Java stack stand: "it is the collector" shall be seen at a glance. */
const roots: Readonly<Record<TableRole, string>> = {
  application: '[threads without a Java stack]',
  collector: '[garbage collector]',
  compiler: '[JIT compiler]',
  vm: '[JVM]',
  native: '[native threads]',
}

/**
 * Sample types `threads`/`count` and, shown first, `cpu`/`nanoseconds`; labels as `threadDumpProfile`.
 * @param dumps oldest first; @param windows between them, one less
 * @param startMs of the first dump, ms since the epoch: the dumps print the target's own time zone
 */
export function profileThreads(
  dumps: readonly ThreadDump[],
  windows: readonly ThreadWindow[],
  startMs: number,
): Profile {
  const builder = new ProfileBuilder([
    { type: 'threads', unit: 'count' },
    { type: 'cpu', unit: 'nanoseconds' },
  ])
  builder.periodType = { type: 'cpu', unit: 'nanoseconds' }
  builder.period = 1n
  builder.timeNanos = BigInt(Math.round(startMs)) * 1_000_000n
  builder.durationNanos = BigInt(Math.round(windows.reduce((sum, { wallMs }) => sum + wallMs, 0) * 1e6))
  if (dumps[0]?.vm) builder.comments.push(dumps[0].vm)
  const shares = dumps.map(() => new Map<ThreadOfDump, number>())
  for (const [i, { uses }] of windows.entries()) {
    const before = byNid(dumps[i] as ThreadDump)
    const after = byNid(dumps[i + 1] as ThreadDump)
    for (const { nid, comm, cpuMs, isNew } of uses) {
      const [then, now] = [isNew ? undefined : before.get(nid), after.get(nid)]
      const places = [
        { dump: i, thread: then },
        { dump: i + 1, thread: now },
      ].filter(({ thread }) => thread)
      if (places.length === 0) addNative(builder, comm, { nid, cpuMs })
      for (const { dump, thread } of places) {
        const known = shares[dump] as Map<ThreadOfDump, number>
        known.set(thread as ThreadOfDump, (known.get(thread as ThreadOfDump) ?? 0) + cpuMs / places.length)
      }
    }
  }
  const firstMs = dumps[0] && dumpTimeMs(dumps[0])
  const stacks = new StackRows(builder)
  for (const [i, dump] of dumps.entries()) {
    const timeMs = dumpTimeMs(dump)
    const offsetMs = timeMs === undefined || firstMs === undefined ? undefined : timeMs - firstMs
    for (const thread of dump.threads) {
      const nanos = Math.round((shares[i]?.get(thread) ?? 0) * 1e6)
      const labels = builder.internLabels(threadLabels(thread))
      builder.addSample(stacks.of(thread), [1, nanos], {
        labels,
        ...(offsetMs !== undefined && { offsetMs }),
      })
    }
  }
  return builder.build()
}

const byNid = ({ threads }: ThreadDump): Map<number, ThreadOfDump> =>
  new Map(threads.flatMap((thread) => (thread.nid === undefined ? [] : [[thread.nid, thread] as const])))

/** Rows of stacks; a frame that threads have in common is looked up once. */
class StackRows {
  private readonly builder: ProfileBuilder
  private readonly locations = new Map<JavaFrame, number>()

  constructor(builder: ProfileBuilder) {
    this.builder = builder
  }

  of(thread: ThreadOfDump): number {
    const frames = wholeStack(thread)
    const { builder } = this
    const stack =
      frames.length > 0 ? frames.map((frame) => this.location(frame)) : groupStack(builder, roleOf(thread), thread.name)
    return builder.internStack(stack)
  }

  private location(frame: JavaFrame): number {
    let row = this.locations.get(frame)
    if (row === undefined) {
      row = internJavaFrame(this.builder, frame)
      this.locations.set(frame, row)
    }
    return row
  }
}

/** `GC Thread#3` below `[garbage collector]`, all of a kind as one box. */
const groupStack = (builder: ProfileBuilder, role: TableRole, name: string): number[] => [
  builder.internFrame(`[${name.replace(/#?\d+$/, '') || 'no name'}]`),
  builder.internFrame(roots[role]),
]

function addNative(builder: ProfileBuilder, comm: string, { nid, cpuMs }: { nid: number; cpuMs: number }): void {
  const labels = builder.internLabels([
    { key: 'comm', str: comm },
    { key: 'tid', num: BigInt(nid) },
  ])
  builder.addSample(builder.internStack(groupStack(builder, 'native', comm)), [1, Math.round(cpuMs * 1e6)], { labels })
}
