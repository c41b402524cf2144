// A file that we wrote is one to perf: `perf script` prints of it what it prints of the recording it was made from.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { PerfRecording } from '../../src/profile/perf-data/recording.ts'
import { writePerfData } from '../../src/profile/perf-data/write.ts'
import { programs, recordProgram, whyNotRecorded } from './programs.ts'

const why = whyNotRecorded()
const chosen = programs.filter(({ name }) => ['C with frame pointers', 'Node', 'the kernel'].includes(name))

const perf = (...args: string[]): string =>
  execFileSync('perf', args, { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] }).toString()

test.skipIf(why !== undefined).each(chosen)('$name: all, and the middle third by itself', (program) => {
  const file = recordProgram(program, { seconds: 0.6, perfArgs: ['--all-cgroups'] })
  if (!file) return
  const recording = new PerfRecording()
  recording.push(readFileSync(file))
  recording.end()
  const all = recording.takeSamples()
  const written = `${file}.written`
  const print = (path: string, ...more: string[]): string =>
    perf('script', '-i', path, '--no-inline', '--ns', '-F', 'comm,pid,tid,time,period,event,ip,sym,symoff,dso', ...more)

  writeFileSync(written, writePerfData(recording, [all]))
  expect(print(written)).toBe(print(file))
  expect(perf('report', '-i', written, '--stdio', '-s', 'comm,cgroup')).toContain(`Samples: ${all.length} `)

  const [from, to] = [all.timeNs[Math.floor(all.length / 3)]!, all.timeNs[Math.floor((2 * all.length) / 3)]!]
  const second = new PerfRecording()
  second.push(readFileSync(file))
  second.end()
  second.takeSamples(from - 1)
  writeFileSync(written, writePerfData(second, [second.takeSamples(to)]))
  const seconds = (ns: number): string => `${Math.floor(ns / 1e9)}.${String(ns % 1e9).padStart(9, '0')}`
  expect(print(written)).toBe(print(file, '--time', `${seconds(from)},${seconds(to)}`))
})
