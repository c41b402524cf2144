import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Ask, judgeAnswer } from './go-pprof-answer.ts'
import { indexedProfiles } from './go-pprof-find.ts'
import { excerpt } from './http-get.ts'

const ask = (query: string, form: Ask['form'] = 'profile'): Ask => ({ query, form, name: 'x', emptyWhy: 'idle' })
const answer = (status: number, body: string | Buffer) => ({ status, body: Buffer.from(body), cut: undefined })
/** One sample type whose strings are both "", and the string table: whole, without a sample. */
const noSamples = Buffer.from([0x0a, 0x04, 0x08, 0x00, 0x10, 0x00, 0x32, 0x00])

test('a well-formed profile without samples is empty, and why', async () => {
  expect(await judgeAnswer(ask('profile?seconds=1'), answer(200, noSamples))).toEqual({ empty: 'idle' })
  expect(await judgeAnswer(ask('profile?seconds=1'), answer(200, gzipSync(noSamples)))).toEqual({ empty: 'idle' })
})

test('Go before 1.17 answers a question for a difference with the state: that is none', async () => {
  const delta = { ...ask('heap?seconds=10'), isDelta: true }
  expect(await judgeAnswer(delta, answer(200, noSamples))).toEqual({
    absent: 'it tells its state and no difference; Go 1.17 and later do',
  })
})

test('what Go refuses has a code of its own', async () => {
  const busy = answer(500, 'Could not enable CPU profiling: cpu profiling already in use\n')
  await expect(judgeAnswer(ask('profile?seconds=1'), busy)).rejects.toMatchObject({ code: 'PROFILER_BUSY' })
  const traced = answer(500, 'Could not enable tracing: tracing is already enabled\n')
  await expect(judgeAnswer(ask('trace?seconds=1', 'trace'), traced)).rejects.toMatchObject({ code: 'PROFILER_BUSY' })
  // net/http/pprof before Go 1.23
  const long = answer(400, "profile duration exceeds server's WriteTimeout\n")
  await expect(judgeAnswer(ask('profile?seconds=30'), long)).rejects.toMatchObject({
    code: 'REFUSED',
    message: expect.stringContaining('take a shorter --for'),
  })
  expect(await judgeAnswer(ask('trace?seconds=1', 'trace'), answer(404, 'Unknown profile\n'))).toEqual({
    absent: 'the program serves no trace (404: Unknown profile)',
  })
})

test('where a program would send us is said, and not gone to', async () => {
  const away = {
    ...answer(302, '<a href="http://169.254.169.254/">Found</a>.'),
    location: 'http://169.254.169.254/\u001b[2J',
  }
  await expect(judgeAnswer(ask('heap'), away)).rejects.toMatchObject({
    code: 'UNEXPECTED_ANSWER',
    message: 'heap answers 302, and would lead to http://169.254.169.254/ [2J, which is not followed',
  })
})

test('half a profile is none; half a dump is, and says so', async () => {
  const body = gzipSync(noSamples)
  await expect(judgeAnswer(ask('heap'), { status: 200, body, cut: 'size' })).rejects.toMatchObject({
    code: 'TOO_LARGE',
  })
  await expect(judgeAnswer(ask('heap'), { status: 200, body, cut: 'closed' })).rejects.toMatchObject({
    code: 'UNEXPECTED_ANSWER',
  })
  await expect(judgeAnswer(ask('heap'), answer(200, body.subarray(0, -9)))).rejects.toMatchObject({
    code: 'UNEXPECTED_ANSWER',
  })
  // Parts one after another are one stream (RFC 1952, 2.2).
  const bomb = Buffer.concat(Array(130).fill(gzipSync(Buffer.alloc(1024 * 1024))))
  await expect(judgeAnswer(ask('heap'), answer(200, bomb))).rejects.toMatchObject({ code: 'TOO_LARGE' })
  const dump = Buffer.from('goroutine 1 [running]:\nmain.main()\n\t/app/main.go:5 +0x1\n')
  expect(await judgeAnswer(ask('goroutine?debug=2', 'stacks'), { status: 200, body: dump, cut: 'size' })).toMatchObject(
    { isCut: true },
  )
})

test('a page made of beginnings of links is not searched from each of them to its end', () => {
  // 256 KiB of these took half a minute.
  expect(indexedProfiles(Buffer.from('href=/'.repeat(43_000)))).toBeUndefined()
  expect(indexedProfiles(Buffer.from(`${'href='.repeat(40_000)}'/debug/pprof/heap?debug=1`))).toEqual(['heap'])
})

test('the index page lists its profiles; another page is no index', () => {
  // Go 1.26 and Go 1.10
  const page = `<tr><td>0</td><td><a href='allocs?debug=1'>allocs</a></td></tr>
    <tr><td>5</td><td><a href='goroutine?debug=1'>goroutine</a></td></tr>
    <a href="goroutine?debug=2">full goroutine stack dump</a> <a href="/debug/pprof/heap?debug=1">heap</a>`
  expect(indexedProfiles(Buffer.from(page))).toEqual(['allocs', 'goroutine', 'heap'])
  expect(indexedProfiles(Buffer.from('<a href="/metrics">Metrics</a>'))).toBeUndefined()
})

test('foreign words come as one short line without control characters', () => {
  expect(excerpt(Buffer.from('<h1>No</h1>\n\u001b[31mred\u0000\n'))).toBe('No [31mred')
  expect(excerpt(Buffer.from('x'.repeat(500)))).toHaveLength(161)
})
