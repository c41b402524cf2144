// Places get one row each, are asked for by their exact addresses, and keep their rows when others are forgotten.
import { expect, test } from 'vitest'
import { FrameTable, unknownPlace } from './frame-table.ts'
import { kernelText, MappedFiles } from './mapped-file.ts'

const second = 1
const at = { second, isReturn: false }
const kernel = new MappedFiles().rangeOf({
  pid: -1,
  start: -(2 ** 55),
  length: 2 ** 55,
  pageOffset: -(2 ** 55),
  path: kernelText,
  isKernel: true,
})
const program = new MappedFiles().rangeOf({
  pid: 7,
  start: 0x400000,
  length: 0x100000,
  pageOffset: 0,
  path: '/bin/program',
  isKernel: false,
})

test('names are asked for by exact addresses, of the kernel as well', () => {
  const frames = new FrameTable(true)
  const addresses = [-2127010665, -2127010664, -2127010663, -1072693247]
  for (const address of addresses) frames.rowOf(kernel, address, at)
  const asked: number[] = []
  frames.askNames({
    symbolize(_, ips) {
      asked.push(...ips)
      return Array.from(ips, () => [])
    },
  })
  expect(asked).toEqual(addresses)
})

test('rows that are forgotten are given to new places; all others stay', () => {
  const frames = new FrameTable(true)
  const count = 1000
  const rows = Array.from({ length: count }, (_, i) => frames.rowOf(program, 0x400000 + i, at))
  expect(new Set([unknownPlace, ...rows]).size).toBe(count + 1)
  frames.retain((row) => row % 3 === 0)
  const kept = rows.filter((row) => row % 3 === 0)
  expect(frames.size).toBe(kept.length + 1)
  for (const [i, row] of rows.entries()) {
    if (row % 3 !== 0) continue
    expect(frames.rowOf(program, 0x400000 + i, at)).toBe(row)
    expect(frames.placeOf(row).offset).toBe(i)
  }
  const others = Array.from({ length: count - kept.length }, (_, i) => frames.rowOf(program, 0x480000 + i, at))
  expect(new Set([unknownPlace, ...kept, ...others]).size).toBe(count + 1)
  expect(frames.limit).toBe(count + 1)
})
