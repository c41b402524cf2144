// `spikecam diff`: two profiles made comparable, as a table of what changed or as a picture.
import type { Config, Options } from '../config.ts'
import type { SampleScale } from '../flame/change.ts'
import { renderSvg } from '../flame/svg.ts'
import { printRatio } from '../flame/value.ts'
import { printShare } from '../lib/units.ts'
import { Failure } from '../model/errors.ts'
import { buildCallTree, type CallTree, diffTrees } from '../profile/call-tree.ts'
import { type ChangedFunction, diffFunctions } from '../profile/diff.ts'
import { printDiffFolded } from '../profile/folded.ts'
import { sampleCount } from '../profile/sample-counts.ts'
import { flattenRecursion } from '../profile/tree-transform.ts'
import { describeProfile } from './describe-profile.ts'
import { readOutput, renderTable, writeBytes, writeForm, writeOut } from './output.ts'
import { pictureAs } from './picture.ts'
import { type ProfileView, viewForPeople } from './profile-view.ts'
import { exitOf, readProfile, refuseStdinTwice } from './read-profile.ts'

export async function runDiff({ args, options, given }: Config): Promise<number> {
  const output = readOutput(options.output, ['json', 'yaml'], { files: true })
  refuseStdinTwice(args)
  const [before, after] = [await readView(args[0]!, options), await readView(args[1]!, options)]
  refuseDifferentTypes(before, after)
  const trees = [before, after].map(({ profile, sampleType }) =>
    buildCallTree(profile, { sampleType, rootBy: options.rootBy, invert: options.invert }),
  ) as [CallTree, CallTree]
  if (trees.some((tree) => tree.length <= 1)) {
    throw new Failure('EMPTY', `${(trees[0].length <= 1 ? before : after).name} has no samples`)
  }
  const difference = diffTrees(...trees)
  const tree = options.flatten ? flattenRecursion(difference) : difference
  const scale = scaleOf(before, after, trees)
  if (output && 'file' in output) {
    await writeBytes(output.file, picture(output.file, { before, after, tree, scale, title: options.title }))
    return exitOf(before.profile, after.profile)
  }
  const { functions, unit } = diffFunctions(before.profile, after.profile, { sampleType: after.sampleType })
  if (output) {
    const rows = functions.map(({ kind: _, ...change }) => ({ ...change, unit }))
    await writeForm(given.has('limit') ? rows.slice(0, options.limit) : rows, output.form as 'json' | 'yaml')
  } else await writeOut(renderChanges(functions, { before, after, limit: options.limit, canMark: scale !== undefined }))
  return exitOf(before.profile, after.profile)
}

interface Side extends ProfileView {
  readonly name: string
}

async function readView(path: string, options: Options): Promise<Side> {
  const { name, profile } = await readProfile(path, options)
  return { name, ...viewForPeople(profile, options) }
}

function refuseDifferentTypes(before: Side, after: Side): void {
  const [one, other] = [before, after].map(({ profile, sampleType }) => profile.sampleTypes[sampleType])
  if (one?.type === other?.type && one?.unit === other?.unit) return
  const print = (side: Side, type: typeof one): string => `${side.name} has ${type?.type} in ${type?.unit}`
  throw new Failure(
    'INCOMPATIBLE',
    `${print(before, one)}, and ${print(after, other)}; choose with --type what both have`,
  )
}

/** Absent where the number of samples is not known: then nothing can be said about chance. */
function scaleOf(before: Side, after: Side, [base, tree]: [CallTree, CallTree]): SampleScale | undefined {
  const counts = [before, after].map(({ profile, sampleType }) => sampleCount(profile, sampleType))
  if (!counts[0] || !counts[1]) return undefined
  // Both weigh the same after scaling, so one sample of `before` weighs as many of `after`.
  return { perSample: tree.total[0]! / counts[1], baseFactor: base.total[0] ? counts[1] / counts[0] : 1 }
}

function renderChanges(
  changes: readonly ChangedFunction[],
  { before, after, limit, canMark }: { before: Side; after: Side; limit: number; canMark: boolean },
): string {
  const right = { align: 'right' as const }
  const columns = [
    { title: 'BEFORE', ...right },
    { title: 'AFTER', ...right },
    { title: 'CHANGE', ...right },
    { title: '', ...right },
    { title: '' },
    { title: 'TOTAL', ...right },
    { title: 'FUNCTION', least: 32 },
    { title: 'MODULE', least: 12 },
  ]
  const rows = changes
    .slice(0, limit)
    .map((change) => [
      printShare(change.before.selfShare, 1),
      printShare(change.during.selfShare, 1),
      printPoints(change.selfChange),
      printRatio(change.during.selfShare, change.before.selfShare),
      change.isSignificant ? '*' : '',
      printPoints(change.totalChange),
      change.function,
      change.module,
    ])
  const rest = changes.length - rows.length
  return [
    `before  ${before.name}: ${describe(before)}`,
    `after   ${after.name}: ${describe(after)}`,
    'Shares of each profile, by what functions used themselves; TOTAL is the change with what they called.',
    canMark
      ? '* is more than chance.'
      : 'What is more than chance is not marked: the profiles do not say how many samples their values are of.',
    '',
    renderTable(columns, rows).trimEnd(),
    ...(rest > 0 ? [`… and ${rest} more functions; --limit ${changes.length} shows all.`] : []),
    '',
  ].join('\n')
}

/** `+12.3`, in percentage points. */
function printPoints(change: number): string {
  const points = change * 100
  return Math.abs(points) < 0.05 ? '0' : `${points > 0 ? '+' : ''}${points.toFixed(1)}`
}

function describe({ profile, sampleType }: Side): string {
  const tree = buildCallTree(profile, { sampleType })
  return describeProfile(profile, sampleType, tree.total[0]!)
}

interface Drawing {
  readonly before: Side
  readonly after: Side
  readonly tree: CallTree
  readonly scale: SampleScale | undefined
  readonly title: string | undefined
}

function picture(place: string, { before, after, tree, scale, title }: Drawing): string | Uint8Array {
  if (/\.(folded|collapsed)$/.test(place) || place === '-') {
    return printDiffFolded(before.profile, after.profile, { sampleType: after.sampleType })
  }
  if (!/\.(svg|html?)$/i.test(place)) {
    throw new Failure('USAGE', `the name ${place} does not say what to write: end it in .svg, .html or .folded`)
  }
  const heading = title ?? `${before.name} → ${after.name}`
  const svg = renderSvg(tree, {
    title: heading,
    subtitle: `before: ${describe(before)}; after: ${describe(after)}`,
    provenance: 'Shares of each profile compared; widths are the second profile, colours the change.',
    ...(scale ? { scale } : {}),
  })
  return pictureAs(place, svg, heading)
}
