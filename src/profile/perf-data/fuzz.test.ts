// Damaged recordings are read as far as they go, or refused; nothing else happens.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fuzz } from '../../../test/mutate.ts'
import { nameByOffset } from '../../../test/recordings/drawn-stream.ts'
import { PerfRecording } from './recording.ts'
import { toProfile } from './to-profile.ts'
import { writePerfData } from './write.ts'

const folder = join(import.meta.dirname, '../../../test/fixtures/perf-data')
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.data'))
  .map((name) => readFileSync(join(folder, name)))

test('reading, naming, forgetting, making a profile and writing again', async () => {
  const { inputs, refused } = await fuzz({
    files,
    seconds: 8,
    parse(bytes) {
      const recording = new PerfRecording()
      recording.push(bytes)
      recording.end()
      recording.symbolizeNew(nameByOffset())
      const half = recording.takeSamples((recording.latestTimeNs * 2) / 3)
      const batches = [half, recording.takeSamples()]
      recording.compact({ stacks: half.stack, rawStacks: half.rawStack })
      const profile = toProfile(recording, [half])
      expect(profile.samples.length).toBe(half.length)
      writePerfData(recording, batches.slice(0, 1))
    },
  })
  // Most damage is survived: only what is wrong with the head makes a recording unreadable.
  expect(refused).toBeLessThan(inputs / 2)
})
