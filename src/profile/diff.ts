// Two profiles compared: functions whose share changed, with a mark where that is more than chance; and pprof's
// difference, one profile minus another. The tree with both is `diffTrees` in call-tree.ts.
import { Failure } from '../model/errors.ts'
import type { FrameKind } from './frame-kind.ts'
import { toNumbers } from './int64.ts'
import { checkCompatible, mergeProfiles } from './merge.ts'
import { pickSamples } from './pick-samples.ts'
import type { Label, Profile } from './profile.ts'
import { sampleCounts } from './sample-counts.ts'
import { deviations, isSignificant } from './significance.ts'
import { type TopFunction, topFunctions } from './top.ts'

export interface Side {
  /** In the unit of the sample type. */
  readonly self: number
  readonly total: number
  /** Of all samples of this side, 0 to 1. */
  readonly selfShare: number
  readonly totalShare: number
}

export interface ChangedFunction {
  readonly function: string
  readonly module: string
  readonly kind: FrameKind
  readonly before: Side
  readonly during: Side
  /** During minus before, in shares: 0.25 is 25 percentage points more. */
  readonly selfChange: number
  readonly totalChange: number
  /** Whether the change of self or total is more than chance; false where nothing says how many samples there were. */
  readonly isSignificant: boolean
  /** Standard deviations of the clearer of the two; 0 where there are too few samples to say. */
  readonly deviations: number
}

export interface ProfileDiff {
  /** Significant changes first, then the largest change of self share, then of total share. */
  readonly functions: readonly ChangedFunction[]
  readonly unit: string
  /** What 100 % is on each side. */
  readonly beforeTotal: number
  readonly duringTotal: number
}

/** @throws Failure INCOMPATIBLE where `during` has no sample type of the same name and unit */
export function diffFunctions(
  before: Profile,
  during: Profile,
  { sampleType = during.defaultType }: { sampleType?: number } = {},
): ProfileDiff {
  const wanted = during.sampleTypes[sampleType]
  const beforeType = before.sampleTypes.findIndex(({ type, unit }) => type === wanted?.type && unit === wanted?.unit)
  if (beforeType < 0) checkCompatible(before, during, 'the second')
  if (beforeType < 0 || !wanted) throw new Failure('INCOMPATIBLE', 'The profiles have no sample type in common.')
  const left = countBoth(before, beforeType)
  const right = countBoth(during, sampleType)
  const names = new Set([...left.values.keys(), ...right.values.keys()])
  const functions = [...names].map((name): ChangedFunction => {
    const sides = { before: sideOf(left, name), during: sideOf(right, name) }
    const counts = (of: 'self' | 'total') => ({
      before: left.counts.get(name)?.[of] ?? 0,
      beforeTotal: left.countTotal,
      during: right.counts.get(name)?.[of] ?? 0,
      duringTotal: right.countTotal,
    })
    const [self, total] = [counts('self'), counts('total')]
    const [selfDeviations, totalDeviations] = [deviations(self), deviations(total)]
    const known = (right.values.get(name) ?? left.values.get(name)) as TopFunction
    return {
      function: name,
      module: known.module,
      kind: known.kind,
      ...sides,
      selfChange: sides.during.selfShare - sides.before.selfShare,
      totalChange: sides.during.totalShare - sides.before.totalShare,
      isSignificant: isSignificant(self) || isSignificant(total),
      deviations: Math.abs(selfDeviations) >= Math.abs(totalDeviations) ? selfDeviations : totalDeviations,
    }
  })
  functions.sort(
    (a, b) =>
      Number(b.isSignificant) - Number(a.isSignificant) ||
      Math.abs(b.selfChange) - Math.abs(a.selfChange) ||
      Math.abs(b.totalChange) - Math.abs(a.totalChange) ||
      (a.function < b.function ? -1 : 1),
  )
  return { functions, unit: wanted.unit, beforeTotal: left.valueTotal, duringTotal: right.valueTotal }
}

