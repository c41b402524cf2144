// Held against what the kernel knows: of two processes that share one CPU each waits while the other runs.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { waitedSecondsOf } from './run-delay.ts'

const runSeconds = (pid: number): number => Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1e9

test('the wait of a process is the time that its neighbour on the CPU ran', async () => {
  const burners = [1, 2].map(() =>
    spawn('taskset', ['-c', '0', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }),
  )
  try {
    const [one, other] = burners.map(({ pid }) => pid as number) as [number, number]
    await expect.poll(() => Math.min(runSeconds(one), runSeconds(other))).toBeGreaterThan(0.3)
    // Neither has slept since: what it did not run it waited for, and its neighbour ran in that time.
    expect(waitedSecondsOf(one)).toBeGreaterThan(0.2)
    expect(waitedSecondsOf(other)).toBeGreaterThan(0.2)
  } finally {
    for (const burner of burners) burner.kill('SIGKILL')
  }
  expect(waitedSecondsOf(4_194_304)).toBeUndefined()
})

test('threads are summed', async () => {
  // Another process: threads of this one come and go while they are being read.
  const child = spawn(process.execPath, ['-e', 'console.log("up"); setInterval(() => {}, 1000)'])
  try {
    await once(child.stdout, 'data')
    const sum = execFileSync('sh', ['-c', `cat /proc/${child.pid}/task/*/schedstat`], { encoding: 'latin1' })
      .trim()
      .split('\n')
      .reduce((seconds, line) => seconds + Number(line.split(' ')[1]) / 1e9, 0)
    expect(sum).toBeGreaterThan(0)
    expect(waitedSecondsOf(child.pid as number)).toBeGreaterThan(sum - 1e-6) // floating point
  } finally {
    child.kill('SIGKILL')
  }
})
