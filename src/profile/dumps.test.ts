import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isDump, printDump, readDump } from './dumps.ts'
import { joinThreadDumps } from './thread-cpu.ts'
import { printBusyThreads } from './thread-dump-text.ts'

const fixtures = join(import.meta.dirname, '../../test/fixtures')
const read = (path: string): Uint8Array => readFileSync(join(fixtures, path))
const dumps = ['goroutines', 'thread-dump', 'arthas'].flatMap((folder) =>
  readdirSync(join(fixtures, folder))
    .filter((name) => /\.(txt|json)$/.test(name) && !name.includes('stat'))
    .map((name) => `${folder}/${name}`),
)

test.each(dumps)('%s is read, is plain JSON, and is printed with every thread', (path) => {
  const bytes = read(path)
  expect(isDump(bytes)).toBe(true)
  const dump = readDump(bytes)
  expect(JSON.parse(JSON.stringify(dump))).toEqual(dump)
  const text = printDump(dump)
  if (dump.kind === 'goroutines') {
    for (const group of dump.groups) expect(text).toContain(`${group.count} ${dump.of}`)
  } else if (dump.kind === 'arthas') {
    for (const thread of dump.threads) expect(text).toContain(JSON.stringify(thread.name))
  } else {
    const shown = [...text.matchAll(/^(\d+) threads? · /gm)].reduce((sum, match) => sum + Number(match[1]), 0)
    expect(shown).toBe(dump.dumps.reduce((sum, { threads }) => sum + threads.length, 0))
  }
})

test('other files are no dumps', () => {
  expect(isDump(read('speedscope/py-spy.speedscope.json'))).toBe(false)
  expect(() => readDump(read('cpuprofile/node24.cpuprofile'))).toThrow('no dump')
})

test('busy threads as text', () => {
  const [before, after] = ['jdk25-print.txt', 'jdk25-print-later.txt'].map((name) => {
    const dump = readDump(read(`thread-dump/${name}`))
    return dump.kind === 'threads' ? dump.dumps[0]! : undefined
  })
  const busy = joinThreadDumps(before!, after!)
  const text = printBusyThreads(busy)
  expect(text).toMatch(/^CPU of 48 threads in 2\.\d\d s, most first\n +\d+\.\d ms +\d+ % {2}"/)
  expect(text).toContain(
    '"ForkJoinPool-1-worker-2"  application  nid 8994\n        Dumpee.lambda$main$16 (Dumpee.java:48)',
  )
  expect(printBusyThreads({ ...busy, source: 'none' })).toContain('JDK 11')
})

test('arthas as text', () => {
  expect(printDump(readDump(read('arthas/thread-n.txt')))).toContain(
    '99.53 % of a core · 1990 ms · "busy \\"quoted\\" #1" · #29 · RUNNABLE\n    java.lang.Thread.yield0 (native)',
  )
})
