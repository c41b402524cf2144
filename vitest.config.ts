// Which tests run where, in this order: what only computes, two files at a time; what asks real programs in containers
// for what they hold, also two at a time, for it waits more than it works; then, one file at a time, what measures CPU
// or drives a browser: a test about a spike must not compete with another one for the same core.
import { defineConfig } from 'vitest/config'

const asking = [
  'go-pprof',
  'jvm',
  'jvm-pod',
  'node',
  'node-pod',
  'probe-kinds',
  'ps',
  'python',
  'python-pod',
  'sleep-pod',
].map((name) => `test/e2e/${name}.test.ts`)
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
          name: 'probes',
          include: asking,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...common,
          name: 'system',
          include: system,
          exclude: asking,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