interface Counted {
  readonly values: ReadonlyMap<string, TopFunction>
  readonly valueTotal: number
  /** In samples. */
  readonly counts: ReadonlyMap<string, TopFunction>
  readonly countTotal: number
}

function countBoth(profile: Profile, sampleType: number): Counted {
  const values = topFunctions(profile, { sampleType })
  const counts = topFunctions(withCounts(profile, sampleType), { sampleType: 0 })
  const byName = ({ functions }: { functions: readonly TopFunction[] }): Map<string, TopFunction> =>
    new Map(functions.map((row) => [row.function, row]))
  return { values: byName(values), valueTotal: values.total, counts: byName(counts), countTotal: counts.total }
}

/** The profile with one column: how many samples were taken for each row; of none where that is not known. */
function withCounts(profile: Profile, sampleType: number): Profile {
  const { samples } = profile
  return {
    ...profile,
    sampleTypes: [{ type: 'samples', unit: 'count' }],
    samples: { ...samples, values: [sampleCounts(profile, sampleType)] },
  }
}

function sideOf({ values, valueTotal }: Counted, name: string): Side {
  const { self = 0, total = 0 } = values.get(name) ?? {}
  const share = (value: number): number => (valueTotal > 0 ? value / valueTotal : 0)
  return { self, total, selfShare: share(self), totalShare: share(total) }
}

export interface SubtractOptions {
  /** Scale `profile` so that each of its sums equals that of the base, as pprof's -normalize. */
  readonly normalize?: boolean
  /** Mark the base's samples with the label pprof::base, as -diff_base: shares then refer to the base. */
  readonly marksBase?: boolean
}

/**
 * `profile` minus `base`, as pprof's -base and -diff_base: negative values where the base has more.
 * @throws Failure INCOMPATIBLE naming both sample types
 */
export function subtractProfile(profile: Profile, base: Profile, options: SubtractOptions = {}): Profile {
  checkCompatible(profile, base, 'the base')
  const scaled = options.normalize ? scaleProfile(profile, normalRatios(profile, base)) : profile
  const marked = options.marksBase ? labelAll(base, { key: 'pprof::base', str: 'true' }) : base
  const negated = { ...marked, samples: { ...marked.samples, values: marked.samples.values.map(negate) } }
  return mergeProfiles([scaled, negated])
}

const negate = (column: BigInt64Array): BigInt64Array => column.map((value) => -value)

function normalRatios(profile: Profile, base: Profile): number[] {
  return profile.samples.values.map((column, i) => {
    const sum = column.reduce((total, value) => total + value, 0n)
    const baseSum = base.samples.values[i]!.reduce((total, value) => total + value, 0n)
    return sum === 0n ? 0 : Number(baseSum) / Number(sum)
  })
}

/** Multiplies each column; halves round away from zero, as Go rounds. Rows that become 0 are dropped. */
export function scaleProfile(profile: Profile, ratios: readonly number[]): Profile {
  const values = profile.samples.values.map((column, i) => {
    const ratio = ratios[i] ?? 1
    if (ratio === 1) return column
    return BigInt64Array.from(toNumbers(column), (value) => BigInt(roundAwayFromZero(value * ratio)))
  })
  const rows = Uint32Array.from(profile.samples.stack.keys()).filter((row) =>
    values.some((column) => column[row] !== 0n),
  )
  return { ...profile, samples: pickSamples({ ...profile.samples, values }, rows) }
}

/** Math.round takes -0.5 to 0; Go takes it to -1. */
function roundAwayFromZero(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value))
}

/** Sets a label on every sample, in place of one of the same key. */
function labelAll(profile: Profile, label: Label): Profile {
  const labelSets = profile.labelSets.map((set) => [...set.filter(({ key }) => key !== label.key), label])
  return { ...profile, labelSets }
}
