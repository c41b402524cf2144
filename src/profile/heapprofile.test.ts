import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { matchesHeapProfile, parseHeapProfile } from './heapprofile.ts'
import type { Profile } from './profile.ts'

interface RawNode {
  callFrame: { functionName: string; lineNumber: number }
  selfSize: number
  id: number
  children: RawNode[]
}

const read = (name: string): Uint8Array =>
  readFileSync(new URL(`../../test/fixtures/heapprofile/${name}`, import.meta.url))
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

function lines({ samples, stacks, locations, lines: rows, functions, strings }: Profile): string[] {
  return Array.from({ length: samples.length }, (_, i) => {
    const stack = samples.stack[i]!
    const frames = [...stacks.locations.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])].map((location) => {
      const fn = rows.function[locations.lineOffsets[location]!]!
      return `${strings.get(functions.systemName[fn]!)}:${functions.startLine[fn]}`
    })
    return `${samples.values[0]![i]} ${samples.values[1]![i]} ${frames.reverse().join(';')}`
  }).sort()
}

test.each(['node20.heapprofile', 'node24.heapprofile'])('%s: sizes and counts per stack', (name) => {
  const { head, samples } = JSON.parse(new TextDecoder().decode(read(name))) as {
    head: RawNode
    samples: { size: number; nodeId: number }[]
  }
  const walk = (node: RawNode, above: string[]): string[] => {
    const { functionName, lineNumber } = node.callFrame
    const path = functionName === '(root)' ? above : [...above, `${functionName}:${lineNumber + 1}`]
    const count = samples.filter((sample) => sample.nodeId === node.id).length
    const own = node.selfSize > 0 ? [`${count} ${node.selfSize} ${path.join(';')}`] : []
    return [...own, ...node.children.flatMap((child) => walk(child, path))]
  }
  const profile = parseHeapProfile(read(name))
  expect(lines(profile)).toEqual(walk(head, []).sort())
  expect(profile.sampleTypes[profile.defaultType]).toEqual({ type: 'inuse_space', unit: 'bytes' })
  const bytes = profile.samples.values[1]!.reduce((sum, value) => sum + value, 0n)
  expect(bytes).toBe(BigInt(samples.reduce((sum, sample) => sum + sample.size, 0)))
  expect(profile.losses).toEqual([])
  expect(matchesHeapProfile(read(name).subarray(0, 65_536))).toBe(true)
})

test('samples of unknown nodes are counted, deep trees are refused', () => {
  const head = { callFrame: { functionName: 'f' }, selfSize: 8, id: 1, children: [] }
  const profile = parseHeapProfile(utf8(JSON.stringify({ head, samples: [{ size: 8, nodeId: 7, ordinal: 1 }] })))
  expect(profile.losses).toEqual([{ what: 'samples whose node is missing', count: 1 }])
  const deep = '{"selfSize":1,"callFrame":{},"children":['
  const bomb = `{"head":${deep.repeat(4999)}{}${']}'.repeat(4999)}}`
  expect(() => parseHeapProfile(utf8(bomb))).toThrow('too many for a file of this size')
  expect(() => parseHeapProfile(utf8('{"head":1}'))).toThrow('no tree')
})
