// `spikecam top`: the busiest functions of a profile; without a file, the busiest containers.
import { existsSync } from 'node:fs'
import type { Config } from '../config.ts'
import { Failure } from '../model/errors.ts'
import { type Top, topFunctions } from '../profile/top.ts'
import { describeProfile } from './describe-profile.ts'
import { renderFunctions } from './function-table.ts'
import { writeNeighbours } from './neighbours.ts'
import { readOutput, writeForm, writeOut } from './output.ts'
import { type ProfileView, viewForPeople } from './profile-view.ts'
import { exitOf, readProfile } from './read-profile.ts'

export async function runTop(config: Config): Promise<number> {
  const { args, options, given } = config
  const [file] = args
  const isLive = file === undefined || (/^node(\/|$)/.test(file) && !existsSync(file))
  if (isLive) return (await import('./live-top.ts')).runLiveTop(config)
  const output = readOutput(options.output, ['json', 'yaml'])
  const source = await readProfile(file, options)
  const view = viewForPeople(source.profile, options)
  if (options.of !== undefined) {
    await writeNeighbours(view, options.of, config)
    return exitOf(source.profile)
  }
  const top = topFunctions(view.profile, { sampleType: view.sampleType })
  if (top.functions.length === 0) throw new Failure('EMPTY', `${source.name} has no samples`)
  if (output && 'form' in output) {
    const count = given.has('limit') ? options.limit : top.functions.length
    const rows = top.functions
      .slice(0, count)
      .map(({ function: name, self, total }) => ({ function: name, self, total, unit: top.unit }))
    await writeForm(rows, output.form as 'json' | 'yaml')
  } else await writeOut(renderTop(view, top, options.limit))
  return exitOf(source.profile)
}

function renderTop({ profile, sampleType }: ProfileView, top: Top, limit: number): string {
  const rest = top.functions.length - limit
  const more = rest > 0 ? `… and ${rest} more functions; --limit ${top.functions.length} shows all.\n` : ''
  return `${describeProfile(profile, sampleType, top.total)}\n\n${renderFunctions(top, { limit, hasModule: true })}${more}`
}
