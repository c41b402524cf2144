// Notices a spike in the CPU usage of one target. Pure: readings in, events out; no clock, no /proc.
//
// Three ways to fire, each must hold for `holdMs` at least:
//   level       usage is at or over a share of one core (or of the container's limit); catches the slow ramp
//   jump        usage is `jumpFactor` times its own recent baseline and at least `jumpCores` above it; catches the idle
//               service that suddenly does half a core of nothing useful
//   contention  usage has risen, and reaches the level together with the time that it waited for a CPU: on a full node
//               what would burn a core gets a third of one, or a tenth. Waiting alone says nothing: its neighbours wait
//               too, without having risen. Nor does a rise of one that waited before it: a neighbour ended, and each of
//               the others gets more. And it holds for as long as it takes to use what a spike by level uses in
//               `holdMs`: half a second of compiling is none here either, however long its neighbours draw it out.
// It is edge-triggered: it fires once, and again only after usage has fallen well below the threshold (hysteresis) and
// the cooldown has passed. What burned already when we first looked has no edge, so it does not fire.

export interface SpikeRule {
  readonly name: string
  /** Cores at or above which usage counts as a spike by itself. */
  readonly levelCores: number
  readonly holdMs: number
  readonly jumpFactor: number
  readonly jumpCores: number
  readonly cooldownMs: number
}

/** 80 % of a core for 600 ms: a 1 s spike is caught with 48 of its 49 samples, a compiler run of half a second is not. */
export const defaultSpikeRule: SpikeRule = {
  name: 'cpu-spike',
  levelCores: 0.8,
  holdMs: 600,
  jumpFactor: 4,
  jumpCores: 0.4,
  cooldownMs: 60_000,
}

export interface SpikeStart {
  readonly type: 'start'
  readonly cause: 'level' | 'jump' | 'contention'
  /** When usage left its baseline, as fine as the readings are. */
  readonly onsetMs: number
  readonly firedMs: number
  readonly cores: number
  /** By contention: what it waited for besides, while it held; otherwise 0. */
  readonly waitingCores: number
  readonly baselineCores: number
  readonly thresholdCores: number
  readonly heldMs: number
}

export interface SpikeEnd {
  readonly type: 'end'
  /** When usage fell back. */
  readonly endedMs: number
}

/** A spike that was seen but not fired, so that nothing is hidden. */
export interface SpikeSuppressed {
  readonly type: 'suppressed'
  readonly firedMs: number
  readonly why: string
}

export type SpikeEvent = SpikeStart | SpikeEnd | SpikeSuppressed

/** A mean over a span, cores. */
export interface Point {
  readonly fromMs: number
  readonly toMs: number
  readonly cores: number
  /** What it would have used besides, had there been a CPU: time waited per time passed. Asked for by `asksForWaiting`. */
  readonly waitingCores?: number | undefined
}

/** Falls below this share of the threshold end a spike: a value hovering at the threshold is one spike, not twenty. */
const releaseShare = 0.6
/** And it must stay below for this long, so that a garbage collection pause does not cut a spike in two. */
const releaseHoldMs = 800
/** How far back the baseline looks. */
const baselineMs = 60_000
/** Readings as young as this are not yet baseline: the rise itself must not raise what it is compared with. */
const baselineDelayMs = 3_000
/** A jump needs to know what is normal: at least this much quiet history. */
const baselineNeedsMs = 5_000
/** Use that is half as much again as usual is more than the ups and downs of a victim. */
const risenFactor = 1.5
/** A thirtieth of a core is what thirty that burn leave each other of one; what rises by less makes no node full. */
const risenCores = 0.03

/** Use that began to be more than usual. */
interface Rise {
  readonly usualCores: number
  readonly sinceMs: number
  /** False for what is new: from nothing, as long as nothing else is known. */
  readonly isKnown: boolean
}

/** So often one whose use has not risen is asked for what it waits for: enough to know in a minute who waits all the time. */
const waitingEveryMs = 5_000
/** One look of 200 ms in a busy moment says nothing of who waits all the time. */
const looksRemembered = 4

