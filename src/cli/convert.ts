// `spikecam convert`: profiles in, one profile of another format out.
import { basename } from 'node:path'
import type { Config, Options } from '../config.ts'
import { nearest } from '../lib/nearest.ts'
import { exitCodes, Failure } from '../model/errors.ts'
import { formatOfName, formats } from '../profile/formats.ts'
import { ProfileMerger } from '../profile/merge.ts'
import type { Profile } from '../profile/profile.ts'
import { type DumpForm, dumpForms, readDump } from './dumps.ts'
import { drawFlameGraph } from './flame-graph.ts'
import { writeBytes } from './output.ts'
import { packed } from './packed.ts'
import { pictureAs } from './picture.ts'
import { type ProfileView, viewProfile } from './profile-view.ts'
import { exitOf, readProfile, refuseStdinTwice } from './read-profile.ts'

type Written = string | Uint8Array | Promise<Uint8Array>

/** Something to write: the formats that can be written, and the pictures. */
interface Target {
  readonly name: string
  readonly extensions: readonly string[]
  write(view: ProfileView, title: string): Written
}

const targets: readonly Target[] = [
  ...formats.flatMap(({ name, extensions, write }) =>
    write
      ? [{ name, extensions, write: ({ profile, sampleType }: ProfileView) => write(withDefault(profile, sampleType)) }]
      : [],
  ),
  { name: 'svg', extensions: ['.svg'], write: drawSvg },
  {
    name: 'html',
    extensions: ['.html', '.htm'],
    write: (view, title) => pictureAs('.html', drawSvg(view, title), title),
  },
]

export async function runConvert({ args, options }: Config): Promise<number> {
  const inputs = args.length > 1 ? args.slice(0, -1) : args
  refuseStdinTwice(inputs)
  const place = args.length > 1 ? args.at(-1)! : '-'
  const dumpForm = findDumpForm(place, options.to)
  if (dumpForm && inputs.length === 1) {
    const { text, isPartial } = await readDump(inputs[0]!, dumpForm)
    await writeBytes(place, packed(place, text))
    return isPartial ? exitCodes.partial : 0
  }
  const target = findTarget(place, options.to)
  const { profile, name } = await readAll(inputs, options)
  const view = viewProfile(profile, options)
  await writeBytes(place, packed(place, await target.write(view, name)))
  return exitOf(profile)
}

/** One profile as it is; several merged one after the other. */
async function readAll(inputs: readonly string[], options: Options): Promise<{ profile: Profile; name: string }> {
  if (inputs.length === 1) return readProfile(inputs[0]!, { ...options, keepsAddresses: true })
  const merger = new ProfileMerger()
  for (const input of inputs) {
    const { profile } = await readProfile(input, { ...options, keepsAddresses: true })
    merger.add(profile, input)
  }
  return { profile: merger.build(), name: `${inputs.length} profiles` }
}

/** `threads.json`, `goroutines.txt`, `--to json`: of dumps, which say more than a profile can hold. */
function findDumpForm(place: string, to: Options['to']): DumpForm | undefined {
  if (to !== undefined) return dumpForms.find((form) => form === to)
  const name = place.toLowerCase().replace(/\.gz$/, '')
  if (targets.some(({ extensions }) => extensions.some((end) => name.endsWith(end)))) return undefined
  return name.endsWith('.json') ? 'json' : name.endsWith('.txt') ? 'text' : undefined
}

/** @throws Failure USAGE that lists what can be written */
function findTarget(place: string, to: Options['to']): Target {
  const known = [...targets.map(({ name }) => name), ...dumpForms]
  if (to !== undefined) {
    const found = targets.find(({ name }) => name === to)
    if (found) return found
    const near = nearest(to, known)
    throw new Failure('USAGE', `--to ${to}: ${near ? `did you mean ${near}?` : `there is ${known.join(', ')}`}`)
  }
  const name = place.toLowerCase()
  const plain = name.replace(/\.gz$/, '')
  const found = targets.find(({ extensions }) => extensions.some((end) => name.endsWith(end) || plain.endsWith(end)))
  if (found) return found
  if (place === '-') throw new Failure('USAGE', `say with --to what to write: ${known.join(', ')}`)
  const readable = formatOfName(place)
  if (readable)
    throw new Failure('USAGE', `${readable.title} can be read and not written; there is ${known.join(', ')}`)
  const ends = targets.flatMap(({ extensions }) => extensions[0] ?? []).join(', ')
  throw new Failure('USAGE', `the name ${basename(place)} does not say what to write: end it in ${ends}, or use --to`)
}

/** Formats with one kind of values write the one that was asked for. */
const withDefault = (profile: Profile, sampleType: number): Profile =>
  sampleType === profile.defaultType ? profile : { ...profile, defaultType: sampleType }

function drawSvg(view: ProfileView, name: string): string {
  return drawFlameGraph(view, { name })
}
