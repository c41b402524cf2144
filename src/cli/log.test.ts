import { expect, test } from 'vitest'
import { renderLine } from './log.ts'

test('one readable line per event', () => {
  const time = new Date(2026, 10, 21, 3, 4, 5).getTime()
  expect(renderLine({ level: 30, time, msg: 'agent started', node: 'vm1', cpus: 2 })).toBe(
    '03:04:05 info  agent started  node=vm1 cpus=2',
  )
  expect(renderLine({ level: 50, time, msg: 'lost', err: { message: 'no', stack: 'Error: no\n    at x' } })).toBe(
    '03:04:05 error lost\nError: no\n    at x',
  )
  const evil = 'x\n03:04:05 error\x1b]0;pwned\x07'
  expect(renderLine({ level: 30, time, msg: evil, alert: evil })).toBe(
    '03:04:05 info  x 03:04:05 error\ufffd]0;pwned\ufffd  alert=x 03:04:05 error\ufffd]0;pwned\ufffd',
  )
})
