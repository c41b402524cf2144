// What `go tool pprof`, the reference for everything that profiles count, says about the same files. Its answers are kept
// under test/fixtures/pprof-reference: asking takes up to half a second each, and not every machine has Go.
// RECORD_PPROF=1 asks again and writes them anew.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = join(import.meta.dirname, 'fixtures/pprof-reference')
export const hasGo = (): boolean => spawnSync('go', ['version']).status === 0

/**
 * The kept answer.
 * @param name of its file: `.pb.gz` for `-proto`, `.txt` for text reports
 * @param args options and files, as on the command line
 */
export function goPprof(name: string, args: readonly string[]): Buffer {
  if (process.env.RECORD_PPROF) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, name), askGoPprof(args))
  }
  return readFileSync(join(folder, name))
}

/** Runs it now. */
export function askGoPprof(args: readonly string[]): Buffer {
  const scratch = mkdtempSync(join(tmpdir(), 'spikecam-go-'))
  try {
    const out = join(scratch, 'out')
    const run = spawnSync('go', ['tool', 'pprof', '-symbolize=none', `-output=${out}`, ...args], {
      encoding: 'utf8',
      env: { ...process.env, PPROF_TMPDIR: scratch, PPROF_BINARY_PATH: scratch },
    })
    if (run.status !== 0) throw new Error(`go tool pprof ${args.join(' ')}: ${run.stderr}`)
    return readFileSync(out)
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

export interface TopLine {
  readonly name: string
  readonly self: number
  readonly total: number
}

/** Options that make `-top` print every function with exact numbers in the given unit. */
export const wholeTop = (unit: string): string[] => [
  '-top',
  '-nodecount=0',
  '-nodefraction=0',
  '-edgefraction=0',
  `-unit=${unit}`,
]

/** `    90ns 17.3% 17.3%   90ns 17.3%  main.fib (inline)` */
export function parseTop(text: string): TopLine[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(-?[\d.]+)\S*\s+\S+%\s+\S+%\s+(-?[\d.]+)\S*\s+\S+%\s+(.*)$/.exec(line)
    if (!match) return []
    const name = match[3]!.replace(/ \((inline|partial-inline)\)$/, '')
    return [{ self: Number(match[1]), total: Number(match[2]), name }]
  })
}
