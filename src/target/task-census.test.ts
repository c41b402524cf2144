import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TaskCensus } from './task-census.ts'

function census(work: (say: (text: string) => boolean, census: TaskCensus) => void): void {
  const proc = mkdtempSync(join(tmpdir(), 'spikecam-proc-'))
  const path = join(proc, 'loadavg')
  writeFileSync(path, '')
  const tasks = new TaskCensus(proc)
  try {
    work((text) => {
      writeFileSync(path, text)
      return tasks.hasChanged()
    }, tasks)
  } finally {
    tasks.close()
    rmSync(proc, { recursive: true })
  }
}

test('a fork and an end are changes; more load and more tasks that run are none', () => {
  census((say) => {
    expect(say('0.42 0.31 0.28 2/305 104872\n')).toBe(true)
    expect(say('0.42 0.31 0.28 2/305 104872\n')).toBe(false)
    expect(say('11.04 0.90 0.31 9/305 104872\n')).toBe(false)
    expect(say('11.04 0.90 0.31 9/306 104873\n')).toBe(true)
    expect(say('11.04 0.90 0.31 9/305 104873\n')).toBe(true)
    // One ended, another began.
    expect(say('11.04 0.90 0.31 9/305 104874\n')).toBe(true)
    expect(say('11.04 0.90 0.31 9/305 104874\n')).toBe(false)
  })
})

test('every tenth look is a change anyway, and so is the one after a list that failed', () => {
  census((say, tasks) => {
    const looks = Array.from({ length: 21 }, () => say('0.00 0.00 0.00 1/97 4242\n'))
    expect(looks.flatMap((changed, i) => (changed ? [i] : []))).toEqual([0, 10, 20])
    tasks.forget()
    expect(say('0.00 0.00 0.00 1/97 4242\n')).toBe(true)
  })
})

test('without the file everything may have changed', () => {
  const tasks = new TaskCensus('/nowhere')
  expect([tasks.hasChanged(), tasks.hasChanged()]).toEqual([true, true])
  tasks.close()
})
