import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { findInside, readInside } from './inside-root.ts'

const isRoot = process.getuid?.() === 0
if (!isRoot) process.stderr.write('skipped: files inside another root: to make one takes root\n')

const root = temporaryFolder()
let inside: ChildProcess

beforeAll(async () => {
  mkdirSync(join(root, 'etc/tls/..data'), { recursive: true })
  mkdirSync(join(root, 'run'))
  writeFileSync(join(root, 'etc/tls/..data/tls.crt'), 'of the container')
  writeFileSync(join(root, 'etc/passwd'), 'of the container')
  for (const [link, to] of Object.entries({
    'etc/tls/tls.crt': '..data/tls.crt',
    'run/absolute': '/etc/passwd',
    'run/climbing': '../../../../../../../../../../etc/passwd',
    var: '/',
    loop: 'loop',
  })) {
    symlinkSync(to, join(root, link))
  }
  inside = spawn('perl', ['-e', 'chroot $ARGV[0] or die $!; $| = 1; print 1; sleep 600', root])
  if (isRoot) await once(inside.stdout!, 'data')
})
afterAll(() => inside.kill('SIGKILL'))

const read = (path: string): string => readInside(inside.pid as number, path, 100).toString()
const codeOf = (action: () => unknown): unknown => {
  try {
    return action()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

test.skipIf(!isRoot)('links are followed as the process would, and never lead out', () => {
  expect(read('/etc/tls/tls.crt')).toBe('of the container')
  expect(read('/run/absolute')).toBe('of the container')
  expect(read('/run/climbing')).toBe('of the container')
  expect(read('/var/var/run/../etc/./passwd')).toBe('of the container')
  expect(read('../../../../etc/passwd')).toBe('of the container')
})

test.skipIf(!isRoot)('what is no readable file of that size says so with the code of the system call', () => {
  expect(codeOf(() => read('/etc/absent'))).toBe('ENOENT')
  expect(codeOf(() => read('/etc/passwd/deeper'))).toBe('ENOTDIR')
  expect(codeOf(() => read('/loop'))).toBe('ELOOP')
  expect(codeOf(() => read('/etc'))).toBe('EINVAL')
  expect(codeOf(() => readInside(inside.pid as number, '/etc/passwd', 5))).toBe('EFBIG')
})

test.skipIf(!isRoot)('a place is told with what it is', () => {
  const place = findInside(inside.pid as number, '/var/run')
  expect(place.stats.isDirectory()).toBe(true)
  place.close()
})
