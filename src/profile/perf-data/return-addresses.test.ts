import { expect, test } from 'vitest'
import { DrawnStream, kernel, user } from '../../../test/recordings/drawn-stream.ts'
import type { Symbolizer } from '../symbolizer.ts'
import { PerfRecording } from './recording.ts'

/** Names are offsets, `~` before those of return addresses. */
const symbolizer: Symbolizer = {
  symbolize: (mapping, ips, returns) =>
    Array.from(ips, (ip, i) => {
      const offset = mapping.isKernel ? 'kernel' : (ip - mapping.start + mapping.pageOffset).toString(16)
      return [{ name: `${returns?.[i] ? '~' : ''}${offset}` }]
    }),
}

test.each([
  { way: 'read once', options: { forgetsChains: true } },
  { way: 'of a file that keeps its chains', options: { keepsAddresses: true } },
  { way: 'live', options: {} },
])('an address is looked up as where code ran, or as what a call returns to: $way', ({ options }) => {
  const stream = new DrawnStream()
  stream.map(1, '/app', { at: 0, start: 0x4000, length: 0x1000, inode: 9 })
  const chains = [
    [user, 0x4010, 0x4020, 0x4030],
    // The caller of before is where it ran now, and the other way round.
    [user, 0x4020, 0x4030],
    [user, 0x4040, 0x4010, 0x4020, 0x4030],
    [user, 0x4010, 0x4020, 0x4030],
    // Interrupted user code did not call the kernel as functions do.
    [kernel, -0x7f000000, user, 0x4020, 0x4030],
    [kernel, -0x7f000000, user, 0x4030],
  ]
  for (const [i, chain] of chains.entries()) stream.sample({ pid: 1, at: 10 + i, chain })
  const recording = new PerfRecording(options)
  recording.push(stream.toBytes())
  recording.end()
  recording.symbolizeNew(symbolizer)
  const { stack } = recording.takeSamples()
  const read = Array.from(stack, (id) =>
    Array.from(recording.stackOf(id), (row) => recording.frame(row).frames[0]?.name ?? '?').join(' '),
  )
  const app = ['10 ~20 ~30', '20 ~30', '40 ~10 ~20 ~30', '10 ~20 ~30']
  expect(read).toEqual([...app, 'kernel 20 ~30', 'kernel 30'])
})
