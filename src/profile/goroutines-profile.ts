// A goroutine dump as a profile: one sample per group, or per goroutine where the dump lists them one by one.
import { ProfileBuilder } from './builder.ts'
import type { GoFrame, Goroutine, GoroutineDump } from './goroutines.ts'
import { parseCountedGoroutines } from './goroutines-counted.ts'
import { parseGoroutineStacks } from './goroutines-stacks.ts'
import type { Label, Profile } from './profile.ts'

/**
 * Sample type as in Go's own debug=0 profile: `goroutine`/`count`. Labels are the program's; a dump that lists
 * goroutines adds `goroutine` (id), `state`, `wait` (minutes) and `created_by` unless the program uses the key itself.
 */
export function goroutineProfile(dump: GoroutineDump): Profile {
  const type = { type: dump.of, unit: 'count' }
  const builder = new ProfileBuilder([type])
  builder.periodType = type
  builder.period = 1n
  if (dump.reason !== undefined) builder.comments.push(dump.reason)
  builder.addLosses(dump.losses)
  if (dump.form === 'counted') {
    for (const group of dump.groups) {
      const labels = builder.internLabels(programLabels(group.labels))
      builder.addSample(builder.internStack(locate(builder, group.pcs, group.frames)), [group.count], { labels })
    }
    return builder.build()
  }
  for (const goroutine of dump.goroutines) {
    const frames = goroutine.frames.map((frame) => internGoFrame(builder, frame))
    if (goroutine.elided) frames.splice(goroutine.elided.at, 0, builder.internFrame('[frames left out by Go]'))
    if (frames.length === 0) frames.push(builder.internFrame(`[${goroutine.missing ?? 'no stack'}]`))
    const labels = builder.internLabels(goroutineLabels(goroutine))
    builder.addSample(builder.internStack(frames), [1], { labels })
  }
  return builder.build()
}

/** Reads debug=1 into a profile. */
export const parseCountedGoroutineProfile = (bytes: Uint8Array): Profile =>
  goroutineProfile(parseCountedGoroutines(bytes))

/** Reads debug=2, panics and SIGQUIT dumps into a profile. */
export const parseGoroutineStackProfile = (bytes: Uint8Array): Profile => goroutineProfile(parseGoroutineStacks(bytes))

const programLabels = (labels: Readonly<Record<string, string>>): Label[] =>
  Object.entries(labels).map(([key, str]) => ({ key, str }))

function goroutineLabels({ id, state, waitMinutes, labels, createdBy }: Goroutine): Label[] {
  const own: Label[] = [
    { key: 'goroutine', num: BigInt(id) },
    { key: 'state', str: state },
  ]
  if (waitMinutes !== undefined) own.push({ key: 'wait', num: BigInt(waitMinutes), unit: 'minutes' })
  if (createdBy?.function) own.push({ key: 'created_by', str: createdBy.function })
  return [...programLabels(labels), ...own.filter(({ key }) => !Object.hasOwn(labels, key))]
}

/**
 * Locations of the return addresses, leaf first. The address of a location is that of the call, one less, as in pprof.
 * A run of frames with one address are the calls inlined there. Addresses without a frame are what Go hides:
 * `runtime.goexit` at the root, functions of the runtime at the leaf.
 */
function locate(builder: ProfileBuilder, pcs: readonly number[], frames: readonly GoFrame[]): number[] {
  const locations: number[] = []
  let next = 0
  for (const pc of pcs) {
    const address = Math.max(0, pc - 1)
    const from = next
    // Address 0 is the padding of a stack record that had less to say; Go prints it as `0x0`, not one less.
    while (next < frames.length && (frames[next]?.pc === address || (pc === 0 && frames[next]?.pc === 0))) next++
    let lines = frames.slice(from, next).flatMap(({ function: name, file = '', line = 0 }) => {
      return name === undefined ? [] : [{ function: builder.internFunction({ name, filename: file }), line }]
    })
    if (pc === 0 && lines.length === 0) continue
    if (from === next && frames.length > 0) {
      const name = next === 0 ? '[runtime, not printed]' : 'runtime.goexit'
      lines = [{ function: builder.internFunction({ name }), line: 0 }]
    }
    locations.push(builder.internLocation({ address: BigInt(address), lines }))
  }
  // Frames whose address is not in the list: of a Go version that prints another one. Their names must not be lost.
  for (const frame of frames.slice(next)) if (frame.function) locations.push(internGoFrame(builder, frame))
  return locations
}

function internGoFrame(builder: ProfileBuilder, { function: name, file = '', line = 0, pc = 0 }: GoFrame): number {
  if (pc === 0 || name === undefined) return builder.internFrame(name ?? '[unknown]', { filename: file, line })
  const fn = builder.internFunction({ name, filename: file })
  return builder.internLocation({ address: BigInt(pc), lines: [{ function: fn, line }] })
}
