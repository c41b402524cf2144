// Self and total per function.
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { topFunctions } from './top.ts'

test('recursion counts once in the total, modules of one name are one row', () => {
  const { functions, total, unit } = topFunctions(
    drawProfile(`
      main;walk;walk;walk 5
      main;walk@/usr/lib/libtree.so;read 3
      main 2
    `),
  )
  expect(functions.map((row) => [row.function, row.self, row.total])).toEqual([
    ['walk', 5, 8],
    ['read', 3, 3],
    ['main', 2, 10],
  ])
  expect([total, unit]).toEqual([10, 'count'])
})

test('the module is that of the samples that are counted, not of others that have the name elsewhere', () => {
  const profile = drawProfile(`
    start@/usr/lib/libc.so.6;serve 5
    start@/srv/static;spin 3
  `)
  const modulesOf = (filter?: (sample: number) => boolean): (string | undefined)[] =>
    topFunctions(profile, filter ? { filter } : {})
      .functions.filter((row) => row.function === 'start')
      .map((row) => row.module)
  expect(modulesOf()).toEqual(['libc.so.6'])
  expect(modulesOf((sample) => sample === 1)).toEqual(['static'])
})

test('a difference counts its magnitude', () => {
  const { functions, total } = topFunctions(drawProfile('a 5\nb -7'))
  expect(functions.map((row) => [row.function, row.self])).toEqual([
    ['b', -7],
    ['a', 5],
  ])
  expect(total).toBe(12)
})
