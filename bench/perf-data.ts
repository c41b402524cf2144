// From a perf.data of a busy machine to a flame graph: CPU seconds (user+sys) of `spikecam flame` as it is shipped, a
// process that knows nothing yet, against `perf script` alone and with what people pipe its text through. Also the same
// with symbols already read, as in the agent; that the cost grows with the size and no faster; and the memory.
// FlameGraph's scripts are not in Debian: bench/plain-flamegraph.pl is our own plain Perl that does their work.
//
//   node bench/perf-data.ts [rounds, default 3]
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describeLosses, describeProfile } from '../src/cli/describe-profile.ts'
import { drawnShare, renderSvg } from '../src/flame/svg.ts'
import { buildCallTree } from '../src/profile/call-tree.ts'
import { parsePerfData } from '../src/profile/perf-data/parse.ts'
import type { Symbolizer } from '../src/profile/symbolizer.ts'
import { createFileSymbolizer } from '../src/symbols/file-symbolizer.ts'
import { commandCpuSeconds, median, printRow, root } from './measure.ts'
import { recordLoad } from './recorded-load.ts'

const rounds = Number(process.argv[2] ?? 3)
const folder = mkdtempSync(join(tmpdir(), 'spikecam-perf-data-'))
const built = join(root, 'dist', 'spikecam.js')
/** As people run it: by its first line, which sets what the allocator does with freed memory. */
const program = existsSync(built) ? built : join(root, 'spikecam')
/** The program's first line asks for `node`, which shall be the one that runs this. */
const env = { PATH: `${dirname(process.execPath)}:${process.env.PATH}` }
const plain = join(root, 'bench', 'plain-flamegraph.pl')

interface Paired {
  readonly ours: number
  readonly script: number
  readonly pipeline: number
}

const flame = (file: string, ...options: string[]): string[] => [
  program,
  'flame',
  file,
  ...options,
  '-o',
  join(folder, 'flame.svg'),
]

/** One after the other, so that whatever else runs meets them alike. This perf knows no inlined calls: nor do we here. */
function measureOnce(file: string): Paired {
  const ours = commandCpuSeconds(flame(file, '--no-inline'), env)
  const script = commandCpuSeconds(['perf', 'script', '-i', file])
  const pipeline = commandCpuSeconds(['bash', '-c', `perf script -i ${file} | perl ${plain}`])
  return { ours, script, pipeline }
}

async function drawOnce(file: string, symbolizer: Symbolizer): Promise<{ samples: number; stacks: number }> {
  const profile = await parsePerfData(piecesOf(file), { symbolizer, keepsAddresses: false })
  const tree = buildCallTree(profile, { leastShare: drawnShare })
  const subtitle = describeProfile(profile, profile.defaultType, tree.total[0]!)
  renderSvg(tree, { title: file, subtitle, provenance: describeLosses(profile) })
  return { samples: profile.samples.length, stacks: profile.stacks.length }
}

function* piecesOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, 'r')
  const piece = Buffer.allocUnsafe(4 << 20)
  for (let length = readSync(file, piece); length > 0; length = readSync(file, piece)) yield piece.subarray(0, length)
}

/**
 * The first draw reads the symbols; V8 compiles for good until the sixth, and the third still takes a third more than
 * those that follow.
 */
const warmUps = 6

/** CPU seconds of drawing a file again and again in one process whose symbols are read. */
async function measureWarm(
  file: string,
  times: number,
): Promise<{ seconds: number[]; samples: number; stacks: number }> {
  const symbolizer = await createFileSymbolizer({ recordedMs: statSync(file).mtimeMs, inlined: false })
  let counted = await drawOnce(file, symbolizer)
  for (let i = 1; i < warmUps; i++) await drawOnce(file, symbolizer)
  const seconds: number[] = []
  for (let i = 0; i < times; i++) {
    const start = process.cpuUsage()
    counted = await drawOnce(file, symbolizer)
    const { user, system } = process.cpuUsage(start)
    seconds.push((user + system) / 1e6)
  }
  symbolizer.close()
  return { seconds, ...counted }
}

