// The part of a profile that the options ask for: which values, which samples.
import type { Options } from '../config.ts'
import { nearest } from '../lib/nearest.ts'
import { printDurationMs } from '../lib/units.ts'
import { Failure } from '../model/errors.ts'
import { splitByLine } from '../profile/by-line.ts'
import { type Owner, ownersByPid, printOwners } from '../profile/owners.ts'
import type { Profile } from '../profile/profile.ts'
import { labelText } from '../profile/roots.ts'
import { labelTest, type SampleFilter, selectSamples } from '../profile/select.ts'
import { dropUninteresting, type FrameFilter, filterFrames } from '../profile/transform.ts'
import { note } from './output.ts'
import { toRegExp } from './regex.ts'

export interface ProfileView {
  readonly profile: Profile
  /** Index into the sample types. */
  readonly sampleType: number
}

type Wishes = Pick<
  Options,
  'lines' | 'sampleType' | 'focus' | 'ignore' | 'hide' | 'show' | 'labels' | 'fromMs' | 'untilMs'
>

/**
 * @throws Failure USAGE for a value type or a pattern that cannot be, EMPTY when no sample is left
 */
export function viewProfile(whole: Profile, options: Wishes): ProfileView {
  const sampleType = findSampleType(whole, options.sampleType)
  const filter: SampleFilter = {
    ...(options.focus === undefined ? {} : { focus: toRegExp('--focus', options.focus) }),
    ...(options.ignore === undefined ? {} : { ignore: toRegExp('--ignore', options.ignore) }),
    ...(options.labels === undefined ? {} : { labels: parseLabels(options.labels) }),
    ...(options.fromMs === undefined ? {} : { fromMs: options.fromMs }),
    ...(options.untilMs === undefined ? {} : { toMs: options.untilMs }),
  }
  if (filter.fromMs !== undefined && filter.toMs !== undefined && filter.toMs <= filter.fromMs) {
    throw new Failure('USAGE', '--until is not later than --from')
  }
  const frames: FrameFilter = {
    ...(options.hide === undefined ? {} : { hide: toRegExp('--hide', options.hide) }),
    ...(options.show === undefined ? {} : { show: toRegExp('--show', options.show) }),
  }
  sayOwners(whole, filter)
  if (Object.keys(filter).length + Object.keys(frames).length === 0) return { profile: whole, sampleType }
  if ((filter.fromMs !== undefined || filter.toMs !== undefined) && !whole.samples.offsetMs) {
    throw new Failure(
      'USAGE',
      'this format does not know when its samples were taken, so --from and --until cannot select',
    )
  }
  const profile = filterFrames(selectSamples(whole, filter), frames)
  if (profile.samples.length === 0 && whole.samples.length > 0) {
    throw new Failure(
      'EMPTY',
      `none of the ${whole.samples.length} samples is left by the options${labelHint(whole, filter)}${timeHint(whole, filter)}`,
    )
  }
  return { profile, sampleType }
}

/**
 * The same for tables and pictures: without what the profile itself calls uninteresting (pprof's drop_frames), such as
 * the allocator in a heap profile. With --lines functions are told apart by line, after everything was selected by name.
 */
export function viewForPeople(whole: Profile, options: Wishes): ProfileView {
  const view = viewProfile(dropUninteresting(whole), options)
  return options.lines ? { ...view, profile: splitByLine(view.profile) } : view
}

function findSampleType({ sampleTypes, defaultType }: Profile, wanted: string | undefined): number {
  if (wanted === undefined) return defaultType
  const found = sampleTypes.findIndex(({ type, unit }) => type === wanted || `${type}/${unit}` === wanted)
  if (found >= 0) return found
  const names = sampleTypes.map(({ type }) => type)
  const near = nearest(wanted, names)
  throw new Failure(
    'USAGE',
    `there are no values "${wanted}" in it${near ? `; did you mean "${near}"?` : `; it has ${names.join(', ')}`}`,
  )
}

/** `pid=4242,comm=redis-server`; a blank after the comma is not part of the key. */
function parseLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw new Failure('USAGE', `--label ${text}: expected KEY=VALUE, not "${pair}"`)
      return [pair.slice(0, at).trim(), pair.slice(at + 1)]
    }),
  )
}

/** A PID that was given again while it was recorded is several processes: which ones, and how to see one of them. */
function sayOwners(profile: Profile, { labels }: SampleFilter): void {
  if (labels?.pid === undefined || labels.owner !== undefined || labels.family !== undefined) return
  const owners = ownersByPid(profile).get(Number(labels.pid)) ?? []
  if (owners.length < 2) return
  note(`PID ${labels.pid} was given again: ${printOwners(profile, owners, labelOf)}; --label ${labelExample(owners)}`)
}

/** `owner=2` */
const labelOf = ({ labels }: Owner): string =>
  Object.entries(labels)
    .filter(([key]) => key !== 'pid')
    .map(([key, value]) => `${key}=${value}`)
    .join()
const labelExample = ([first]: readonly Owner[]): string => `pid=${first!.pid},${labelOf(first!)} shows one of them`

/** Names the values of the first label that leaves nothing, because a person seldom knows them. */
function labelHint(profile: Profile, { labels = {} }: SampleFilter): string {
  let left = profile.labelSets
  let of = ''
  for (const [key, value] of Object.entries(labels)) {
    const matching = left.filter(labelTest({ [key]: value }))
    if (matching.length === 0) return printValues(profile, { key, pid: Number(labels.pid), left, of })
    left = matching
    of += `${of ? ',' : ' of '}${key}=${value}`
  }
  return ''
}

/** A range behind the end of the recording is a common slip. */
function timeHint({ samples }: Profile, { fromMs = 0 }: SampleFilter): string {
  const lastMs = samples.offsetMs?.reduce((last, ms) => Math.max(last, ms), 0) ?? 0
  return fromMs > lastMs ? `; the last of them was taken ${printDurationMs(lastMs)} after the beginning` : ''
}

type Missed = { key: string; pid: number; left: Profile['labelSets']; of: string }

function printValues(profile: Profile, { key, pid, left, of }: Missed): string {
  const owners = key === 'owner' || key === 'family' ? (ownersByPid(profile).get(pid) ?? []) : []
  if (owners.length > 0) return `; owners of PID ${pid}: ${printOwners(profile, owners, labelOf)}`
  const values = new Set(left.flatMap((set) => labelText(set, key) ?? []))
  if (values.size === 0) return `; samples${of || ' here'} have no label "${key}"`
  return `; "${key}"${of} is one of ${[...values].slice(0, 8).join(', ')}${values.size > 8 ? ', …' : ''}`
}
