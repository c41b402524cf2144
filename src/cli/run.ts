// From the command to the file that carries it out; each is loaded only when it is wanted.
import type { CommandName, Config } from '../config.ts'
import { expectShortRun } from './short-run.ts'

/** Resolves to the exit code. Failures are thrown; the program prints them. */
export type Run = (config: Config) => Promise<number>

const runs: Record<Exclude<CommandName, 'up' | 'agent' | 'server'>, () => Promise<Run>> = {
  capture: async () => (await import('./capture.ts')).runCapture,
  convert: async () => (await import('./convert.ts')).runConvert,
  diff: async () => (await import('./diff.ts')).runDiff,
  doctor: async () => (await import('./doctor.ts')).runDoctor,
  download: async () => (await import('./download.ts')).runDownload,
  flame: async () => (await import('./flame.ts')).runFlame,
  get: async () => (await import('./get.ts')).runGet,
  info: async () => (await import('./info.ts')).runInfo,
  list: async () => (await import('./list.ts')).runList,
  note: async () => (await import('./note.ts')).runNote,
  open: async () => (await import('./open.ts')).runOpen,
  pin: async () => (await import('./pin.ts')).runPin,
  ps: async () => (await import('./ps.ts')).runPs,
  ring: async () => (await import('./ring.ts')).runRing,
  rules: async () => (await import('./rules.ts')).runRules,
  stop: async () => (await import('./stop.ts')).runStop,
  top: async () => (await import('./top.ts')).runTop,
  unpin: async () => (await import('./pin.ts')).runUnpin,
  whois: async () => (await import('./whois.ts')).runWhois,
}

export type ClientCommand = keyof typeof runs

export async function runCommand(command: ClientCommand, config: Config): Promise<number> {
  expectShortRun()
  const run = await runs[command]()
  return run(config)
}
