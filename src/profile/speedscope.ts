// speedscope's JSON, which py-spy, samply, rbspy and many converters write: a table of frames and one profile per thread.
//   {"$schema": "https://www.speedscope.app/file-format-schema.json",
//    "shared": {"frames": [{"name": "main", "file": "app.py", "line": 3, "col": 1}, {"name": "parse"}]},
//    "profiles": [
//      {"type": "sampled", "name": "Thread 13", "unit": "seconds", "startValue": 0, "endValue": 0.02,
//       "samples": [[0, 1], [0]], "weights": [0.01, 0.01]},
//      {"type": "evented", "name": "main", "unit": "milliseconds", "startValue": 0, "endValue": 9,
//       "events": [{"type": "O", "frame": 0, "at": 0}, {"type": "C", "frame": 0, "at": 9}]}]}
// Stacks are root first. Format: https://github.com/jlfwong/speedscope/blob/main/src/lib/file-format-spec.ts
import { Failure } from '../model/errors.ts'
import { cutOff, isArray, isObject, type Json, type JsonObject, readJson } from './bounded-json.ts'
import { ProfileBuilder } from './builder.ts'
import { readRemarks } from './carried-losses.ts'
import { finite, wholeNanos } from './cpuprofile.ts'
import type { Label, Profile, ValueType } from './profile.ts'
import { StackBudget } from './stack-budget.ts'
import { headText } from './text-lines.ts'

