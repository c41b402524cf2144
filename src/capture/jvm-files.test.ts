import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { AttachedJvm } from './jvm-attach.ts'
import { hasJvmFile, newFileName, readJvmFile, removeForgotten, removeJvmFile } from './jvm-files.ts'

const folder = temporaryFolder()
const jvm: AttachedJvm = {
  process: {
    pid: process.pid,
    startTicks: 1,
    innerPid: 1,
    uid: process.getuid!(),
    gid: process.getgid!(),
    hasOwnUsers: false,
    catchesQuit: true,
    isStopped: false,
  },
  tmp: folder,
  jcmd: () => Promise.reject(new Error('not asked')),
  close: () => undefined,
}

test('what the JVM wrote is fetched, and removed', () => {
  writeFileSync(`${folder}/x.jfr`, 'FLR')
  expect(new TextDecoder().decode(readJvmFile(jvm, 'x.jfr', 3))).toBe('FLR')
  expect(() => readJvmFile(jvm, 'x.jfr', 2)).toThrow('has 3 bytes; 2 are the most')
  removeJvmFile(jvm, 'x.jfr')
  removeJvmFile(jvm, 'x.jfr')
  expect(hasJvmFile(jvm, 'x.jfr')).toBe(false)
  expect(() => readJvmFile(jvm, 'x.jfr', 3)).toThrow('has not written')
})

test('what somebody else put in the place is not', () => {
  writeFileSync(`${folder}/secret`, 'of the node')
  symlinkSync(`${folder}/secret`, `${folder}/link.jfr`)
  expect(() => readJvmFile(jvm, 'link.jfr', 100)).toThrow('has not written')
  execFileSync('mkfifo', [`${folder}/pipe.jfr`])
  expect(() => readJvmFile(jvm, 'pipe.jfr', 100)).toThrow('not a file that the JVM has written')
  if (process.getuid!() !== 0) return // to give a file away takes root
  chownSync(`${folder}/secret`, 10_002, 10_002)
  expect(() => readJvmFile(jvm, 'secret', 100)).toThrow('not a file that the JVM has written')
})

test('what a killed agent left is removed an hour later, and nothing else', () => {
  const [old, recent, held] = [newFileName('.jfr'), newFileName('.hprof'), newFileName('.jfr')]
  const foreign = 'spikecam-notes.jfr'
  for (const name of [old, recent, foreign]) writeFileSync(`${folder}/${name}`, '')
  // Put there to make every probe of this JVM fail.
  mkdirSync(`${folder}/${held}`)
  const before = Date.now() / 1000 - 3700
  for (const name of [old, held, foreign]) utimesSync(`${folder}/${name}`, before, before)
  removeForgotten(jvm)
  const left = [old, recent, held, foreign].map((name) => existsSync(`${folder}/${name}`))
  expect(left).toEqual([false, true, true, true])
})
