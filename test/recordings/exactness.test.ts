// Our reading of recordings of real programs against `perf script`, sample by sample.
import { expect, test } from 'vitest'
import { createSymbolizer } from '../../src/symbols/live-symbolizer.ts'
import { classes, compareWithPerf } from './compare.ts'
import { type Program, programs, recordProgram, whyNotRecorded } from './programs.ts'

const why = whyNotRecorded()
if (why) console.log(`skipped: ${why}`)

/** Beside other programs a second of recording may hold too few samples to show anything. */
async function recordAndCompare(
  program: Program,
  seconds = 0.6,
): Promise<ReturnType<typeof compareWithPerf> | undefined> {
  const file = recordProgram(program, { seconds })
  if (!file) return undefined
  const symbolizer = await createSymbolizer({ inlined: false })
  const compared = compareWithPerf(file, symbolizer)
  symbolizer.close()
  return compared.samples > 20 ? compared : recordAndCompare(program, seconds * 2)
}

test.skipIf(why !== undefined).each(programs)('$name', async (program) => {
  const compared = await recordAndCompare(program)
  if (!compared) return
  const { samples, counts, examples } = compared
  const said = classes.filter((name) => counts[name] > 0).map((name) => `${counts[name]} ${name}`)
  console.log(`${program.name}: ${samples} samples, ${said.join(', ')}`)
  expect(examples['unknown here']).toBeUndefined()
  expect(examples.missing).toBeUndefined()
  const judged = counts.identical + counts.formatting + counts.different
  expect(counts.different, JSON.stringify(examples.different, null, 1)).toBeLessThanOrEqual(Math.max(1, judged * 0.005))
  // Where perf is no judge of most samples, the test would show nothing.
  if (program.name !== 'Go, stripped') expect(judged).toBeGreaterThan(samples * 0.5)
})
