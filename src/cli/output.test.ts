// Places for answers, looked at before there is an answer.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { forTerminal, renderTable, requireWritable } from './output.ts'

test('a place that cannot be written is said before anything is recorded for it', () => {
  const folder = temporaryFolder()
  requireWritable('-')
  requireWritable(join(folder, 'cpu.svg'))
  requireWritable(`${join(folder, 'new', 'deep')}/`)
  expect(() => requireWritable(join(folder, 'missing', 'cpu.svg'))).toThrow(/missing.*cannot be written/)
  expect(() => requireWritable('/proc/nowhere/cpu.svg')).toThrow(/cannot be written/)
})

test('a terminal shows what others named, and obeys none of it', () => {
  expect(forTerminal('a\tb\n\x1b[2Jé\x9b31m\r\u202egpj')).toBe('a\tb\n\ufffd[2Jé\ufffd31m\ufffd\ufffdgpj')
})

test('a table that is too wide for the terminal gives of the columns that may shrink, and keeps both ends of names', () => {
  const columns = [
    { title: 'SELF', align: 'right' as const },
    { title: 'FUNCTION', least: 12 },
    { title: 'MODULE', least: 6 },
  ]
  const rows = [['90.1 %', 'serialize_a_deeply_nested_configuration', 'cart-service']]
  expect(renderTable(columns, rows, 40)).toBe(
    ['  SELF  FUNCTION            MODULE', '90.1 %  serialize…guration  cart-service', ''].join('\n'),
  )
  // No narrower than it can be read, nor wider than it must be; pipes get all of it.
  expect(renderTable(columns, rows, 10).split('\n')[1]).toBe('90.1 %  serial…ation  car…ce')
  expect(renderTable(columns, rows, 200)).toBe(renderTable(columns, rows, undefined))
})

test('a name with a line end makes no row of its own', () => {
  const columns = [{ title: 'THREAD' }, { title: 'POD' }]
  expect(renderTable(columns, [['a\nmain  shop/cart-0\t', 'evil/x']]).split('\n')).toEqual([
    'THREAD                POD',
    'a\ufffdmain  shop/cart-0\ufffd  evil/x',
    '',
  ])
})
