// The table of formats, asked in order: whoever knows the first bytes reads the file. gzip and zstd around any of
// them are taken off first. To add a format: one file with matches, parse and perhaps write, and one row here.
import { Failure } from '../model/errors.ts'
import { matchesArthasThreads, parseArthasProfile } from './arthas.ts'
import { matchesCpuProfile } from './cpuprofile.ts'
import { parseChromeTrace, parseCpuProfile } from './cpuprofile-profile.ts'
import { matchesChromeTrace } from './cpuprofile-trace.ts'
import { writeCpuProfile } from './cpuprofile-write.ts'
import { toUtf8 } from './encodings.ts'
import { matchesFolded, parseFolded, printFolded } from './folded.ts'
import { type Format, headBytes, type ParseContext } from './format.ts'
import { matchesCountedGoroutines } from './goroutines-counted.ts'
import { parseCountedGoroutineProfile, parseGoroutineStackProfile } from './goroutines-profile.ts'
import { matchesGoroutineStacks } from './goroutines-stacks.ts'
import { defaultMaxBytes, gunzip, gzip, matchesGzip, type Unpacked } from './gzip.ts'
import { matchesHeapProfile, parseHeapProfile } from './heapprofile.ts'
import { matchesJfr } from './jfr.ts'
import { parseJfrProfile } from './jfr-profile.ts'
import { describeUnknown } from './looks-like.ts'
import { perfDataFormat } from './perf-data/parse.ts'
import { matchesPerfScript, parsePerfScript } from './perf-script.ts'
import { printPerfScript } from './perf-script-print.ts'
import { matchesPprof, readPprof } from './pprof-decode.ts'
import { encodePprof } from './pprof-encode.ts'
import { matchesLegacyPprof, parseLegacyPprof } from './pprof-legacy.ts'
import type { Loss, Profile } from './profile.ts'
import { matchesSpeedscope, parseSpeedscope } from './speedscope.ts'
import { writeSpeedscope } from './speedscope-write.ts'
import { matchesThreadFile, matchesThreadJson } from './thread-dump-file.ts'
import { matchesHotspotThreads } from './thread-dump-hotspot.ts'
import { parseHotspotThreadProfile, parseThreadFileProfile, parseThreadJsonProfile } from './thread-dump-profile.ts'
import { matchesZstd, unzstd } from './zstd.ts'

/** Binary formats first, for their first bytes leave no doubt; folded text last, for it is nearly any text. */
export const formats: readonly Format[] = [
  perfDataFormat,
  {
    name: 'jfr',
    title: 'Java Flight Recorder',
    extensions: ['.jfr'],
    matches: matchesJfr,
    parse: parseJfrProfile,
  },
  {
    name: 'pprof',
    title: 'pprof (profile.proto)',
    extensions: ['.pb.gz', '.pprof', '.pb', '.prof'],
    matches: matchesPprof,
    parse: readPprof,
    write: (profile) => gzip(encodePprof(profile)),
  },
  {
    name: 'cpuprofile',
    title: 'V8 CPU profile',
    extensions: ['.cpuprofile'],
    matches: matchesCpuProfile,
    parse: parseCpuProfile,
    write: writeCpuProfile,
  },
  {
    name: 'chrome-trace',
    title: 'Chrome trace with CPU profiles',
    extensions: [],
    matches: matchesChromeTrace,
    parse: parseChromeTrace,
  },
  {
    name: 'heapprofile',
    title: 'V8 heap profile',
    extensions: ['.heapprofile'],
    matches: matchesHeapProfile,
    parse: parseHeapProfile,
  },
  {
    name: 'speedscope',
    title: 'speedscope JSON',
    extensions: ['.speedscope.json'],
    matches: matchesSpeedscope,
    parse: parseSpeedscope,
    write: (profile) => writeSpeedscope(profile),
  },
  {
    name: 'pprof-legacy',
    title: 'pprof text (heap, mutex and block of Go at debug=1; gperftools)',
    extensions: [],
    matches: matchesLegacyPprof,
    parse: parseLegacyPprof,
  },
  {
    name: 'goroutines',
    title: 'Go goroutines, counted (debug=1)',
    extensions: [],
    matches: matchesCountedGoroutines,
    parse: parseCountedGoroutineProfile,
  },
  {
    name: 'goroutine-stacks',
    title: 'Go goroutines one by one (debug=2, panic, SIGQUIT)',
    extensions: [],
    matches: matchesGoroutineStacks,
    parse: parseGoroutineStackProfile,
  },
  {
    name: 'thread-json',
    title: 'Java threads (Thread.dump_to_file -format=json)',
    extensions: [],
    matches: matchesThreadJson,
    parse: parseThreadJsonProfile,
  },
  {
    name: 'thread-file',
    title: 'Java threads (Thread.dump_to_file)',
    extensions: [],
    matches: matchesThreadFile,
    parse: parseThreadFileProfile,
  },
  {
    name: 'threads',
    title: 'Java thread dump (jstack, Thread.print, SIGQUIT)',
    extensions: [],
    matches: matchesHotspotThreads,
    parse: parseHotspotThreadProfile,
  },
  {
    name: 'arthas',
    title: 'arthas thread -n',
    extensions: [],
    matches: matchesArthasThreads,
    parse: parseArthasProfile,
  },
  {
    name: 'perf-script',
    title: 'perf script text',
    extensions: ['.perf-script.txt', '.perf-script', '.perf.txt'],
    matches: matchesPerfScript,
    parse: parsePerfScript,
    write: printPerfScript,
  },
  {
    name: 'folded',
    title: 'folded stacks',
    extensions: ['.folded', '.collapsed', '.stacks'],
    matches: matchesFolded,
    parse: parseFolded,
    write: (profile) => printFolded(profile),
  },
]

