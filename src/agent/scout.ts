// Reads usage several times a second, keeps it for the charts, and asks the spike rules about every target that is busy.
import { availableParallelism } from 'node:os'
import type { Target } from '../model/target.ts'
import { commandName } from '../model/target.ts'
import type { UsageRing } from '../ring/usage-ring.ts'
import type { CpuUsage, UsageReading } from '../target/cpu-usage.ts'
import { type Point, type SpikeEnd, type SpikeRule, type SpikeStart, SpikeWatcher } from '../trigger/spike.ts'

/** A spike and whose it is. */
export interface Sighting {
  readonly key: string
  readonly rule: string
  readonly target: Target
  readonly spike: SpikeStart
}

export interface ScoutEvents {
  /** Somebody is over a threshold who was not a moment ago; most of them fall back before they fire. */
  near(): void
  start(sighting: Sighting): void
  end(key: string, end: SpikeEnd): void
  suppressed(key: string, why: string, target: Target | undefined): void
}

export interface ScoutOptions {
  readonly usage: Pick<CpuUsage, 'tick' | 'target' | 'follows' | 'limits' | 'waitedSeconds'>
  readonly ring: UsageRing
  readonly rule: SpikeRule
  /** Our own processes: a recorder that reports itself would never be quiet. */
  readonly ownPids: () => readonly number[]
  /** Their times are on the clock of the readings. */
  readonly events: ScoutEvents
}

/** A machine that is busier than this has nothing left to give. */
const saturatedShare = 0.9
/** Below this a target is only charted, not watched: no rule can fire on it but on a node that is hopelessly full. */
const watchFromCores = 0.05
/** What ran before us and uses less than this has been seen quiet. */
const quietCores = 0.15
/** Limits below a tenth of a core are taken for one: what they hold back is too little to be a spike of the node. */
const smallestLimitCores = 0.1
/** A watcher without news for this long is dropped; the usage ring remembers its baseline. */
const forgetAfterMs = 60_000
/**
 * On an idle node no more than it has CPUs can begin to burn at once, on a full one everybody can, and each capture is
 * work that it has no room for. Two workloads are captured at once, the others in their turn; what of them ended meanwhile
 * is in the look-back, for as long as that reaches at least (`--capture-look-back` is 30 s unless somebody says less).
 */
const contention = { most: 2, withinMs: 10_000, lookBackMs: 20_000 }
/** A limit is raised or lowered while the container runs (in-place resize): seldom, and asking costs a few reads. */
const limitEveryMs = 30_000
/** History handed to a new watcher, for its baseline. */
const recallMs = 60_000

interface Watched {
  readonly watcher: SpikeWatcher
  /** What it may use, one core at most, and when that was asked. */
  limitCores: number
  limitMs: number
  seenMs: number
  /** How long it had waited for a CPU at the last reading, while that is followed. */
  waited?: { readonly seconds: number; readonly atMs: number } | undefined
}

/** A spike that is to be captured. */
interface Beginning {
  readonly key: string
  readonly target: Target
  readonly workload: string
  readonly spike: SpikeStart
  /** It ended before it began to be captured. */
  readonly end?: SpikeEnd
}

export class Scout {
  readonly #options: ScoutOptions
  readonly #watchers = new Map<string, Watched>()
  /** When a workload fired last: a crashing program that comes back with a new PID is still the same program. */
  readonly #firedMs = new Map<string, number>()
  readonly #nodeRule: SpikeRule
  /** When those by contention began to be captured, the last of them last. */
  #contendedMs: number[] = []
  /** Those by contention that wait for their turn, the first of them first. */
  #inTurn: Beginning[] = []

