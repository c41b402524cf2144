import { expect, test } from 'vitest'
import { DrawnStream, nameByOffset, user } from '../../../test/recordings/drawn-stream.ts'
import { runTool } from '../../capture/run.ts'
import { PerfRecording } from './recording.ts'

const second = 1e9

/** What was noticed and sampled when everything up to two seconds is delivered at once. */
function live(stream: DrawnStream, skipsUnsampled = true) {
  const noticed: string[] = []
  const recording = new PerfRecording({ skipsUnsampled, noticed: ({ path }) => noticed.push(path) })
  recording.push(stream.toBytes())
  recording.drain(2 * second)
  recording.symbolizeNew(nameByOffset())
  const batch = recording.takeSamples()
  const samples = Array.from(batch.stack, (stack, i) => {
    const names = Array.from(recording.stackOf(stack), (row) => recording.frame(row).frames[0]?.name ?? '?')
    return `${batch.threads[batch.thread[i] as number]?.comm} ${names.join(';')}`
  })
  return { noticed, samples, tasks: recording.held.tasks }
}

/** A shell that starts `true`, which ends after 1 ms; what else happens is drawn by the test. */
function storm(pids: readonly number[]): DrawnStream {
  const stream = new DrawnStream()
  stream.comm(100, 'sh', { at: 1 })
  stream.map(100, '/bin/sh', { at: 2, start: 0x1000, length: 0x1000, inode: 1 })
  for (const pid of pids) {
    const at = pid * 1e6
    stream.fork({ pid, from: 100, at })
    stream.comm(pid, 'true', { at: at + 1, exec: true })
    stream.map(pid, `/bin/true${pid}`, { at: at + 2, start: 0x5000, length: 0x1000, inode: pid })
    stream.exit(pid, { at: at + 1e6 })
  }
  return stream
}
/** Something at the end, so that what came before is not the newest. */
const end = (stream: DrawnStream): DrawnStream => {
  stream.sample({ pid: 100, at: 1.9 * second, chain: [user, 0x1010] })
  return stream
}

test('a process that came and went without a sample is passed over', () => {
  const stream = end(storm([200, 300, 400]))
  expect(live(stream)).toEqual({ noticed: ['/bin/sh'], samples: ['sh sh+10'], tasks: 1 })
  expect(live(stream, false).noticed).toEqual(['/bin/sh', '/bin/true200', '/bin/true300', '/bin/true400'])
})

test('one that was sampled is not, also when the sample follows its exit', () => {
  const stream = storm([200, 300])
  stream.sample({ pid: 300, at: 301e6 + 5, chain: [user, 0x5010] })
  expect(live(end(stream))).toMatchObject({
    noticed: ['/bin/sh', '/bin/true300'],
    samples: ['true true300+10', 'sh sh+10'],
  })
})

test('nor is one whose child, or the child of its child, was sampled or goes on', () => {
  const stream = storm([])
  stream.fork({ pid: 200, from: 100, at: 10 })
  stream.comm(200, 'make', { at: 11, exec: true })
  stream.map(200, '/bin/make', { at: 12, start: 0x7000, length: 0x1000, inode: 2 })
  stream.fork({ pid: 300, from: 200, at: 13 })
  stream.fork({ pid: 400, from: 300, at: 14 })
  stream.exit(200, { at: 15 })
  stream.exit(300, { at: 16 })
  stream.sample({ pid: 400, at: 1 * second, chain: [user, 0x7010] })
  expect(live(end(stream)).samples).toEqual(['make make+10', 'sh sh+10'])
})

test('nor one of whose threads one goes on, nor one that ended just now', () => {
  const stream = storm([200])
  stream.fork({ pid: 300, from: 100, at: 300e6 })
  stream.map(300, '/bin/threads', { at: 301e6, start: 0x5000, length: 0x1000, inode: 3 })
  stream.fork({ pid: 300, tid: 301, from: 300, at: 302e6 })
  stream.exit(300, { at: 303e6 })
  stream.fork({ pid: 500, from: 100, at: 1.88 * second })
  stream.map(500, '/bin/late', { at: 1.88 * second + 1, start: 0x5000, length: 0x1000, inode: 5 })
  stream.exit(500, { at: 1.89 * second })
  expect(live(end(stream)).noticed).toEqual(['/bin/sh', '/bin/threads', '/bin/late'])
})

test('a real fork storm has the same samples with and without', async () => {
  const script = 'i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done'
  const args = ['record', '-a', '-F', '199', '-g', '-e', 'cpu-clock', '-k', 'CLOCK_MONOTONIC', '-N', '-B', '-o', '-']
  const { stdout } = await runTool({ command: 'perf', args: [...args, '--', 'sh', '-c', script] })
  const read = (skipsUnsampled: boolean) => {
    let stormed = 0
    // What else runs on the machine lives on, and is noticed either way.
    const noticed = ({ path }: { path: string }): void => {
      if (path.endsWith('/true')) stormed++
    }
    const recording = new PerfRecording({ skipsUnsampled, noticed })
    recording.push(stdout)
    recording.end()
    recording.symbolizeNew(undefined)
    const batch = recording.takeSamples()
    const samples = Array.from(batch.stack, (stack, i) => {
      const places = Array.from(recording.stackOf(stack), (row) => {
        const { file, offset } = recording.frame(row)
        return `${file?.path}+${offset}`
      })
      return [batch.timeNs[i], batch.threads[batch.thread[i] as number]?.comm, ...places].join(' ')
    })
    return { samples, stormed }
  }
  const all = read(false)
  const skipping = read(true)
  expect(all.samples.length).toBeGreaterThan(100)
  expect(skipping.samples).toEqual(all.samples)
  expect(all.stormed).toBeGreaterThan(500)
  expect(skipping.stormed).toBeLessThan(all.stormed / 2)
})