/** Most memory that drawing a file takes, in bytes, with that of Node and the program. */
function peakBytes(file: string): number {
  const report = "process.on('exit', () => process.stderr.write('peak ' + process.resourceUsage().maxRSS))"
  const run = spawnSync(program, flame(file).slice(1), {
    encoding: 'utf8',
    env: { ...process.env, ...env, NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(report)}` },
  })
  return Number(/peak (\d+)/.exec(run.stderr)?.[1] ?? Number.NaN) * 1024
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
const times = (theirs: number, ours: number): string => `${(theirs / ours).toFixed(1)} ×`

async function compare(file: string, goals: { cold: [string, string]; warm: string }): Promise<void> {
  const { seconds, samples, stacks } = await measureWarm(file, rounds)
  const pairs = Array.from({ length: rounds }, () => measureOnce(file))
  const [ours, script, pipeline] = (['ours', 'script', 'pipeline'] as const).map((key) =>
    median(pairs.map((pair) => pair[key])),
  ) as [number, number, number]
  const work = `perf.data of ${megabytes(statSync(file).size)}, ${samples} samples, ${stacks} stacks → SVG`
  // No `|` in it: it stands in a table.
  const withPlain = `perf script and plain Perl: ${pipeline.toFixed(2)} s`
  const rows = [
    { symbols: 'cold', mine: ours, theirs: withPlain, peer: pipeline, goal: goals.cold[0] },
    { symbols: 'cold', mine: ours, theirs: `perf script: ${script.toFixed(2)} s`, peer: script, goal: goals.cold[1] },
    { symbols: 'warm', mine: median(seconds), theirs: withPlain, peer: pipeline, goal: goals.warm },
  ]
  for (const { symbols, mine, theirs, peer, goal } of rows) {
    const row = { theirs, ratio: times(peer, mine), goal }
    printRow({ work: `${work}, symbols ${symbols}, CPU`, ours: `${mine.toFixed(2)} s`, ...row })
  }
  const inlined = median(pairs.map(() => commandCpuSeconds(flame(file), env)))
  printRow({ work: `${work}, with inlined calls, symbols cold, CPU`, ours: `${inlined.toFixed(2)} s`, goal: '–' })
}

/** The same recording cut at a tenth and a hundredth: what there is of it is read. */
async function showGrowth(file: string): Promise<void> {
  for (const size of [1e6, 1e7, statSync(file).size]) {
    const part = join(folder, 'part.data')
    await copyFile(file, part)
    truncateSync(part, size)
    const { seconds, samples } = await measureWarm(part, Math.max(3, rounds))
    const each = (median(seconds) / samples) * 1e6
    printRow({
      work: `the first ${megabytes(size)} of it, ${samples} samples, symbols warm, CPU`,
      ours: `${(median(seconds) * 1000).toFixed(0)} ms, ${each.toFixed(2)} µs per sample`,
      goal: 'linear',
    })
  }
}

/** Larger than what may be held in memory: the records of a recording again and again, as one file. */
function repeatRecording(file: string, atLeastBytes: number): string {
  const repeated = join(folder, 'repeated.data')
  const from = openSync(file, 'r')
  const to = openSync(repeated, 'w')
  // perf_file_header: the section of records is {u64 offset, u64 size} at byte 40, the bits of what follows it at 72.
  const header = Buffer.alloc(104)
  readSync(from, header, 0, header.length, 0)
  const offset = Number(header.readBigUInt64LE(40))
  const size = Number(header.readBigUInt64LE(48))
  const times = Math.ceil(atLeastBytes / size)
  const piece = Buffer.allocUnsafe(4 << 20)
  const copy = (begin: number, end: number): void => {
    for (let at = begin; at < end; ) {
      const count = readSync(from, piece, 0, Math.min(piece.length, end - at), at)
      if (count === 0) throw new Error(`${file} ends inside its records`)
      writeSync(to, piece, 0, count)
      at += count
    }
  }
  copy(0, offset)
  for (let i = 0; i < times; i++) copy(offset, offset + size)
  header.writeBigUInt64LE(BigInt(size * times), 48)
  header.fill(0, 72)
  writeSync(to, header, 0, header.length, 0)
  closeSync(from)
  closeSync(to)
  return repeated
}

/** Files beyond half a gigabyte are read in pieces like all others, and are no larger in memory. */
function showStreaming(file: string): void {
  const repeated = repeatRecording(file, 600e6)
  const { size } = statSync(repeated)
  const seconds = commandCpuSeconds(flame(repeated), env)
  const peak = peakBytes(repeated)
  printRow({
    work: `perf.data of ${megabytes(size)} → SVG, symbols cold: CPU and memory`,
    ours: `${seconds.toFixed(2)} s, ${megabytes(peak)}, ${(peak / size).toFixed(1)} × the file`,
    goal: 'streaming',
  })
  rmSync(repeated)
}

try {
  const large = await recordLoad({ folder, hz: 9999, seconds: 30, name: 'large.data' })
  await compare(large.file, { cold: ['≥ 20 × less', '≥ 4 × less'], warm: '≥ 60 × less' })
  await showGrowth(large.file)
  const size = statSync(large.file).size
  const peak = peakBytes(large.file)
  printRow({
    work: `memory for ${megabytes(size)}, all of the process`,
    ours: `${megabytes(peak)}, ${(peak / size).toFixed(1)} × the file`,
    goal: '≤ 2 × the file',
  })
  showStreaming(large.file)
  large.forget()
  const small = await recordLoad({ folder, hz: 99, seconds: 30, name: 'small.data' })
  await compare(small.file, { cold: ['≥ 4 × less', '–'], warm: '≥ 10 × less' })
  small.forget()
} finally {
  rmSync(folder, { recursive: true })
}
