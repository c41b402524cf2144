// Every parser survives damaged input: a moment each, always the same damage. `make fuzz` gives each an hour.
import { expect, test } from 'vitest'
import { fuzz } from './fuzz/fuzz.ts'
import { parsers } from './fuzz/parsers.ts'

/** Ten seconds in all. */
const seconds = 10 / parsers.length

test.each(parsers)('$name', async (parser) => {
  const { inputs, refused } = await fuzz(parser, { seconds, seed: 1 })
  if (inputs === 0) return // said on the console: the tool that makes its files is missing
  expect(inputs).toBeGreaterThan(10)
  // Were all refused at their first bytes, the rest of the parser would not be tried.
  expect(refused).toBeLessThan(inputs)
})
