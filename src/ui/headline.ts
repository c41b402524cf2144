// The first thing that somebody woken at night reads: who burned how much, where in the code, since when, and
// compared with what. From the incident, and from its profile once that is there.
import { functionColumns, hotPath } from '../flame/functions.ts'
import { readableName } from '../flame/label.ts'
import { printCores, toSeconds } from '../flame/value.ts'
import { printDurationMs, printShare } from '../lib/units.ts'
import { kindsWithRing } from '../model/capture.ts'
import type { Incident, TopRow } from '../model/incident.ts'
import { printTarget } from '../model/target.ts'
import type { Slice } from './slice.ts'

export interface Headline {
  /** `node app.js (pid 4242)` */
  readonly who: string
  /** `burned 1.02 cores for 6.1 s`, `is burning 1.28 cores with its children (0.60 alone)` */
  readonly did: string
  /** Heaviest function by self time; undefined while there is no profile. */
  readonly function: { readonly name: string; readonly module: string; readonly share: string } | undefined
  /** Why the function has no name, and what would give it one; undefined where it has. */
  readonly nameless: string | undefined
  /** `36 % below net/http.serve`: where most of it is, when no single function has much of it. */
  readonly mostly: string | undefined
  /** Functions that lead to it, outermost first, at most three. */
  readonly through: readonly string[]
  /** `in thread hot-1 51 %, hot-2 49 %`; undefined without samples of its threads. */
  readonly threads: string | undefined
  /** `40× its normal 0.02 cores`; undefined without a baseline. */
  readonly compared: string | undefined
}

/** @param slice of the incident's own target over the whole spike, or what a probe saw of it */
export function headlineOf(incident: Incident, slice: Slice | undefined): Headline {
  if (slice && !slice.isOfNode) {
    const own = headlineOf(incident, undefined)
    // Of what burned, the CPU stacks have told already; what a probe saw of it is looked at below.
    return incident.asked === undefined && own.function ? own : { ...own, ...functionOf(incident, slice) }
  }
  const { spike } = incident.trigger
  // The recording began after it was over, or none of its samples came through: the watcher saw it all the same.
  if (spike && slice?.samples === 0) return headlineOf(incident, undefined)
  const cores = slice ? coresOf(slice.tree.total[0] ?? 0, slice.tree.unit, slice.duringMs) : spike?.cores
  const base = slice?.tree.base?.total[0]
  // What somebody asked for, or a schedule, began with no rise.
  const hasEpisode = incident.trigger.kind === 'spike' || incident.trigger.kind === 'alert'
  const baseline = slice && base !== undefined ? coresOf(base, slice.tree.unit, slice.duringMs) : spike?.baselineCores
  const lasted = incident.endedMs === undefined ? undefined : printDurationMs(incident.endedMs - incident.onsetMs)
  const alone = slice && hasChildren(slice) ? ` with its children (${printAlone(slice)})` : ''
  const amount = cores === undefined ? 'the CPU' : `${printCores(cores)}${alone}`
  // Without it nobody would see why so little was worth an incident.
  const wanting = spike?.waitingCores ? `, waiting for ${printCores(spike.waitingCores)} more` : ''
  return {
    who: printTarget(incident.target),
    did:
      incident.asked !== undefined && !kindsWithRing.includes(incident.asked)
        ? `was asked for its ${incident.asked}`
        : incident.trigger.kind !== 'spike'
          ? `used ${amount}${lasted ? ` over ${lasted}` : ''}`
          : lasted
            ? `burned ${amount} for ${lasted}${wanting}`
            : `is burning ${amount}${wanting}`,
    ...functionOf(incident, slice),
    threads: printThreads(incident),
    compared: cores === undefined || baseline === undefined || !hasEpisode ? undefined : compare(cores, baseline),
  }
}

function printThreads({ threads = [] }: Incident): string | undefined {
  if (threads.length === 0) return undefined
  const each = threads.map(({ name, share }) => `${name} ${printShare(share, 1)}`)
  return `in ${threads.length === 1 ? 'thread' : 'threads'} ${each.join(', ')}`
}

