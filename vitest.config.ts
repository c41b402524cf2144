// Which tests run where. What only computes beside what runs real programs, containers and browsers, which wait more than
// they work: three files at a time, for two cores. Then, one file at a time, what measures a spike or counts all samples
// of the machine: it must not compete with another test for the same core.
import { defineConfig } from 'vitest/config'
import { TestOrder } from './test/test-order.ts'

const alone = [
  'test/e2e/attribution.test.ts',
  'test/e2e/spike.test.ts',
  'test/e2e/contention.test.ts',
  'test/e2e/pod.test.ts',
  'test/browser/real-spike.test.ts',
]
const programs = ['test/e2e/**/*.test.ts', 'test/browser/**/*.test.ts']
/** For what hangs; a slow machine that compiles Go for the first time needs a minute. */
const timeoutMs = 180_000
/** For what is asked again until it is so: a second, which Vitest gives it by itself, passes on a busy machine at once. */
const pollMs = 60_000
const common = {
  pool: 'forks',
  testTimeout: timeoutMs,
  hookTimeout: timeoutMs,
  expect: { poll: { timeout: pollMs } },
} as const

export default defineConfig({
  test: {
    globalSetup: 'test/scratch.ts',
    sequence: { sequencer: TestOrder },
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...programs, 'test/cluster/**', 'test/fuzz/**'],
          // One process for file after file: to start one and to read the sources again took a fifth of all CPU. So what a
          // module keeps (a compiled program, a counter) outlives the file that asked first.
          isolate: false,
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'programs',
          include: programs,
          exclude: alone,
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'alone',
          include: alone,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
