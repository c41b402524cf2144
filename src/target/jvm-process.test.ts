import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { parseJvmStatus, readJvm, readJvmKind } from './jvm-process.ts'

test('status of a JVM in a container, and of one that does not catch SIGQUIT', () => {
  const status = (line: string): string =>
    `Name:\tjava\nState:\tS (sleeping)\nUid:\t10001\t10001\t10001\t10001\nGid:\t20001\t20002\t20001\t20001\nNSpid:\t4242\t17\t7\n${line}\n`
  expect(parseJvmStatus(status('SigCgt:\t2000000181005ccf'), 4242)).toEqual({
    innerPid: 7,
    uid: 10001,
    gid: 20002,
    catchesQuit: true,
    isStopped: false,
  })
  expect(parseJvmStatus(status('SigCgt:\t2000000181001cc8'), 4242).catchesQuit).toBe(false)
  expect(parseJvmStatus('State:\tT (stopped)\nSigCgt:\t0\n', 9)).toMatchObject({ innerPid: 9, isStopped: true })
})

test('what maps no libjvm is no JVM', async () => {
  const child = spawn('sleep', ['60'])
  await once(child, 'spawn')
  expect(readJvmKind(child.pid!)).toBeUndefined()
  child.kill()
  expect(readJvmKind(process.pid)).toBeUndefined()
  expect(readJvm(process.pid)).toMatchObject({ innerPid: process.pid, uid: process.getuid!(), hasOwnUsers: false })
  expect(readJvm(4_194_305)).toBeUndefined()
})
