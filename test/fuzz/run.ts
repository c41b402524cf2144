// `make fuzz`: damaged files for every row of the table of formats, in turn, as long as is asked for. The good files are
// the recorded ones under test/fixtures. What breaks a parser is kept in a file whose name is printed; FUZZ_SEED repeats.
//
//   node test/fuzz/run.ts [--seconds 3600] [FORMAT …]
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { headBytes } from '../../src/profile/format.ts'
import { formats } from '../../src/profile/formats.ts'
import { matchesGzip } from '../../src/profile/gzip.ts'
import { fuzz } from '../mutate.ts'

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '3600' } },
  allowPositionals: true,
})
const wanted = formats.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
/** A round per format and turn: long enough to settle, short enough that all formats come up in ten minutes. */
const roundSeconds = Math.min(30, Number(values.seconds) / wanted.length)
/** Damage to larger files is mostly damage to the same few kinds of records. */
const maxFileBytes = 200_000

const fixtures = join(import.meta.dirname, '../fixtures')
const files = readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
  .map((name) => join(fixtures, name))
  .filter((path) => statSync(path).isFile())
  .map((path) => readFileSync(path))
  .map((file) => (matchesGzip(file) ? gunzipSync(file) : file))
  .filter((file) => file.length <= maxFileBytes)

const startMs = performance.now()
for (let round = 0; performance.now() - startMs < Number(values.seconds) * 1000; round++) {
  for (const format of wanted) {
    const good = files.filter((file) => format.matches(file.subarray(0, headBytes)))
    if (good.length === 0) throw new Error(`There is no recorded file of ${format.name} below ${maxFileBytes} bytes.`)
    const { inputs, refused } = await fuzz({
      files: good,
      parse: (bytes) => format.parse(bytes, {}),
      seconds: roundSeconds,
      seed: Number(process.env.FUZZ_SEED ?? 1) + round * 1000,
    })
    process.stdout.write(`${format.name}: ${inputs} inputs, ${refused} refused\n`)
  }
}
