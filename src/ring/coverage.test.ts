import { expect, test } from 'vitest'
import { assignSpans } from './coverage.ts'

const source = (name: string, fromNs: number, toNs: number) => ({ name, fromNs, toNs })
const drawn = (wanted: [number, number], ...sources: ReturnType<typeof source>[]): string => {
  const { assigned, gaps } = assignSpans({ fromNs: wanted[0], toNs: wanted[1] }, sources)
  const parts = [
    ...assigned.map((each) => ({ ...each, text: each.source.name })),
    ...gaps.map((gap) => ({ ...gap, text: 'gap' })),
  ]
  return parts
    .sort((a, b) => a.fromNs - b.fromNs)
    .map((each) => `${each.text} ${each.fromNs}-${each.toNs}`)
    .join(', ')
}

test('the deep stream wins where it recorded, the ring tells the rest', () => {
  expect(drawn([0, 100], source('deep', 60, 90), source('ring', -50, 200))).toBe('ring 0-60, deep 60-90, ring 90-100')
})

test('a ring that was restarted leaves a gap, and so does one that began late', () => {
  expect(drawn([0, 100], source('old', 20, 50), source('new', 55, 100))).toBe(
    'gap 0-20, old 20-50, gap 50-55, new 55-100',
  )
})

test('nothing wanted, nothing given', () => {
  expect(drawn([5, 5], source('ring', 0, 10))).toBe('')
})
