// Places for answers, looked at before there is an answer.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { forTerminal, requireWritable } from './output.ts'

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