function functionOf(
  incident: Incident,
  slice: Slice | undefined,
): Pick<Headline, 'function' | 'nameless' | 'mostly' | 'through'> {
  // All that wait are in the same function of Go's scheduler; where most of them began tells them apart.
  if (incident.asked === 'goroutines') {
    return { function: slice && commonRoot(slice), nameless: undefined, mostly: undefined, through: [] }
  }
  const top = (slice && heaviest(slice)) ?? fromIncident(incident.top[0])
  const mostly = slice && mostlyOf(slice)
  return {
    function: top,
    nameless: top && whyNameless(top),
    mostly,
    through: slice && !mostly ? callersOf(slice, top?.name) : [],
  }
}

/** A function with more of the time than this is the answer; else it is the last of the hottest way with that much. */
const muchShare = 1 / 3

function mostlyOf({ tree }: Slice): string | undefined {
  const whole = tree.total[0] ?? 0
  const nameOf = (node: number): string => readableName(tree.frames.name[tree.frame[node]!]!)
  if (functionColumns(tree).self.some((self) => self >= whole * muchShare)) return undefined
  const node = hotPath(tree).findLast((at) => tree.total[at]! >= whole * muchShare && !nameOf(at).startsWith('['))
  return node === undefined ? undefined : `${printShare(tree.total[node]!, whole)} below ${nameOf(node)}`
}

/** `[jit]`, or `[libcrypto.so.3]` for what lies in that file. */
function whyNameless({ name, module }: { name: string; module: string }): string | undefined {
  if (name === '[jit]') return 'compiled at run time, and no perf map names it (as node --perf-basic-prof writes one)'
  return name === '[unknown]' || name === `[${module.split('/').at(-1)}]`
    ? 'its program has no symbols here'
    : undefined
}

function commonRoot({ tree }: Slice): Headline['function'] {
  const [node] = hotPath(tree)
  if (node === undefined) return undefined
  const row = tree.frame[node]!
  return {
    name: readableName(tree.frames.name[row]!),
    module: tree.frames.module[row]!,
    share: printShare(tree.total[node]!, tree.total[0] ?? 0),
  }
}

/** Less than this of the CPU is not worth a word. */
const leastChildren = 0.02

/** True where what the target forked used CPU too, which the chart of the target alone does not have. */
export const hasChildren = ({ ofChildren, tree }: Slice): boolean => ofChildren > (tree.total[0] ?? 0) * leastChildren

/** `0.60 alone`: what the chart shows of it. */
const printAlone = ({ ofChildren, tree, duringMs }: Slice): string =>
  `${printCores(coresOf((tree.total[0] ?? 0) - ofChildren, tree.unit, duringMs)).replace(/ cores?$/, '')} alone`

/** CPU time over a span as cores: 1 = one core busy all the time; 0 for units that are no time. */
export function coresOf(value: number, unit: string, spanMs: number): number {
  return spanMs > 0 ? ((toSeconds(value, unit) ?? 0) * 1000) / spanMs : 0
}

function compare(cores: number, baseline: number): string {
  // Below a hundredth of a core a ratio is about noise.
  if (baseline < 0.01) return 'was idle before'
  const ratio = cores / baseline
  const times = ratio >= 10 ? Math.round(ratio) : Number(ratio.toPrecision(2))
  return `${times}× its normal ${printCores(baseline)}`
}

function heaviest({ tree }: Slice): Headline['function'] {
  const { self } = functionColumns(tree)
  let best = -1
  for (let row = 0; row < self.length; row++) if (self[row]! > (self[best] ?? 0)) best = row
  if (best < 0) return undefined
  return {
    name: readableName(tree.frames.name[best]!),
    module: tree.frames.module[best]!,
    share: printShare(self[best]!, tree.total[0] ?? 0),
  }
}

function fromIncident(row: TopRow | undefined): Headline['function'] {
  return row && { name: readableName(row.function), module: row.module ?? '', share: printShare(row.selfShare, 1) }
}

/** The functions right above the heaviest one on the hottest way, each once, outermost first. */
function callersOf({ tree }: Slice, name: string | undefined): string[] {
  const names = hotPath(tree).map((node) => readableName(tree.frames.name[tree.frame[node]!]!))
  const at = name === undefined ? -1 : names.lastIndexOf(name)
  if (at < 0) return []
  const above: string[] = []
  for (let i = at - 1; i >= 0 && above.length < 3; i--) {
    // `[unknown]` and `[jit]` name no function.
    if (names[i] !== name && names[i] !== above[0] && !names[i]!.startsWith('[')) above.unshift(names[i]!)
  }
  return above
}
