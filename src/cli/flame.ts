// `spikecam flame`: a flame graph as one file that opens anywhere.
import { basename } from 'node:path'
import type { Config } from '../config.ts'
import { Failure } from '../model/errors.ts'
import { drawFlameGraph } from './flame-graph.ts'
import { readOutput, writeBytes } from './output.ts'
import { pictureAs } from './picture.ts'
import { viewForPeople } from './profile-view.ts'
import { exitOf, readProfile } from './read-profile.ts'

export async function runFlame({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, [], { files: true })
  const place = output && 'file' in output ? output.file : '-'
  refuseOtherForms(place)
  const source = await readProfile(args[0]!, options)
  const svg = drawFlameGraph(viewForPeople(source.profile, options), { ...options, name: source.name })
  const picture = pictureAs(place.replace(/\.gz$/, ''), svg, options.title ?? source.name)
  // Loaded only where it is wanted: a small recording is drawn in the time of some modules.
  const isPacked = place.endsWith('.gz')
  await writeBytes(place, isPacked ? (await import('./packed.ts')).packed(place, picture) : picture)
  return exitOf(source.profile)
}

/** An SVG that is called .png opens nowhere. @throws Failure USAGE */
function refuseOtherForms(place: string): void {
  const end = /\.[a-z]\w*$/i.exec(place.replace(/\.gz$/, ''))?.[0]
  if (end === undefined || /^\.(svg|html?)$/i.test(end)) return
  throw new Failure(
    'USAGE',
    `the name ${basename(place)} is no picture's: end it in .svg or .html, or use convert for another format`,
  )
}
