// Who was forked by whom and when, so that the samples of a process can be told together with those of its children:
//
//   FORK(200:200):(100:100)    200 belongs to 100 from now on        FORK(201:201):(200:200)    and so does 201

/** As many as a fork storm makes in a minute; 24 bytes each. The oldest go first. */
const mostForks = 65_536

export class ForkLog {
  private times: number[] = []
  private children: number[] = []
  private parents: number[] = []

  add(timeNs: number, child: number, parent: number): void {
    if (this.times.length >= mostForks) this.cut(mostForks / 4)
    this.times.push(timeNs)
    this.children.push(child)
    this.parents.push(parent)
  }

  /** Forgets what was before. */
  forget(beforeNs: number): void {
    const from = this.times.findIndex((time) => time >= beforeNs)
    this.cut(from < 0 ? this.times.length : from)
  }

  get size(): number {
    return this.times.length
  }

  /** When a PID was given to its latest owner, and by whom; undefined for one that was there before. */
  originOf(pid: number): { timeNs: number; parent: number } | undefined {
    const row = this.children.lastIndexOf(pid)
    return row < 0 ? undefined : { timeNs: this.times[row] as number, parent: this.parents[row] as number }
  }

  /**
   * A process with everything that it and its children forked from `fromNs` on. Children that it had before are not
   * meant. A PID that is given to a stranger afterwards belongs to the family no longer.
   */
  family(root: number, fromNs: number): (pid: number, timeNs: number) => boolean {
    const spans = new Map<number, { fromNs: number; toNs: number }[]>()
    const last = (pid: number): { fromNs: number; toNs: number } | undefined => {
      const span = spans.get(pid)?.at(-1)
      return span?.toNs === Number.POSITIVE_INFINITY ? span : undefined
    }
    for (let i = 0; i < this.times.length; i++) {
      const time = this.times[i] as number
      const child = this.children[i] as number
      const parent = this.parents[i] as number
      if (time < fromNs || child === root) continue
      const before = last(child)
      if (before) before.toNs = time
      if (parent !== root && !last(parent)) continue
      const span = { fromNs: time, toNs: Number.POSITIVE_INFINITY }
      const known = spans.get(child)
      if (known) known.push(span)
      else spans.set(child, [span])
    }
    return (pid, timeNs) =>
      pid === root || (spans.get(pid)?.some((span) => timeNs >= span.fromNs && timeNs < span.toNs) ?? false)
  }

  private cut(count: number): void {
    if (count === 0) return
    this.times = this.times.slice(count)
    this.children = this.children.slice(count)
    this.parents = this.parents.slice(count)
  }
}
