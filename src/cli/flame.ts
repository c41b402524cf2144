// `spikecam flame`: a flame graph as one file that opens anywhere.
import type { Config } from '../config.ts'
import { drawnShare, renderSvg } from '../flame/svg.ts'
import { Failure } from '../model/errors.ts'
import { buildCallTree } from '../profile/call-tree.ts'
import { describeLosses, describeProfile } from './describe-profile.ts'
import { readOutput, writeBytes } from './output.ts'
import { pictureAs } from './picture.ts'
import { viewForPeople } from './profile-view.ts'
import { readProfile } from './read-profile.ts'

export async function runFlame({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, [], { files: true })
  const place = output && 'file' in output ? output.file : '-'
  const source = await readProfile(args[0]!, options)
  const { profile, sampleType } = viewForPeople(source.profile, options)
  const tree = buildCallTree(profile, {
    sampleType,
    rootBy: options.rootBy,
    invert: options.invert,
    leastShare: drawnShare,
  })
  if (tree.length <= 1) throw new Failure('EMPTY', `${source.name} has no samples`)
  const svg = renderSvg(tree, {
    title: options.title ?? source.name,
    subtitle: describeProfile(profile, sampleType, tree.total[0]!),
    provenance: describeLosses(profile),
  })
  await writeBytes(place, pictureAs(place, svg, options.title ?? source.name))
  return 0
}
