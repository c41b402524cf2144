// A recording that is read once, without keeping its chains, says the same as one that keeps them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DrawnStream, nameByOffset, user } from '../../../test/recordings/drawn-stream.ts'
import { buildCallTree } from '../call-tree.ts'
import { firstEqualStack } from '../unique-stacks.ts'
import { parsePerfDataBytes } from './parse.ts'
import { PerfRecording } from './recording.ts'

const folder = join(import.meta.dirname, '../../../test/fixtures/perf-data')

/** Every sample with its time, thread and names. */
function read(bytes: Uint8Array, { forgetsChains }: { forgetsChains: boolean }): string[] {
  const recording = new PerfRecording({ keepsAddresses: true, forgetsChains })
  // In pieces, so that records are delivered in many rounds.
  for (let at = 0; at < bytes.length; at += 3000) recording.push(bytes.subarray(at, at + 3000))
  recording.end()
  recording.symbolizeNew(nameByOffset())
  const batch = recording.takeSamples()
  return Array.from({ length: batch.length }, (_, i) => {
    const { pid, tid, comm } = batch.threads[batch.thread[i]!]!
    const frames = Array.from(recording.stackOf(batch.stack[i]!), (row) => {
      const { file, offset, frames } = recording.frame(row)
      return `${frames[0]?.name ?? '?'} ${file?.path}+${offset}`
    })
    const cut = recording.isStackTruncated(batch.stack[i]!) ? ' cut' : ''
    return `${batch.timeNs[i]} ${comm} ${pid}/${tid} ${batch.period[i]}: ${frames.join('; ')}${cut}`
  })
}

test.each(readdirSync(folder).filter((name) => name.endsWith('.data')))('%s', (name) => {
  const bytes = readFileSync(join(folder, name))
  const samples = read(bytes, { forgetsChains: true })
  expect(samples.length).toBeGreaterThan(20)
  expect(samples).toEqual(read(bytes, { forgetsChains: false }))
})

test.each(readdirSync(folder).filter((name) => name.endsWith('.data')))(
  'equal stacks of the profile of %s are known',
  (name) => {
    const profile = parsePerfDataBytes(readFileSync(join(folder, name)), { symbolizer: nameByOffset() })
    const { stacks } = profile
    // A copy is another table, of which nothing is known.
    const copy = { ...stacks }
    expect(buildCallTree(profile)).toEqual(buildCallTree({ ...profile, stacks: copy }))
    expect(firstEqualStack(stacks)).toEqual(firstEqualStack(copy))
  },
)

test('equal chains of processes that have other code there are different stacks', () => {
  const stream = new DrawnStream()
  // Of one chain they all begin at one place of the index, where four have room.
  const count = 50
  for (let i = 0; i < count; i++) {
    const pid = 100 + i
    stream.comm(pid, `p${pid}`, { at: 1 + 2 * i })
    stream.map(pid, `/bin/p${pid}`, { at: 2 + 2 * i, start: 0x4000, length: 0x1000, inode: pid })
  }
  const chain = [user, 0x4010, 0x4020, 0x7000]
  for (let i = 0; i < 10 * count; i++) stream.sample({ pid: 100 + (i % count), at: 1000 + i, chain })
  const bytes = stream.toBytes()
  const samples = read(bytes, { forgetsChains: true })
  expect(samples).toEqual(read(bytes, { forgetsChains: false }))
  expect(new Set(samples.map((sample) => sample.replace(/^.*?: /, ''))).size).toBe(count)
})