interface Baseline {
  readonly cores: number
  readonly knownMs: number
}

/** Readings in which it wanted what a spike wants, added up: core-milliseconds over milliseconds. */
interface Want {
  readonly sinceMs: number
  /** The last reading in which it did; a short one in between may measure too little. */
  readonly lastMs: number
  readonly spanMs: number
  readonly used: number
  readonly wanted: number
}

export class SpikeWatcher {
  #rule: SpikeRule
  readonly #points: Point[] = []
  #aboveSinceMs: number | undefined
  #belowSinceMs: number | undefined
  #active = false
  #armed: boolean
  #lastFiredMs = Number.NEGATIVE_INFINITY
  #thresholdCores: number
  /** What was usual when it fired. */
  #usualCores = 0
  /** What was never seen before it burned has no baseline, and has risen from nothing. */
  readonly #isNew: boolean
  #risen: Rise | undefined
  #want: Want | undefined
  /** When it was last known how long it waited. */
  #knownMs = Number.NEGATIVE_INFINITY
  /** When it last wanted what a spike wants without having risen. */
  #waitedMs = Number.NEGATIVE_INFINITY
  /** At which share of the last looks at it that was so. */
  #waitedShare = 0
  #looks = 0

  /** @param isOld true for what ran before anybody looked: it must be seen quiet once before it can spike */
  constructor(rule: SpikeRule, isOld = false) {
    this.#rule = rule
    this.#armed = !isOld
    this.#isNew = !isOld
    this.#thresholdCores = rule.levelCores
  }

  get isActive(): boolean {
    return this.#active
  }

  /** True from the first reading over a threshold on, whether or not it will hold until it fires. */
  get isNear(): boolean {
    return this.#active || this.#aboveSinceMs !== undefined
  }

