import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DrawnStream, kernel, nameByOffset, user } from '../../../test/recordings/drawn-stream.ts'
import { PerfRecording } from './recording.ts'
import type { SampleBatch } from './sample-batch.ts'
import { writePerfData } from './write.ts'

function record(bytes: Uint8Array): { recording: PerfRecording; batch: SampleBatch } {
  const recording = new PerfRecording({ keepsAddresses: true })
  recording.push(bytes)
  recording.end()
  recording.symbolizeNew(nameByOffset())
  return { recording, batch: recording.takeSamples() }
}

/** Everything that a sample tells, readable. */
function tell({ recording, batch }: ReturnType<typeof record>): string[] {
  return Array.from(batch.timeNs, (time, i) => {
    const { pid, tid, comm } = batch.threads[batch.thread[i]!]!
    const names = Array.from(recording.stackOf(batch.stack[i]!), (row) => recording.frame(row).frames[0]?.name ?? '?')
    const event = recording.events[batch.event[i]!]!.name
    const { path } = batch.cgroups[batch.cgroup[i]!]!
    return `${comm} ${pid}/${tid} cpu${batch.cpu[i]} ${time} ${batch.period[i]} ${event} ${path} ${names.join(';')}`
  })
}

test.each(['file.data', 'pipe.data', 'events.data', 'build-ids.data', 'compressed.data'])(
  '%s written again says the same',
  (name) => {
    const bytes = readFileSync(join(import.meta.dirname, '../../../test/fixtures/perf-data', name))
    const first = record(bytes)
    const again = record(writePerfData(first.recording, [first.batch]))
    expect(tell(again)).toEqual(tell(first))
    expect(again.recording.info.clock).toEqual(first.recording.info.clock)
    expect(again.recording.losses).toEqual([])
  },
)

test('cgroups, kernel, BPF, forks, several batches, garbage words and losses survive', () => {
  const stream = new DrawnStream()
  stream.cgroup(77, '/kubepods/cart')
  stream.comm(100, 'sh', { at: 0 })
  stream.map(100, '/bin/sh', { at: 0, start: 0x1000, length: 0x1000, inode: 1 })
  stream.bpf('bpf_prog_6deef7357e7b4530_sd', { at: 1, start: -5000, length: 100 })
  stream.sample({
    pid: 100,
    at: 1e9,
    cpu: 3,
    cgroup: 77,
    chain: [kernel, -4990, -100_000, user, 0x1010, 0x2f656c61636f6c2fn],
  })
  stream.lost(5, { at: 1.5e9 })
  stream.fork({ pid: 200, from: 100, at: 1.6e9 })
  stream.sample({ pid: 200, at: 2e9, chain: [user, 0x1020] })
  stream.comm(200, 'ls', { at: 2.1e9, exec: true })
  stream.map(200, '/bin/ls', { at: 2.2e9, start: 0x1000, length: 0x1000, inode: 2 })
  stream.sample({ pid: 200, at: 3e9, chain: [user, 0x1020] })
  const recording = new PerfRecording({ keepsAddresses: true })
  recording.push(stream.toBytes())
  recording.end()
  recording.symbolizeNew(nameByOffset())
  const batches = [recording.takeSamples(1.7e9), recording.takeSamples()]
  const again = record(writePerfData(recording, batches))
  expect(tell(again)).toEqual(batches.flatMap((batch) => tell({ recording, batch })))
  expect(again.batch.losses.map(({ timeNs, count }) => [timeNs, count])).toEqual([[1.5e9, 5]])
  const { recording: read, batch } = again
  expect([...read.rawStacks.wordsOf(batch.rawStack[0]!)].slice(-2)).toEqual([0x636f6c2f, 0x2f656c61])
})
