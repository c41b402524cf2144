import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from '../../test/scratch.ts'
import { JitCode } from './jit-code.ts'

test('code that is compiled after the first look-up gets its name too', () => {
  const root = freshFolder('jit')
  mkdirSync(join(root, 'tmp'))
  const map = join(root, 'tmp', 'perf-4242.map')
  writeFileSync(map, '1000 10 JS:~first a.js:1:1\n')
  const code = new JitCode(4242, { proc: join(root, 'no-proc'), root })
  code.refresh()
  expect(code.framesAt(0x1004)).toEqual([{ name: 'JS:~first a.js:1:1' }])
  expect(code.framesAt(0x2004)).toEqual([])
  appendFileSync(map, '2000 10 JS:*second a.js:2:1\n')
  code.refresh()
  expect(code.framesAt(0x2004)).toEqual([{ name: 'JS:*second a.js:2:1' }])
  code.close()
})
