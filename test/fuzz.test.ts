// Every parser survives damaged input, always the same: a second each, because ten would be five minutes of the six that
// all tests may take. `make fuzz` gives each an hour, and other damage every time.
import { expect, test } from 'vitest'
import { fuzz } from './fuzz/fuzz.ts'
import { parsers } from './fuzz/parsers.ts'

const seconds = 1

test.each(parsers)('$name', async (parser) => {
  const files = await parser.files()
  if (files.length === 0) return // said on the console: the tool that makes its files is missing
  // They are good: were they refused at their first bytes, the rest of the parser would not be tried.
  for (const file of files) await parser.parse(file)
  const { inputs } = await fuzz({ ...parser, files: () => files }, { seconds, seed: 1 })
  expect(inputs).toBeGreaterThan(0)
})