export interface ReadOptions extends ParseContext {
  /** Unpacks gzip; the Node side passes one that is not slowed down by streams. */
  readonly gunzip?: (bytes: Uint8Array, limits: { maxBytes: number }) => Unpacked | Promise<Unpacked>
  readonly unzstd?: (bytes: Uint8Array, limits: { maxBytes: number }) => Unpacked | Promise<Unpacked>
  /** Largest size after unpacking; 2 GiB where absent. */
  readonly maxBytes?: number
  /** Take it for this format, whatever it looks like. */
  readonly format?: Format
}

export interface ReadProfile {
  readonly format: Format
  /** With everything that was lost on the way counted in `losses`. */
  readonly profile: Profile
}

/** gzip in gzip happens (a browser's download of a .gz); deeper is hostile. */
const maxWrappings = 3

/**
 * Reads a profile of any known format.
 * @throws Failure NOT_A_PROFILE that says what it looks like; MALFORMED, TOO_LARGE as the format finds
 */
export async function readProfile(bytes: Uint8Array, options: ReadOptions = {}): Promise<ReadProfile> {
  const { unpacked, losses } = await unwrap(bytes, options)
  const format = options.format ?? formatOfBytes(unpacked)
  if (!format) {
    const known = formats.map(({ title }) => title).join(', ')
    throw new Failure('NOT_A_PROFILE', `This looks like ${describeUnknown(unpacked)}. Known formats: ${known}.`)
  }
  const profile = await format.parse(unpacked, options)
  return { format, profile: losses.length === 0 ? profile : { ...profile, losses: [...losses, ...profile.losses] } }
}

/** Takes gzip and zstd off, and from text the marks of other encodings than UTF-8. @throws Failure MALFORMED when nothing can be unpacked, TOO_LARGE for a bomb */
export async function unwrap(
  bytes: Uint8Array,
  options: ReadOptions,
): Promise<{ unpacked: Uint8Array; losses: Loss[] }> {
  const limits = { maxBytes: options.maxBytes ?? defaultMaxBytes }
  const losses: Loss[] = []
  let unpacked = bytes
  for (let i = 0; i < maxWrappings; i++) {
    const unpack = matchesGzip(unpacked)
      ? (options.gunzip ?? gunzip)
      : matchesZstd(unpacked)
        ? (options.unzstd ?? unzstd)
        : undefined
    if (!unpack) break
    const result = await unpack(unpacked, limits)
    if (result.damage !== undefined) {
      if (result.bytes.length === 0) throw new Failure('MALFORMED', `The file cannot be unpacked: ${result.damage}.`)
      losses.push({ what: `compressed files that end too early (${result.damage})`, count: 1, isCut: true })
    }
    unpacked = result.bytes
  }
  return { unpacked: toUtf8(unpacked), losses }
}

/** The first format that knows these (unpacked) bytes. */
export function formatOfBytes(bytes: Uint8Array): Format | undefined {
  const head = bytes.subarray(0, headBytes)
  return formats.find((format) => format.matches(head))
}

/** The format that a file name asks for: `cpu.pb.gz` is pprof; `.gz` and `.zst` behind others are ignored. */
export function formatOfName(name: string): Format | undefined {
  const lower = name.toLowerCase()
  const plain = lower.replace(/\.(gz|zst)$/, '')
  return formats.find(({ extensions }) => extensions.some((end) => lower.endsWith(end) || plain.endsWith(end)))
}
