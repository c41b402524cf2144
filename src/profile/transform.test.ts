// Patterns that come in a file are tried only when they cannot take long. What they do is in pprof-reference.test.ts.
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { unsafePattern } from './pattern-safety.ts'
import { dropUninteresting } from './transform.ts'

test.each([
  'malloc|free',
  'tcmalloc::.*',
  '(base::)?Unlock.*',
  'runtime\\.call[0-9]*',
  '[)*+]+x',
  'a{2}',
  'operator new(\\[\\])?',
])('%s is safe', (pattern) => {
  expect(unsafePattern(pattern)).toBe(false)
})

test.each(['(a+)+b', '(a|a)*b', '(a|b|ab){2,}c', '.*.*.*x', '(.)\\1', '(?<n>a)\\k<n>'])('%s is not', (pattern) => {
  expect(unsafePattern(pattern)).toBe(true)
})

test('a pattern that is not tried is counted', () => {
  const profile = { ...drawProfile('main;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1'), dropFrames: '(a+)+b' }
  expect(dropUninteresting(profile).losses).toEqual([{ what: 'drop_frames patterns that were not applied', count: 1 }])
  expect(dropUninteresting({ ...profile, dropFrames: '[[:alpha:' }).losses.length).toBe(1)
})
