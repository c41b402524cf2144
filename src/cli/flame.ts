// `spikecam flame`: a flame graph as one file that opens anywhere.
import type { Config, Options } from '../config.ts'
import { drawnShare, renderSvg } from '../flame/svg.ts'
import { Failure } from '../model/errors.ts'
import { buildCallTree, type CallTree } from '../profile/call-tree.ts'
import { sandwichOf } from '../profile/sandwich.ts'
import { describeLosses, describeProfile } from './describe-profile.ts'
import { rowsOfFunction } from './neighbours.ts'
import { readOutput, writeBytes } from './output.ts'
import { pictureAs } from './picture.ts'
import { type ProfileView, viewForPeople } from './profile-view.ts'
import { exitOf, readProfile } from './read-profile.ts'

export async function runFlame({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, [], { files: true })
  const place = output && 'file' in output ? output.file : '-'
  const source = await readProfile(args[0]!, options)
  const { profile, sampleType } = viewForPeople(source.profile, options)
  const tree = treeOf({ profile, sampleType }, options)
  if (tree.length <= 1) throw new Failure('EMPTY', `${source.name} has no samples`)
  const svg = renderSvg(tree, {
    title: options.title ?? source.name,
    subtitle: describeProfile(profile, sampleType, tree.total[0]!),
    provenance: describeLosses(profile),
  })
  await writeBytes(place, pictureAs(place, svg, options.title ?? source.name))
  return exitOf(source.profile)
}

function treeOf({ profile, sampleType }: ProfileView, { of, rootBy, invert }: Options): CallTree {
  if (of === undefined) return buildCallTree(profile, { sampleType, rootBy, invert, leastShare: drawnShare })
  const whole = buildCallTree(profile, { sampleType, rootBy })
  const { callers, callees } = sandwichOf(whole, rowsOfFunction(whole, of))
  return invert ? callers : callees
}
