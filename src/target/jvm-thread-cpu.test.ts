import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { readThreadClocks, readThreadNames, type ThreadClocks, threadsBetween } from './jvm-thread-cpu.ts'

const clocks = (cpuMs: Record<number, number>): ThreadClocks => ({
  atMs: 0,
  processCpuMs: 0,
  cpuMs: new Map(Object.entries(cpuMs).map(([tid, ms]) => [Number(tid), ms])),
})

test('busy, new and reused ids; the idle and the ended are left out', () => {
  expect(threadsBetween(clocks({ 1: 10, 2: 5, 3: 90, 9: 4 }), clocks({ 1: 12.5, 2: 5, 3: 7, 4: 30 }))).toEqual([
    { tid: 4, cpuMs: 30, isNew: true },
    { tid: 3, cpuMs: 7, isNew: true },
    { tid: 1, cpuMs: 2.5, isNew: false },
  ])
})

test('a thread of this process that burns is first, and the sum is what the process used', async () => {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     parentPort.on('message', () => { const until = process.cpuUsage().user + 300e3; while (process.cpuUsage().user < until); parentPort.postMessage('done') })
     parentPort.postMessage('ready')`,
    { eval: true },
  )
  await once(worker, 'message')
  const before = await readThreadClocks(process.pid)
  worker.postMessage('burn')
  await once(worker, 'message')
  const after = await readThreadClocks(process.pid)
  await worker.terminate()
  const [first] = threadsBetween(before, after)
  expect(first!.tid).not.toBe(process.pid)
  expect(first!.cpuMs).toBeGreaterThan(200)
  const sum = threadsBetween(before, after).reduce((total, { cpuMs }) => total + cpuMs, 0)
  // Ticks of 10 ms on one side.
  expect(Math.abs(sum - (after.processCpuMs - before.processCpuMs))).toBeLessThan(40)
})

test('names, and a thread that is not there', async () => {
  expect(readThreadNames(process.pid, process.pid)).toMatchObject({ innerTid: process.pid })
  expect(readThreadNames(process.pid, 4_194_305)).toBeUndefined()
})
