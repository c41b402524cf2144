// Thread dumps as a profile: each thread of each dump is one sample at the time of its dump.
import { ProfileBuilder } from './builder.ts'
import { type JavaFrame, stableMethodName } from './java-frame.ts'
import type { Label, Profile } from './profile.ts'
import { dumpTimeMs, type ThreadDumps, type ThreadOfDump, wholeStack } from './thread-dump.ts'
import { parseThreadFile, parseThreadJson } from './thread-dump-file.ts'
import { parseHotspotThreads } from './thread-dump-hotspot.ts'

/**
 * Sample type `threads`/`count`; labels `comm` (thread name), `tid`, `java_thread` (id), `state`, `daemon`.
 * Threads without a Java stack (collector, compiler) are counted in the losses.
 */
export function threadDumpProfile({ dumps, losses }: ThreadDumps): Profile {
  const type = { type: 'threads', unit: 'count' }
  const builder = new ProfileBuilder([type])
  builder.periodType = type
  builder.period = 1n
  const times = dumps.map(dumpTimeMs)
  const startMs = times.find((time) => time !== undefined)
  const endMs = times.findLast((time) => time !== undefined)
  if (startMs !== undefined && endMs !== undefined) {
    builder.timeNanos = BigInt(startMs) * 1_000_000n
    builder.durationNanos = BigInt(Math.max(0, endMs - startMs)) * 1_000_000n
  }
  builder.addLosses(losses)
  for (const [i, dump] of dumps.entries()) {
    if (dump.vm && !builder.comments.includes(dump.vm)) builder.comments.push(dump.vm)
    for (const { threads } of dump.deadlocks) {
      builder.comments.push(`deadlock: ${threads.map(({ name }) => name).join(' → ')}`)
    }
    const timeMs = times[i]
    for (const thread of dump.threads) {
      const stack = wholeStack(thread)
      if (stack.length === 0) {
        builder.addLoss('threads without a Java stack')
        continue
      }
      const labels = builder.internLabels(threadLabels(thread))
      const locations = stack.map((frame) => internJavaFrame(builder, frame))
      const offsetMs = timeMs === undefined || startMs === undefined ? undefined : timeMs - startMs
      builder.addSample(builder.internStack(locations), [1], { labels, ...(offsetMs !== undefined && { offsetMs }) })
    }
  }
  return builder.build()
}

/** One location per method and line; `$$Lambda$82/0x…` loses what differs from run to run, the original stays as system name. */
export function internJavaFrame(builder: ProfileBuilder, { method, file = '', line = 0 }: JavaFrame): number {
  return builder.internFrame(stableMethodName(method), { systemName: method, filename: file, line })
}

/** `comm`, `tid`, `java_thread`, `state`, `daemon`. */
export function threadLabels({ name, nid, javaId, state, status, isDaemon }: ThreadOfDump): Label[] {
  const labels: Label[] = [{ key: 'comm', str: name }]
  if (nid !== undefined) labels.push({ key: 'tid', num: BigInt(nid) })
  if (javaId !== undefined) labels.push({ key: 'java_thread', num: BigInt(javaId) })
  const shown = state ?? status
  if (shown !== undefined) labels.push({ key: 'state', str: shown })
  if (isDaemon) labels.push({ key: 'daemon', str: 'true' })
  return labels
}

/** Reads HotSpot's text into a profile. */
export const parseHotspotThreadProfile = (bytes: Uint8Array): Profile => threadDumpProfile(parseHotspotThreads(bytes))

/** Reads the text of Thread.dump_to_file into a profile. */
export const parseThreadFileProfile = (bytes: Uint8Array): Profile => threadDumpProfile(parseThreadFile(bytes))

/** Reads the JSON of Thread.dump_to_file into a profile. */
export const parseThreadJsonProfile = (bytes: Uint8Array): Profile => threadDumpProfile(parseThreadJson(bytes))