  constructor(options: ScoutOptions) {
    this.#options = options
    // Saturation by many short processes (a fork storm) shows in no single target, only in the machine.
    this.#nodeRule = {
      name: 'node-saturated',
      // Who asks for more of a single target asks for more of the machine too.
      levelCores: Math.max(saturatedShare, options.rule.levelCores) * availableParallelism(),
      holdMs: 3000,
      jumpFactor: Number.POSITIVE_INFINITY,
      jumpCores: Number.POSITIVE_INFINITY,
      cooldownMs: options.rule.cooldownMs,
    }
  }

  /**
   * One tick.
   * @param monotonicMs clock of the readings, the rules, the cooldowns and the ring, which nobody sets back
   */
  tick(monotonicMs: number): void {
    const { usage, ring } = this.#options
    for (const reading of usage.tick(monotonicMs)) {
      this.#watch(reading)
      ring.record(reading.key, reading)
    }
    for (const [key, entry] of this.#watchers) {
      const isRecent = monotonicMs - entry.seenMs < forgetAfterMs
      if (isRecent && (entry.seenMs === monotonicMs || usage.follows(key))) continue
      const end = entry.watcher.finish(entry.seenMs)
      if (end) this.#end(key, end)
      this.#watchers.delete(key)
    }
    while (this.#inTurn.length > 0 && this.#hasRoom(monotonicMs)) this.#takeTurn(monotonicMs)
  }

  #end(key: string, end: SpikeEnd): void {
    this.#inTurn = this.#inTurn.map((each) => (each.key === key && !each.end ? { ...each, end } : each))
    this.#options.events.end(key, end)
  }

  #hasRoom(nowMs: number): boolean {
    this.#contendedMs = this.#contendedMs.filter((atMs) => nowMs - atMs < contention.withinMs)
    return this.#contendedMs.length < contention.most
  }

  #watch(reading: UsageReading): void {
    const { ring, rule, events, usage } = this.#options
    const point: Point = { fromMs: reading.fromMs, toMs: reading.toMs, cores: reading.cores }
    const isMachine = reading.key === 'machine'
    let entry = this.#watchers.get(reading.key)
    if (!entry && point.cores < watchFromCores * smallestLimitCores) return
    if (this.#isOwn(reading.key)) return
    if (!entry) {
      const limitCores = this.#limitOf(reading)
      if (point.cores < watchFromCores * limitCores) return
      const watcher = new SpikeWatcher(
        isMachine ? this.#nodeRule : within(rule, limitCores),
        reading.isOld && !this.#wasQuiet(reading.key, point.fromMs),
      )
      watcher.recall(this.#history(ring, reading.key, point.fromMs))
      entry = { watcher, limitCores, limitMs: point.toMs, seenMs: point.toMs }
      this.#watchers.set(reading.key, entry)
    } else if (!isMachine && point.toMs - entry.limitMs >= limitEveryMs) {
      const limitCores = this.#limitOf(reading)
      if (limitCores !== entry.limitCores) entry.watcher.judgeBy(within(rule, limitCores))
      Object.assign(entry, { limitCores, limitMs: point.toMs })
    }
    entry.seenMs = point.toMs
    const wasNear = entry.watcher.isNear
    const event = entry.watcher.observe({ ...point, waitingCores: this.#waitingOf(reading.key, entry, point) })
    if (!wasNear && entry.watcher.isNear) events.near()
    if (!event) return
    if (event.type === 'end') {
      this.#end(reading.key, event)
      return
    }
    const target = usage.target(reading.key) ?? { kind: 'process', node: '' }
    if (event.type === 'suppressed') {
      events.suppressed(reading.key, event.why, target)
      return
    }
    // A process that fires explains the machine being busy; the machine fires only when nobody else does.
    if (isMachine && [...this.#watchers].some(([key, each]) => key !== 'machine' && each.watcher.isActive)) return
    const workload = target.containerId ?? (isMachine ? 'machine' : `${target.exe ?? ''} ${commandName(target)}`)
    const coolingMs = this.#coolingMs(workload, point.toMs)
    if (coolingMs > 0) {
      const left = `${Math.ceil(coolingMs / 1000)} s left`
      events.suppressed(reading.key, `cooldown of ${commandName(target)}: ${left} (--spike-cooldown)`, target)
      return
    }
    for (const [each, atMs] of this.#firedMs) if (point.toMs - atMs >= rule.cooldownMs) this.#firedMs.delete(each)
    const beginning: Beginning = { key: reading.key, target, workload, spike: event }
    if (event.cause !== 'contention' || this.#hasRoom(point.toMs)) {
      this.#begin(beginning, point.toMs)
      return
    }
    if (!this.#inTurn.some((each) => each.workload === workload)) this.#inTurn.push(beginning)
    const why = `it is one of more than ${contention.most} that began to want more of a full node`
    events.suppressed(reading.key, `${why}; its turn comes`, target)
  }

  #limitOf({ key, toMs }: UsageReading): number {
    return Math.min(1, this.#options.usage.limits(key, toMs).limitCores ?? 1)
  }

  #coolingMs(workload: string, nowMs: number): number {
    const firedMs = this.#firedMs.get(workload)
    return firedMs === undefined ? 0 : this.#options.rule.cooldownMs - (nowMs - firedMs)
  }

  /** Unless another of its workload was captured meanwhile, or the look-back does not reach it any more. */
  #takeTurn(nowMs: number): void {
    const beginning = this.#inTurn.shift()
    if (!beginning || this.#coolingMs(beginning.workload, nowMs) > 0) return
    const { key, end } = beginning
    if (end && nowMs - end.endedMs > contention.lookBackMs) return
    this.#begin(beginning, nowMs)
    if (end) this.#end(key, end)
  }

  #begin({ key, target, workload, spike }: Beginning, nowMs: number): void {
    const { events, rule } = this.#options
    this.#firedMs.set(workload, nowMs)
    if (spike.cause === 'contention') this.#contendedMs.push(nowMs)
    events.start({ key, rule: key === 'machine' ? this.#nodeRule.name : rule.name, target, spike })
  }

  #isOwn(key: string): boolean {
    return key.startsWith('p:') && this.#options.ownPids().some((pid) => key.startsWith(`p:${pid}:`))
  }

  /** What a target would have used besides since its last reading; undefined when nobody asked before, or need not know. */
  #waitingOf(key: string, entry: Watched, point: Point): number | undefined {
    const before = entry.waited
    entry.waited = undefined
    // The machine waits for nobody.
    if (key === 'machine' || !entry.watcher.asksForWaiting(point)) return undefined
    const seconds = this.#options.usage.waitedSeconds(key)
    if (seconds === undefined) return undefined
    entry.waited = { seconds, atMs: point.toMs }
    // Threads that ended take their waiting with them.
    return before && Math.max(0, ((seconds - before.seconds) * 1000) / (point.toMs - before.atMs))
  }

  /** True when the ring holds a quiet reading of it: what was already there has been seen quiet since. */
  #wasQuiet(key: string, beforeMs: number): boolean {
    return this.#history(this.#options.ring, key, beforeMs).some((point) => point.cores < quietCores)
  }

  /** The last minute as one point a second. */
  #history(ring: UsageRing, key: string, toMs: number): Point[] {
    const series = ring.slice(key, key, { fromMs: toMs - recallMs, toMs: toMs - 1 })
    if (!series) return []
    const points: Point[] = []
    const perSecond = Math.max(1, Math.round(1000 / series.stepMs))
    for (let i = 0; i < series.cores.length; i += perSecond) {
      const known = series.cores.slice(i, i + perSecond).filter((value) => value !== null)
      if (known.length === 0) continue
      const fromMs = series.startMs + i * series.stepMs
      points.push({
        fromMs,
        toMs: Math.min(toMs, fromMs + perSecond * series.stepMs),
        cores: known.reduce((sum, value) => sum + value, 0) / known.length,
      })
    }
    return points
  }
}

/** A container that may use half a core is at its end when it does, however idle the node is. */
function within(rule: SpikeRule, limitCores: number): SpikeRule {
  const share = Math.max(limitCores, smallestLimitCores)
  return { ...rule, levelCores: rule.levelCores * share, jumpCores: rule.jumpCores * share }
}
