// Decoding a pprof of 20 MB into what can be computed with, against the libraries that Node programs use for it; the
// same up to a table of its functions, which shows that nothing was put off (of what we decode only names are, until
// they are shown); and that the cost grows with the size and no faster. CPU time (user+sys) of this process, in turn,
// after warming up all.
//
//   node bench/pprof-decode.ts [rounds, default 15]
import { decodePprof } from '../src/profile/pprof-decode.ts'
import { topFunctions } from '../src/profile/top.ts'
import { makePprof } from './made-profile.ts'
import { median, printRow } from './measure.ts'
import { installPeers } from './npm-peers.ts'

const rounds = Number(process.argv[2] ?? 15)

function cpuMs(work: () => unknown): number {
  const start = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

/** 10 000 samples of 30 frames are a megabyte. */
const pprofOf = (megabytes: number): Uint8Array =>
  makePprof({ samples: 11_000 * megabytes, functions: 12_000, depth: [20, 40], seed: 1 })

const peers = installPeers({ 'pprof-format': '2.3.2', protobufjs: '8.8.1' })
const bytes = pprofOf(20)
const size = `${(bytes.length / 1e6).toFixed(1)} MB`

/** As pprof-format decodes: an object for each message. */
interface PeerProfile {
  readonly sample: readonly { readonly locationId: readonly Id[]; readonly value: readonly Id[] }[]
  readonly location: readonly { readonly id: Id; readonly line: readonly { readonly functionId: Id }[] }[]
  readonly function: readonly { readonly id: Id; readonly name: Id }[]
  readonly stringTable: { readonly strings: readonly string[] }
}
type Id = number | bigint
interface PprofFormat {
  readonly Profile: { decode(bytes: Uint8Array): PeerProfile }
}
interface Protobufjs {
  parse(proto: string): { readonly root: { lookupType(name: string): { decode(bytes: Uint8Array): unknown } } }
}

const proto = `syntax = "proto3";
message Profile { repeated ValueType sample_type = 1; repeated Sample sample = 2; repeated Mapping mapping = 3;
  repeated Location location = 4; repeated Function function = 5; repeated string string_table = 6;
  int64 drop_frames = 7; int64 keep_frames = 8; int64 time_nanos = 9; int64 duration_nanos = 10;
  ValueType period_type = 11; int64 period = 12; repeated int64 comment = 13; int64 default_sample_type = 14; }
message ValueType { int64 type = 1; int64 unit = 2; }
message Sample { repeated uint64 location_id = 1; repeated int64 value = 2; repeated Label label = 3; }
message Label { int64 key = 1; int64 str = 2; int64 num = 3; int64 num_unit = 4; }
message Mapping { uint64 id = 1; uint64 memory_start = 2; uint64 memory_limit = 3; uint64 file_offset = 4;
  int64 filename = 5; int64 build_id = 6; bool has_functions = 7; bool has_filenames = 8; bool has_line_numbers = 9;
  bool has_inline_frames = 10; }
message Location { uint64 id = 1; uint64 mapping_id = 2; uint64 address = 3; repeated Line line = 4; bool is_folded = 5; }
message Line { uint64 function_id = 1; int64 line = 2; int64 column = 3; }
message Function { uint64 id = 1; int64 name = 2; int64 system_name = 3; int64 filename = 4; int64 start_line = 5; }`

const ours = (): unknown => decodePprof(bytes)
const ourTop = () => topFunctions(decodePprof(bytes)).functions

/** Self and total of each function, of the last values, as one would write it for the peer's objects. */
function peerTop({ sample, location, function: functions, stringTable }: PeerProfile) {
  const table = functions.map(({ name }) => ({ name: stringTable.strings[Number(name)]!, self: 0, total: 0, last: -1 }))
  const rows = new Map(functions.map(({ id }, i) => [Number(id), table[i]!]))
  const frames = new Map(
    location.map(({ id, line }) => [Number(id), line.map(({ functionId }) => rows.get(Number(functionId))!)]),
  )
  for (const [i, { locationId, value }] of sample.entries()) {
    const amount = Number(value.at(-1))
    for (const [depth, id] of locationId.entries()) {
      for (const [inlined, row] of frames.get(Number(id))!.entries()) {
        if (depth === 0 && inlined === 0) row.self += amount
        if (row.last !== i) row.total += amount
        row.last = i
      }
    }
  }
  return new Map(table.map((row) => [row.name, row]))
}
const pprofFormat = peers.load<PprofFormat>('pprof-format')
const protobufType = peers.load<Protobufjs>('protobufjs')?.parse(proto).root.lookupType('Profile')
const rivals: [string, (() => unknown) | undefined][] = [
  ['pprof-format', pprofFormat && (() => pprofFormat.Profile.decode(bytes))],
  ['protobufjs', protobufType && (() => protobufType.decode(bytes))],
]
if (pprofFormat) {
  rivals.push(['pprof-format, top', () => peerTop(pprofFormat.Profile.decode(bytes))])
  const [mine, theirs] = [ourTop(), peerTop(pprofFormat.Profile.decode(bytes))]
  for (const { function: name, self, total } of mine.slice(0, 100)) {
    const other = theirs.get(name)
    if (other?.self !== self || other.total !== total)
      throw new Error(`${name}: ${self}, ${total}; there ${JSON.stringify(other)}`)
  }
}
for (let i = 0; i < 12; i++) {
  ours()
  ourTop()
}
for (const [name, theirs] of rivals) {
  const isTop = name.endsWith(', top')
  const mineOf = isTop ? ourTop : ours
  const work = `decode a pprof of ${size}${isTop ? ', and a table of its functions' : ''}, CPU`
  const goal = isTop ? '–' : '≥ 30 × less'
  if (!theirs) {
    printRow({ work, ours: `${median(Array.from({ length: rounds }, () => cpuMs(mineOf))).toFixed(1)} ms`, goal })
    continue
  }
  for (let i = 0; i < 3; i++) theirs()
  const pairs = Array.from({ length: rounds }, () => [cpuMs(mineOf), cpuMs(theirs)] as const)
  const [mine, peer] = [median(pairs.map(([a]) => a)), median(pairs.map(([, b]) => b))]
  const ratio = `${(peer / mine).toFixed(1)} ×`
  printRow({
    work,
    ours: `${mine.toFixed(1)} ms`,
    theirs: `${name.replace(', top', '')}: ${peer.toFixed(0)} ms`,
    ratio,
    goal,
  })
}
peers.remove()

for (const megabytes of [1, 10, 100]) {
  const made = pprofOf(megabytes)
  const times = Array.from({ length: Math.max(5, rounds) }, () => cpuMs(() => decodePprof(made)))
  const perMegabyte = median(times) / (made.length / 1e6)
  printRow({
    work: `decode a pprof of ${(made.length / 1e6).toFixed(1)} MB, CPU`,
    ours: `${median(times).toFixed(1)} ms, ${perMegabyte.toFixed(2)} ms per MB`,
    goal: 'linear',
  })
}
