import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type ProcStat, parseComm, parseMachineBusyTicks, parseProcStat } from './proc-stat.ts'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

test('fields are counted from the last parenthesis', () => {
  const line = encode('42 (a) S 9) b) R 7 42 42 0 -1 4194560 1234 0 0 0 812 96 3 4 20 0 11 0 123456 99 1\n')
  const stat: ProcStat = { cpuTicks: 0, threads: 0, startTicks: 0, parent: 0 }
  expect(parseProcStat(line, line.length, stat)).toBe(true)
  expect(stat).toEqual({ cpuTicks: 908, threads: 11, startTicks: 123456, parent: 7 })
  expect(parseComm(line, line.length)).toBe('a) S 9) b')
})

test('a name that would make a row of its own stays on one line', () => {
  const line = encode('42 (a\nroot 1 \x1b[31m) R 7 42')
  expect(parseComm(line, line.length)).toBe('a?root 1 ?[31m')
})

test('a line cut short is refused, not guessed', () => {
  const line = encode('42 (sh) S 7 42 42 0 -1 4194560 1234 0 0 0 812 96')
  expect(parseProcStat(line, line.length, { cpuTicks: 0, threads: 0, startTicks: 0, parent: 0 })).toBe(false)
})

test('this process, against the kernel and Node', () => {
  const bytes = readFileSync('/proc/self/stat')
  const stat: ProcStat = { cpuTicks: 0, threads: 0, startTicks: 0, parent: 0 }
  expect(parseProcStat(bytes, bytes.length, stat)).toBe(true)
  expect(stat.parent).toBe(process.ppid)
  expect(Math.abs(stat.cpuTicks / 100 - process.cpuUsage().user / 1e6 - process.cpuUsage().system / 1e6)).toBeLessThan(
    0.5,
  )
})

test('steal, idle and iowait are not busy; guest is not counted twice', () => {
  const line = encode('cpu  100 20 30 5000 60 7 8 900 50 5\ncpu0 1 1 1 1 1 1 1 0 0 0\n')
  expect(parseMachineBusyTicks(line, line.length)).toBe(100 + 20 + 30 + 7 + 8)
})
