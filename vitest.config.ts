// Which tests run where, in this order: what only computes; what runs real programs, containers and browsers, which
// wait more than they work; both three files at a time, for two cores. Then, one file at a time, what measures a spike
// or counts all samples of the machine: it must not compete with another test for the same core.
import { defineConfig } from 'vitest/config'

const alone = [
  'test/e2e/attribution.test.ts',
  'test/e2e/spike.test.ts',
  'test/e2e/contention.test.ts',
  'test/e2e/pod.test.ts',
  'test/browser/real-spike.test.ts',
]
const programs = ['test/e2e/**/*.test.ts', 'test/browser/**/*.test.ts']
const common = { pool: 'forks', testTimeout: 60_000, hookTimeout: 60_000 } as const

export default defineConfig({
  test: {
    globalSetup: 'test/scratch.ts',
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...programs, 'test/cluster/**', 'test/fuzz/**'],
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
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...common,
          name: 'alone',
          include: alone,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
