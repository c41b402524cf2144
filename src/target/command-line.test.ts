// Any process may say that terabytes of its memory are its command line: files as large as no memory stand for that.
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { readCommandLine, readWords } from './command-line.ts'

const proc = temporaryFolder()

test('a command line and an environment without an end are read as far as one can be', () => {
  const folder = join(proc, '7')
  mkdirSync(folder)
  for (const file of ['cmdline', 'environ'] as const) {
    writeFileSync(join(folder, file), 'app\0--password=x\0')
    truncateSync(join(folder, file), 2 ** 40)
  }
  expect(readCommandLine(7, proc)).toBe('app --password=***')
  expect(readWords(folder, 'environ').slice(0, 2)).toEqual(['app', '--password=x'])
  expect(readWords(folder, 'cmdline')).toHaveLength(50_000)
})
