// Everything that reads bytes from elsewhere, with good files of it: each format of the table, what is wrapped around
// them, and the readers of symbols. A format that is new in the table is here by itself; it only needs a recorded file
// under test/fixtures.
import { isUtf8 } from 'node:buffer'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { makePprof } from '../../bench/made-profile.ts'
import { Failure } from '../../src/model/errors.ts'
import { splitByLine } from '../../src/profile/by-line.ts'
import { buildCallTree } from '../../src/profile/call-tree.ts'
import { classHistogramProfile, parseClassHistogram } from '../../src/profile/class-histogram.ts'
import { writeCpuProfile } from '../../src/profile/cpuprofile-write.ts'
import { diffFunctions, subtractProfile } from '../../src/profile/diff.ts'
import { isDump, printDump, readDump } from '../../src/profile/dumps.ts'
import { parseFolded, printFolded } from '../../src/profile/folded.ts'
import { type Format, headBytes } from '../../src/profile/format.ts'
import { formatOfBytes, formats, readProfile } from '../../src/profile/formats.ts'
import { matchesGzip } from '../../src/profile/gzip.ts'
import { matchesJfr, parseJfr } from '../../src/profile/jfr.ts'
import { PerfRecording } from '../../src/profile/perf-data/recording.ts'
import { toProfile } from '../../src/profile/perf-data/to-profile.ts'
import { writePerfData } from '../../src/profile/perf-data/write.ts'
import { printPerfScript } from '../../src/profile/perf-script-print.ts'
import { decodePprof } from '../../src/profile/pprof-decode.ts'
import { encodePprof } from '../../src/profile/pprof-encode.ts'
import type { Profile } from '../../src/profile/profile.ts'
import { selectSamples } from '../../src/profile/select.ts'
import { writeSpeedscope } from '../../src/profile/speedscope-write.ts'
import { parseHotspotThreads } from '../../src/profile/thread-dump-hotspot.ts'
import { tableThreads } from '../../src/profile/thread-table.ts'
import { profileThreads } from '../../src/profile/thread-table-profile.ts'
import { printThreadTable } from '../../src/profile/thread-table-text.ts'
import { dropUninteresting } from '../../src/profile/transform.ts'
import { flattenRecursion } from '../../src/profile/tree-transform.ts'
import { nameByOffset } from '../recordings/drawn-stream.ts'
import { type Parser, parser } from './fuzz.ts'
import { symbolParsers } from './symbol-parsers.ts'

/** Each try of a large file costs as much as a hundred of small ones; the same kinds of records are in both. */
const usualBytes = 50_000
/** Formats that only have larger ones: a Java recording is mostly its own description. */
const mostBytes = 200_000

const fixtures = join(import.meta.dirname, '../fixtures')
let recorded: readonly Uint8Array[] | undefined

/** All recorded files, unpacked. */
function recordedFiles(): readonly Uint8Array[] {
  recorded ??= readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
    .map((name) => join(fixtures, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path))
    .map((file) => (matchesGzip(file) ? gunzipSync(file) : file))
  return recorded
}

/** @throws Error for a format without one: then nothing would be tried */
function recordedFilesOf(format: Format): readonly Uint8Array[] {
  const own = recordedFiles().filter((file) => formatOfBytes(file) === format)
  for (const limit of [usualBytes, mostBytes]) {
    const small = own.filter((file) => file.length <= limit)
    if (small.length > 0) return small
  }
  throw new Error(`There is no recorded ${format.title} below ${mostBytes} bytes in test/fixtures.`)
}

/** What is read must be fit for all that is done with profiles. */
function useProfile(profile: Profile): void {
  const tree = buildCallTree(profile, { rootBy: 'thread' })
  if (tree.end[0] !== tree.length) throw new Error('the root does not hold the whole tree')
  flattenRecursion(tree)
  buildCallTree(profile, { invert: true })
  buildCallTree(splitByLine(profile))
  diffFunctions(profile, profile)
  dropUninteresting(selectSamples(profile, { hide: /a/, focus: /./ }))
  if (subtractProfile(profile, profile).samples.length > 0) throw new Error('it differs from itself')
  const again = decodePprof(encodePprof(profile))
  if (String(again.samples.values) !== String(profile.samples.values)) throw new Error('pprof does not hold its values')
  for (const write of [printFolded, printPerfScript, writeSpeedscope, writeCpuProfile]) {
    try {
      write(profile)
    } catch (error) {
      // Trees of more frames than a small file may have are not written out one by one.
      if (!(error instanceof Failure && error.code === 'TOO_LARGE')) throw error
    }
  }
}

