// The goroutines of a Go program at one moment: what all of its text dumps say, in one shape.
import type { Loss } from './profile.ts'

export interface GoFrame {
  /** `net/http.(*conn).serve`; absent where the runtime knows only an address. */
  readonly function?: string
  readonly file?: string
  readonly line?: number
  /** Arguments as printed between the parentheses: `0xc000, {0x7, 0x9}`; `...` for inlined calls. */
  readonly args?: string
  /** The address of this frame: in debug=1 that of the call (return address - 1), after a crash as printed. */
  readonly pc?: number
  /** True when the call was inlined into its caller. */
  readonly isInlined?: boolean
}

export interface GoCreator extends GoFrame {
  /** The goroutine that ran `go f()`; Go 1.21 and later. */
  readonly goroutine?: number
}

export interface Goroutine {
  readonly id: number
  /** `running`, `chan receive`, `select (no cases)`, `IO wait`, … as printed. */
  readonly state: string
  /** Whole minutes in this state; absent below one minute. */
  readonly waitMinutes?: number
  readonly isLockedToThread: boolean
  /** Other words between the brackets: `synctest bubble 1`. */
  readonly notes: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** Leaf first. */
  readonly frames: readonly GoFrame[]
  /** `count` frames that Go left out of a deep stack, after the first `at` frames. */
  readonly elided?: { readonly at: number; readonly count: number }
  readonly createdBy?: GoCreator
  /** Why there are no frames: `goroutine running on other thread; stack unavailable`. */
  readonly missing?: string
}

/** Goroutines that stand at the same place for the same reason. */
export interface GoroutineGroup {
  readonly count: number
  /** Absent in debug=1, which does not tell. */
  readonly state?: string
  readonly labels: Readonly<Record<string, string>>
  /** Leaf first. In debug=1 without those frames that Go hides: runtime functions above the leaf, and `runtime.goexit`. */
  readonly frames: readonly GoFrame[]
  readonly elided?: { readonly at: number; readonly count: number }
  readonly createdBy?: GoCreator
  /** Return addresses as in debug=1, hidden frames too. */
  readonly pcs: readonly number[]
  /** Ids of the goroutines; empty in debug=1. */
  readonly ids: readonly number[]
  /** The longest wait among them. */
  readonly maxWaitMinutes?: number
}

export interface GoroutineDump {
  /** `counted`: debug=1, equal stacks with a count. `stacks`: debug=2, a panic or SIGQUIT, one by one. */
  readonly form: 'counted' | 'stacks'
  /** What was counted: `goroutine`, `threadcreate`, or the name of a profile of the program's own. */
  readonly of: string
  readonly total: number
  /** Largest first. */
  readonly groups: readonly GoroutineGroup[]
  /** One by one; empty in the counted form. */
  readonly goroutines: readonly Goroutine[]
  /** What the runtime said before the stacks, such as `panic: …`; absent in a dump that was asked for. */
  readonly reason?: string
  readonly losses: readonly Loss[]
}

/** Goroutines with equal state, labels, frames and creator as one group, largest first. */
export function groupGoroutines(goroutines: readonly Goroutine[]): GoroutineGroup[] {
  const groups = new Map<string, Goroutine[]>()
  for (const goroutine of goroutines) {
    const { state, labels, frames, elided, createdBy } = goroutine
    const places = createdBy ? [...frames, createdBy] : frames
    const stack = places.map((frame) => `${frame.function} ${frame.file}:${frame.line}`).join('\n')
    const key = `${state}\n${JSON.stringify(labels)}\n${elided?.at} ${elided?.count}\n${stack}`
    const group = groups.get(key)
    if (group) group.push(goroutine)
    else groups.set(key, [goroutine])
  }
  return [...groups.values()].map(asGroup).sort((a, b) => b.count - a.count)
}

function asGroup(members: readonly Goroutine[]): GoroutineGroup {
  const [first] = members as [Goroutine]
  const maxWaitMinutes = members.reduce((most, { waitMinutes = 0 }) => Math.max(most, waitMinutes), 0)
  return {
    count: members.length,
    state: first.state,
    labels: first.labels,
    frames: first.frames,
    ...(first.elided && { elided: first.elided }),
    ...(first.createdBy && { createdBy: first.createdBy }),
    pcs: [],
    ids: members.map((goroutine) => goroutine.id),
    ...(maxWaitMinutes > 0 && { maxWaitMinutes }),
  }
}

/** How many goroutines are in each state, most first; empty for debug=1, which does not tell. */
export function goroutineStates(dump: GoroutineDump): { state: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const { state } of dump.goroutines) counts.set(state, (counts.get(state) ?? 0) + 1)
  return [...counts].map(([state, count]) => ({ state, count })).sort((a, b) => b.count - a.count)
}
