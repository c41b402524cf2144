// Which tests run where. First everything that only computes, on both cores; then, one file at a time, what records
// CPU or drives a browser: a test that measures a spike must not compete with a compiler for the same core.
import { defineConfig } from 'vitest/config'

const system = ['test/e2e/**/*.test.ts', 'test/browser/**/*.test.ts']
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
          exclude: [...system, 'test/cluster/**', 'test/fuzz/**'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'system',
          include: system,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