export function matchesSpeedscope(head: Uint8Array): boolean {
  const text = headText(head)
  if (!/^\s*\{/.test(text)) return false
  if (/"\$schema"\s*:\s*"https?:\/\/www\.speedscope\.app\//.test(text)) return true
  return /"type"\s*:\s*"(?:sampled|evented)"/.test(text) && /"(?:startValue|endValue)"\s*:/.test(text)
}

const time: ValueType = { type: 'time', unit: 'nanoseconds' }
/** Units of the format: as what we keep them, and how many of ours one is. */
const units: Record<string, { readonly as: ValueType; readonly times: number }> = {
  nanoseconds: { as: time, times: 1 },
  microseconds: { as: time, times: 1e3 },
  milliseconds: { as: time, times: 1e6 },
  seconds: { as: time, times: 1e9 },
  bytes: { as: { type: 'space', unit: 'bytes' }, times: 1 },
  none: { as: { type: 'samples', unit: 'count' }, times: 1 },
}

/**
 * One sample per sample; of events, one per span between two of them. Times become nanoseconds. Label `comm` is the
 * name of the thread's profile; `profile` tells those of equal names apart.
 * @throws Failure NOT_A_PROFILE when it is not JSON of this form, TOO_LARGE when events mean too many frames
 */
export function parseSpeedscope(bytes: Uint8Array): Profile {
  const file = readJson(bytes)
  const { json } = file
  const shared = isObject(json) && isObject(json.shared) ? json.shared : {}
  if (!isObject(json) || !isArray(json.profiles) || !isArray(shared.frames)) {
    throw new Failure('NOT_A_PROFILE', 'There are no lists `profiles` and `shared.frames` in it.')
  }
  const profiles = json.profiles.filter((profile) => isObject(profile))
  const reader = new SpeedscopeReader(shared.frames, profiles, new StackBudget(bytes.length))
  const { comments, losses } = readRemarks(json)
  reader.builder.addLosses([...losses, cutOff(file)])
  const name = typeof json.name === 'string' && json.name !== '' ? [json.name] : []
  // The name of a file that we wrote may be one of its comments.
  reader.builder.comments.push(...new Set([...name, ...comments]))
  return reader.read(finite(json.activeProfileIndex))
}

class SpeedscopeReader {
  readonly builder: ProfileBuilder
  private readonly types: ValueType[]
  private readonly profiles: readonly JsonObject[]
  private readonly budget: StackBudget
  private readonly frames: number[]
  /** Start of the earliest thread, in nanoseconds. */
  private readonly startNanos: number
  /** Of the profile at hand. */
  private column = 0
  private times = 1
  private labels = 0
  private rounded = 0
  private notHeld = 0
  private unknownFrames = 0
  private outOfOrder = 0

  constructor(frames: readonly Json[], profiles: readonly JsonObject[], budget: StackBudget) {
    this.profiles = profiles
    this.budget = budget
    const types = profiles.length === 0 ? [unitOf({}).as] : profiles.map(typeOf)
    this.types = types.filter((one, i) => types.findIndex((other) => isSameType(one, other)) === i)
    this.builder = new ProfileBuilder(this.types)
    this.frames = frames.map((frame) => this.internFrame(frame))
    const starts = profiles
      .filter((profile) => isTime(profile))
      .map((profile) => fitting(profile.startValue) * unitOf(profile).times)
    this.startNanos = starts.reduce((first, start) => Math.min(first, start), starts[0] ?? 0)
  }

  read(active: number): Profile {
    const { builder, profiles } = this
    const seen = new Map<string, number>()
    let endNanos = this.startNanos
    for (const profile of profiles) {
      const { times } = unitOf(profile)
      this.column = this.columnOf(profile)
      this.times = times
      this.labels = builder.internLabels(labelsOf(profile, seen))
      const start = fitting(profile.startValue)
      const end = profile.type === 'evented' ? this.readEvents(profile, start) : this.readSamples(profile, start)
      if (isTime(profile)) endNanos = Math.max(endNanos, Math.max(end, fitting(profile.endValue)) * times)
    }
    builder.durationNanos = wholeNanos(endNanos - this.startNanos)
    const shown = profiles[active] ?? profiles[0]
    builder.defaultType = Math.max(0, this.columnOf(shown ?? {}))
    builder.addLoss('weights whose fraction was rounded', this.rounded)
    builder.addLoss('weights that are no numbers of 64 bits, left out', this.notHeld)
    builder.addLoss('frames that the table does not have', this.unknownFrames)
    builder.addLoss('events out of order', this.outOfOrder)
    return builder.build()
  }

  private columnOf(profile: JsonObject): number {
    const wanted = typeOf(profile)
    return this.types.findIndex((type) => isSameType(type, wanted))
  }

  /** The value behind the last sample. */
  private readSamples(profile: JsonObject, start: number): number {
    const samples = isArray(profile.samples) ? profile.samples : []
    const weights = isArray(profile.weights) ? profile.weights : []
    const isTimed = isTime(profile)
    let at = start
    for (let i = 0; i < samples.length; i++) {
      const stack = samples[i]
      const frames = isArray(stack) ? stack : []
      // Without weights each sample counts as one unit.
      const weight = i < weights.length ? this.weight(weights[i]) : 1
      if (isTimed && frames.length === 0) {
        // A pause: nothing ran. Events have none of it either.
        at += weight
        continue
      }
      const locations = new Uint32Array(frames.length)
      for (let j = 0; j < frames.length; j++) locations[frames.length - 1 - j] = this.location(frames[j])
      this.add(this.builder.internStack(locations), weight, at)
      at += weight
    }
    return at
  }

  private weight(value: Json | undefined): number {
    const weight = fitting(value, Number.NaN)
    if (Math.abs(weight * this.times) < tooLarge) return weight
    this.notHeld++
    return 0
  }

  private readEvents(profile: JsonObject, start: number): number {
    /** Root first. */
    const open: number[] = []
    let at = start
    for (const event of isArray(profile.events) ? profile.events : []) {
      if (!isObject(event)) continue
      const next = fitting(event.at, at)
      let isInOrder = next >= at
      if (next > at) {
        if (open.length > 0) this.addOpen(open, next - at, at)
        at = next
      }
      const location = this.location(event.frame)
      if (event.type === 'O') open.push(location)
      else {
        const found = open.lastIndexOf(location)
        isInOrder &&= found >= 0 && found === open.length - 1
        if (found >= 0) open.length = found
      }
      if (!isInOrder) this.outOfOrder++
    }
    const end = fitting(profile.endValue, at)
    if (open.length > 0 && end > at) this.addOpen(open, end - at, at)
    return Math.max(at, end)
  }

  private addOpen(open: readonly number[], weight: number, at: number): void {
    this.budget.spend(open.length)
    this.add(this.builder.internStack(open.toReversed()), this.weight(weight), at)
  }

  private add(stack: number, weight: number, at: number): void {
    const exact = weight * this.times
    const value = Math.round(exact)
    // Seconds with two decimals are whole nanoseconds but for the last bits of the product.
    if (Math.abs(exact - value) > 1e-3) this.rounded++
    const values = this.types.map((_, column) => (column === this.column ? value : 0))
    const isTimed = this.types[this.column]?.unit === time.unit
    const offsetMs = (at * this.times - this.startNanos) / 1e6
    this.builder.addSample(stack, values, { labels: this.labels, ...(isTimed && { offsetMs }) })
  }

  private location(index: Json | undefined): number {
    const location = this.frames[finite(index, -1)]
    if (location !== undefined) return location
    this.unknownFrames++
    return this.builder.internFrame('[unknown]')
  }

  private internFrame(frame: Json): number {
    const { name, file, line, col } = isObject(frame) ? frame : ({} as JsonObject)
    return this.builder.internFrame(typeof name === 'string' ? name : '[unknown]', {
      filename: typeof file === 'string' ? file : '',
      line: Math.max(0, Math.trunc(finite(line))),
      column: Math.max(0, Math.trunc(finite(col))),
    })
  }
}

/** What 64 bits with a sign do not hold. */
const tooLarge = 2 ** 63

/** Times may be nanoseconds since 1970, which are above 2^53: to a quarter of a microsecond. */
const fitting = (value: Json | undefined, fallback = 0): number =>
  typeof value === 'number' && Math.abs(value) < tooLarge ? value : fallback

const isTime = (profile: JsonObject): boolean => unitOf(profile).as === time

function unitOf({ unit }: JsonObject): { as: ValueType; times: number } {
  const known = typeof unit === 'string' && Object.hasOwn(units, unit) ? units[unit] : units.none
  return known as { as: ValueType; times: number }
}

/** What its values are; files that we wrote ourselves also say what they are called. */
function typeOf(profile: JsonObject): ValueType {
  const { as } = unitOf(profile)
  const [type, unit] = isArray(profile.valueType) ? profile.valueType : []
  if (typeof type !== 'string' || typeof unit !== 'string') return as
  return { type, unit: profile.unit === 'none' ? unit : as.unit }
}

const isSameType = (one: ValueType, other: ValueType): boolean => one.type === other.type && one.unit === other.unit

/** Profiles of one name are different threads; in files that we wrote they may be different values of one. */
function labelsOf({ name, thread }: JsonObject, seen: Map<string, number>): Label[] {
  const [ownName, ownNumber] = isArray(thread) ? thread : []
  if (typeof ownName === 'string') return threadLabels(ownName, Math.max(0, Math.trunc(finite(ownNumber))))
  const text = typeof name === 'string' ? name : ''
  const before = seen.get(text) ?? 0
  seen.set(text, before + 1)
  return threadLabels(text, before)
}

function threadLabels(name: string, number: number): Label[] {
  const labels: Label[] = name === '' ? [] : [{ key: 'comm', str: name }]
  return number === 0 ? labels : [...labels, { key: 'profile', num: BigInt(number) }]
}