const formatParsers: readonly Parser[] = formats.map((format) =>
  parser({
    name: format.name,
    files: () => recordedFilesOf(format),
    parse: (bytes) => format.parse(bytes, {}),
    use: useProfile,
  }),
)

/** As PowerShell writes text; nothing of other files. */
const asUtf16 = (file: Uint8Array): Uint8Array[] =>
  isUtf8(file) && !file.includes(0) ? [Buffer.from(`\ufeff${Buffer.from(file).toString()}`, 'utf16le')] : []

/** Both ways through the samples must come to the same. */
function isSame(one: Profile, other: Profile): boolean {
  const columnsOf = ({ samples, stacks }: Profile) => [
    ...[samples.labels, stacks.offsets, stacks.locations, ...samples.values],
    ...(samples.offsetMs ? [samples.offsetMs] : []),
  ]
  const others = columnsOf(other)
  return columnsOf(one).every((column, i) => isDeepStrictEqual(column, others[i]))
}

export const parsers: readonly Parser[] = [
  ...formatParsers,
  parser({
    // Large enough for WebAssembly; what salvages is JavaScript alone.
    name: 'pprof-plain',
    files: () => [makePprof({ samples: 3000, functions: 300, depth: [5, 50], seed: 1 })],
    parse(bytes) {
      const profile = decodePprof(bytes)
      if (!isSame(profile, decodePprof(bytes, { salvage: true }))) throw new Error('JavaScript reads something else')
    },
  }),
  parser({
    // As the agent does: named, forgotten in part, and written again.
    name: 'perf-data-live',
    files: () => recordedFilesOf(formats.find(({ name }) => name === 'perf-data')!),
    parse(bytes) {
      const recording = new PerfRecording()
      recording.push(bytes)
      recording.end()
      recording.symbolizeNew(nameByOffset())
      const half = recording.takeSamples((recording.latestTimeNs * 2) / 3)
      const batches = [half, recording.takeSamples()]
      recording.compact({ stacks: half.stack, rawStacks: half.rawStack })
      const profile = toProfile(recording, [half])
      if (profile.samples.length !== half.length) throw new Error('samples got lost')
      writePerfData(recording, batches.slice(0, 1))
    },
  }),
  parser({
    name: 'dumps',
    files: () => recordedFiles().filter((file) => file.length <= usualBytes && isDump(file)),
    parse: (bytes) => (isDump(bytes.subarray(0, headBytes)) ? readDump(bytes) : undefined),
    use: (dump) => dump && printDump(dump),
  }),
  parser({
    // As the probe of a JVM does with two dumps.
    name: 'thread-table',
    files: () => recordedFilesOf(formats.find(({ name }) => name === 'threads')!),
    parse(bytes) {
      const { dumps } = parseHotspotThreads(bytes)
      const uses = (dumps[0]?.threads ?? []).flatMap(({ nid, name }) =>
        nid === undefined ? [] : [{ nid, comm: name, cpuMs: nid % 100, isNew: nid % 3 === 0 }],
      )
      const snapshots = [...dumps, ...dumps].slice(0, 2)
      const windows = [{ wallMs: 1000, processCpuMs: 500, uses }]
      printThreadTable(tableThreads(snapshots, windows, { limit: 50 }))
      return profileThreads(snapshots, windows, 0)
    },
    use: useProfile,
  }),
  parser({
    name: 'class-histogram',
    files: () => [
      new TextEncoder().encode('   1:  1417  3645328  [I (java.base@17)\n   2:  7  112  [[Lshop.Cart;\nTotal 9 9\n'),
    ],
    parse: (bytes) => classHistogramProfile(parseClassHistogram(bytes)),
    use: useProfile,
  }),
  parser({
    name: 'jfr-events',
    files: () => recordedFilesOf(formats.find(({ name }) => name === 'jfr')!),
    parse: (bytes) => (matchesJfr(bytes) ? parseJfr(bytes) : undefined),
  }),
  parser({
    name: 'folded-difference',
    files: () => [new TextEncoder().encode('main;serve;parse 10 12\nmain;serve;write 3 0\nmain;gc 0 7\n')],
    parse: parseFolded,
    use: useProfile,
  }),
  parser({
    name: 'packed',
    files: () =>
      recordedFiles()
        .filter((file) => file.length <= 3000 && formatOfBytes(file) !== undefined)
        .flatMap((file) => [gzipSync(file), zstdCompressSync(file), gzipSync(gzipSync(file)), ...asUtf16(file)]),
    parse: (bytes) => readProfile(bytes, { maxBytes: 50_000_000 }),
    use: ({ profile }) => useProfile(profile),
  }),
  ...symbolParsers,
]
