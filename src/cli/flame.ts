// `spikecam flame`: a flame graph as one file that opens anywhere.
import type { Config } from '../config.ts'
import { drawFlameGraph } from './flame-graph.ts'
import { readOutput, writeBytes } from './output.ts'
import { pictureAs } from './picture.ts'
import { viewForPeople } from './profile-view.ts'
import { exitOf, readProfile } from './read-profile.ts'

export async function runFlame({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, [], { files: true })
  const place = output && 'file' in output ? output.file : '-'
  const source = await readProfile(args[0]!, options)
  const svg = drawFlameGraph(viewForPeople(source.profile, options), { ...options, name: source.name })
  await writeBytes(place, pictureAs(place, svg, options.title ?? source.name))
  return exitOf(source.profile)
}
