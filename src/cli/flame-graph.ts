// One profile as a flame graph: the tree that the options ask for, and the words around it.
import type { Options } from '../config.ts'
import { drawnShare, renderSvg } from '../flame/svg.ts'
import { printValue } from '../flame/value.ts'
import { Failure } from '../model/errors.ts'
import { buildCallTree, type CallTree } from '../profile/call-tree.ts'
import { wordsOf } from '../profile/int64.ts'
import { sandwichOf } from '../profile/sandwich.ts'
import { flattenRecursion, growthOf } from '../profile/tree-transform.ts'
import { describeLosses, describeProfile } from './describe-profile.ts'
import { rowsOfFunction } from './neighbours.ts'
import type { ProfileView } from './profile-view.ts'

export type TreeWishes = Partial<Pick<Options, 'of' | 'rootBy' | 'invert' | 'flatten'>>

interface Drawing extends TreeWishes {
  /** What the profile is called. */
  readonly name: string
  /** The name, where absent. */
  readonly title?: string | undefined
}

/**
 * @returns the text of an SVG file
 * @throws Failure EMPTY when there is nothing to draw, USAGE for a function that is not in it
 */
export function drawFlameGraph(view: ProfileView, { name, title = name, ...wishes }: Drawing): string {
  const { profile, sampleType } = view
  const { tree, shrunk } = growthOf(treeOf(view, wishes))
  const left = shrunk === 0 ? '' : `${printValue(shrunk, tree.unit)} that shrank: a picture shows what grew`
  if (tree.length <= 1)
    throw new Failure('EMPTY', left ? `${name} has only ${left}; top shows both` : `${name} has no samples`)
  return renderSvg(tree, {
    title,
    subtitle: describeProfile(profile, sampleType, tree.total[0]!),
    provenance: [...(left ? [`without ${left}`] : []), describeLosses(profile)].filter(Boolean).join(' · '),
  })
}

function treeOf({ profile, sampleType }: ProfileView, wishes: TreeWishes): CallTree {
  const { of, rootBy = 'none', invert = false, flatten = false } = wishes
  // What is too light to be seen may not be when its turns are one, or when it is all that is drawn; and what cancels
  // out in a difference is light.
  const isWhole = of !== undefined || flatten || isDifference(profile.samples.values[sampleType]!)
  const built = buildCallTree(profile, {
    sampleType,
    rootBy,
    invert: invert && of === undefined,
    leastShare: isWhole ? 0 : drawnShare,
  })
  const tree = flatten ? flattenRecursion(built) : built
  if (of === undefined) return tree
  const { callers, callees } = sandwichOf(tree, rowsOfFunction(tree, of))
  return invert ? callers : callees
}

/** By the sign in the high word: a BigInt for each of 600 000 samples costs more than all else here. */
function isDifference(values: BigInt64Array): boolean {
  const words = wordsOf(values)
  for (let high = 1; high < words.length; high += 2) if ((words[high] as number) < 0) return true
  return false
}