  /** True when the next reading decides more if it comes with `waitingCores`; asking for them costs reads. */
  asksForWaiting(point: Point): boolean {
    if (this.#active) return point.cores < this.#thresholdCores * releaseShare
    if (this.#want) return true
    if (point.cores < risenCores || !this.#armed) return false
    if (point.toMs - this.#knownMs >= waitingEveryMs) return true
    const rise = this.#riseOf(point, this.#baseline(point.toMs))
    return rise !== undefined && this.#isNews(rise)
  }

  /** What is usual for it stays; a spike that is going on ends as it began. */
  judgeBy(rule: SpikeRule): void {
    this.#rule = rule
    if (!this.#active) this.#thresholdCores = rule.levelCores
  }

  /** Takes history from before there was a watcher, oldest first; it is baseline only and fires nothing. */
  recall(points: readonly Point[]): void {
    this.#points.unshift(...points)
  }

  /** Takes the next reading of this target; readings come in the order of time. */
  observe(point: Point): SpikeEvent | undefined {
    this.#points.push(point)
    while (this.#points.length > 1 && (this.#points[0] as Point).toMs < point.toMs - baselineMs) this.#points.shift()
    if (point.waitingCores !== undefined) this.#knownMs = point.toMs
    return this.#active ? this.#release(point) : this.#rise(point)
  }

  #rise(point: Point): SpikeEvent | undefined {
    const rule = this.#rule
    const baseline = this.#baseline(point.toMs)
    const jumpThreshold = Math.max((baseline?.cores ?? 0) * rule.jumpFactor, (baseline?.cores ?? 0) + rule.jumpCores)
    const byLevel = point.cores >= rule.levelCores
    const byJump = baseline !== undefined && baseline.knownMs >= baselineNeedsMs && point.cores >= jumpThreshold
    this.#want = this.#wantOf(point, baseline)
    const isHeldBack = this.#want !== undefined && wantedOf(point) >= rule.levelCores
    if (byLevel || byJump || isHeldBack) this.#aboveSinceMs ??= point.fromMs
    else {
      this.#aboveSinceMs = undefined
      if (point.cores < rule.levelCores * releaseShare) this.#armed = true
    }
    if (!this.#armed) return undefined
    const isOver = (byLevel || byJump) && point.toMs - (this.#aboveSinceMs ?? point.toMs) >= rule.holdMs
    const heldBack = isHeldBack && !isOver ? this.#heldBack() : undefined
    const sinceMs = isOver ? this.#aboveSinceMs : heldBack?.sinceMs
    if (sinceMs === undefined) return undefined
    this.#active = true
    this.#armed = false
    this.#belowSinceMs = undefined
    const cause = !isOver ? 'contention' : byLevel ? 'level' : 'jump'
    this.#thresholdCores = cause === 'jump' ? jumpThreshold : rule.levelCores
    this.#usualCores = this.#risen?.usualCores ?? baseline?.cores ?? 0
    if (point.toMs - this.#lastFiredMs < rule.cooldownMs) {
      const waitS = Math.ceil((rule.cooldownMs - (point.toMs - this.#lastFiredMs)) / 1000)
      return { type: 'suppressed', firedMs: point.toMs, why: `cooldown of rule ${rule.name}: ${waitS} s left` }
    }
    this.#lastFiredMs = point.toMs
    // What contends has raised its own baseline by now: it is held against what was usual before it rose.
    const baselineCores = cause === 'contention' ? this.#usualCores : (baseline?.cores ?? 0)
    return {
      type: 'start',
      cause,
      onsetMs: this.#onset(sinceMs, baselineCores, point.cores),
      firedMs: point.toMs,
      cores: this.#meanSince(sinceMs),
      waitingCores: heldBack ? (heldBack.wanted - heldBack.used) / heldBack.spanMs : 0,
      baselineCores,
      thresholdCores: this.#thresholdCores,
      heldMs: point.toMs - sinceMs,
    }
  }

  /**
   * Goes on, begins or ends the time in which it wants more than it gets. Single readings do not tell whether its use has
   * risen: of 200 ms a starved process has a tick or two of ten milliseconds, or none. Their mean does.
   */
  #wantOf(point: Point, baseline: Baseline | undefined): Want | undefined {
    const { levelCores, holdMs } = this.#rule
    const usual = this.#risen?.usualCores
    let want = this.#want && withReading(this.#want, point, levelCores)
    // What it was held against when this began counts until it ends: by then it is its own baseline.
    if (!want || usual === undefined || !hasRisenFrom(usual, want.used / want.spanMs)) {
      this.#risen = this.#riseOf(point, baseline)
      // How long it waited is known from the second time on that it is asked for; the first reading may have been it.
      const { fromMs, waitingCores = Math.max(0, levelCores - point.cores) } = point
      const none: Want = { sinceMs: fromMs, lastMs: fromMs, spanMs: 0, used: 0, wanted: 0 }
      want = withReading(none, { ...point, waitingCores }, levelCores)
    }
    if (!this.#risen) {
      this.#noteWaiting(point)
      return undefined
    }
    return this.#isNews(this.#risen) && want.lastMs > want.sinceMs && point.toMs - want.lastMs < holdMs
      ? want
      : undefined
  }

  /** False for one that wanted as much before it rose: it only gets more. */
  #isNews({ sinceMs }: Rise): boolean {
    return this.#waitedShare < 0.5 || sinceMs - this.#waitedMs >= baselineMs
  }

  #noteWaiting(point: Point): void {
    if (point.waitingCores === undefined) return
    const waited = wantedOf(point) >= this.#rule.levelCores
    this.#looks = Math.min(this.#looks + 1, looksRemembered)
    this.#waitedShare += (Number(waited) - this.#waitedShare) / this.#looks
    if (waited) this.#waitedMs = point.toMs
  }

  /** What it wanted, once it has used what a spike by level has when that fires. */
  #heldBack(): Want | undefined {
    const { levelCores, holdMs } = this.#rule
    const want = this.#want
    if (!want || want.spanMs < holdMs || want.used < levelCores * holdMs) return undefined
    return want.wanted >= levelCores * want.spanMs ? want : undefined
  }

  #release(point: Point): SpikeEvent | undefined {
    // What is held back is not over, as long as it gets more than is usual for it.
    const wants = hasRisenFrom(this.#usualCores, point.cores) ? wantedOf(point) : point.cores
    if (wants >= this.#thresholdCores * releaseShare) {
      this.#belowSinceMs = undefined
      return undefined
    }
    this.#belowSinceMs ??= point.fromMs
    if (point.toMs - this.#belowSinceMs < releaseHoldMs) return undefined
    return this.#end(this.#belowSinceMs)
  }

  /** The target is gone: a spike that was going on ended with it. */
  finish(nowMs: number): SpikeEnd | undefined {
    return this.#active ? this.#end(this.#belowSinceMs ?? nowMs) : undefined
  }

  #end(endedMs: number): SpikeEnd {
    this.#active = false
    this.#armed = true
    this.#aboveSinceMs = undefined
    this.#want = undefined
    return { type: 'end', endedMs }
  }

  /** Time-weighted mean of the last minute without its newest seconds. */
  #baseline(nowMs: number): Baseline | undefined {
    let weighted = 0
    let knownMs = 0
    for (const point of this.#points) {
      if (point.toMs > nowMs - baselineDelayMs) break
      weighted += point.cores * (point.toMs - point.fromMs)
      knownMs += point.toMs - point.fromMs
    }
    return knownMs > 0 ? { cores: weighted / knownMs, knownMs } : undefined
  }

  /** What it does after a rise raises its baseline: for a minute it is held against what was usual before. */
  #riseOf({ cores, fromMs, toMs }: Point, baseline: Baseline | undefined): Rise | undefined {
    const isKnown = baseline !== undefined && baseline.knownMs >= baselineNeedsMs
    const usualCores = isKnown ? baseline.cores : 0
    const before = this.#risen?.isKnown ? this.#risen : undefined
    if ((isKnown || this.#isNew) && hasRisenFrom(usualCores, cores)) {
      return before ?? { usualCores, sinceMs: fromMs, isKnown }
    }
    const isStill = before && toMs - before.sinceMs < baselineMs && hasRisenFrom(before.usualCores, cores)
    return isStill ? before : undefined
  }

  #meanSince(fromMs: number): number {
    let weighted = 0
    let span = 0
    for (const point of this.#points) {
      if (point.fromMs < fromMs) continue
      weighted += point.cores * (point.toMs - point.fromMs)
      span += point.toMs - point.fromMs
    }
    return span > 0 ? weighted / span : 0
  }

  /**
   * Walks back from where the threshold was crossed to where usage was still normal. The first reading of the rise
   * averages quiet and busy time: how it compares with the next one tells where in it the rise was.
   */
  #onset(crossedMs: number, baselineCores: number, nowCores: number): number {
    const points = this.#points
    const normal = baselineCores + (nowCores - baselineCores) * 0.1
    let first = points.findIndex((point) => point.fromMs >= crossedMs)
    while (first > 0 && (points[first - 1] as Point).cores > normal) first--
    const { fromMs, toMs, cores } = points[first] as Point
    const risen = (points[first + 1]?.cores ?? cores) - baselineCores
    const busyShare = Math.min(1, Math.max(0, (cores - baselineCores) / Math.max(risen, 1e-9)))
    return toMs - busyShare * (toMs - fromMs)
  }
}

const hasRisenFrom = (usualCores: number, cores: number): boolean =>
  cores >= Math.max(usualCores * risenFactor, usualCores + risenCores)

function withReading({ sinceMs, lastMs, spanMs, used, wanted }: Want, point: Point, levelCores: number): Want {
  const ms = point.toMs - point.fromMs
  return {
    sinceMs,
    lastMs: wantedOf(point) >= levelCores ? point.toMs : lastMs,
    spanMs: spanMs + ms,
    used: used + point.cores * ms,
    wanted: wanted + wantedOf(point) * ms,
  }
}

/** What it used and what it would have used besides. */
const wantedOf = ({ cores, waitingCores = 0 }: Point): number => cores + waitingCores
