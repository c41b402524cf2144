// Places for answers, looked at before there is an answer.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { requireWritable } from './output.ts'

test('a place that cannot be written is said before anything is recorded for it', () => {
  const folder = temporaryFolder()
  requireWritable('-')
  requireWritable(join(folder, 'cpu.svg'))
  requireWritable(`${join(folder, 'new', 'deep')}/`)
  expect(() => requireWritable(join(folder, 'missing', 'cpu.svg'))).toThrow(/missing.*cannot be written/)
  expect(() => requireWritable('/proc/nowhere/cpu.svg')).toThrow(/cannot be written/)
})
