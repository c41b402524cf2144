// Merging a thousand pprof files of 50 kB into one file, against `go tool pprof -proto`: both as processes of their own,
// from files to file, CPU time (user+sys). That both write the same is checked, too.
//
//   node bench/merge.ts [rounds, default 3]
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { decodePprof } from '../src/profile/pprof-decode.ts'
import { makePprof } from './made-profile.ts'
import { commandCpuSeconds, median, printRow } from './measure.ts'

const rounds = Number(process.argv[2] ?? 3)
const folder = mkdtempSync(join(tmpdir(), 'spikecam-merge-'))

function sumOf(file: string): string {
  const { samples } = decodePprof(gunzipSync(readFileSync(file)))
  return `${samples.length} samples, ${samples.values.map((column) => column.reduce((a, b) => a + b, 0n)).join('+')}`
}

try {
  const files = Array.from({ length: 1000 }, (_, seed) => {
    const file = join(folder, `${seed}.pb.gz`)
    writeFileSync(file, gzipSync(makePprof({ samples: 150, functions: 3000, depth: [10, 40], seed })))
    return file
  })
  const size = files.reduce((sum, file) => sum + statSync(file).size, 0) / files.length
  // One file, as the program is shipped.
  const merge = join(folder, 'merge.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, 'merge-files.ts')],
    outfile: merge,
    bundle: true,
    format: 'esm',
    platform: 'node',
  })
  const [ours, theirs] = [join(folder, 'ours.pb.gz'), join(folder, 'theirs.pb.gz')]
  const hasGo = spawnSync('go', ['version']).status === 0
  const mine: number[] = []
  const peer: number[] = []
  for (let i = 0; i < rounds; i++) {
    mine.push(commandCpuSeconds([process.execPath, merge, ours, ...files]))
    if (hasGo)
      peer.push(
        commandCpuSeconds(['go', 'tool', 'pprof', '-proto', '-symbolize=none', `-output=${theirs}`, ...files], {
          PPROF_TMPDIR: folder,
        }),
      )
  }
  if (hasGo && sumOf(ours) !== sumOf(theirs)) throw new Error(`ours: ${sumOf(ours)}; theirs: ${sumOf(theirs)}`)
  printRow({
    work: `merge 1000 pprof files of ${(size / 1000).toFixed(0)} kB, CPU`,
    ours: `${median(mine).toFixed(2)} s`,
    ...(hasGo && {
      theirs: `go tool pprof -proto: ${median(peer).toFixed(2)} s`,
      ratio: `${(median(peer) / median(mine)).toFixed(1)} ×`,
    }),
    goal: '≥ 3 × less',
  })
} finally {
  rmSync(folder, { recursive: true })
}
