// The commands that work on files: real profiles, streams and exit codes; the real program where that is the point.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodePprof } from '../../src/profile/pprof-encode.ts'
import { drawProfile } from '../drawn-stacks.ts'
import { hasGo } from '../go-pprof.ts'
import { here } from './here.ts'
import { cleanEnv, fixture, root, spikecam } from './spikecam.ts'

const goCpu = fixture('pprof/go-cpu.pb.gz')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spikecam-cli-'))
  writeFileSync(join(folder, 'quiet.folded'), 'main;serve 50\nmain;poll 48\nmain;sweep 2\n')
  writeFileSync(join(folder, 'spike.folded'), 'main;serve 50\nmain;poll 45\nmain;serve;regexp 300\nmain;sweep 5\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('top -o json: heaviest self first, and nothing but JSON on stdout', async () => {
  const { code, stdout, stderr } = await spikecam(['top', goCpu, '-o', 'json'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const rows = JSON.parse(stdout) as { function: string; self: number; total: number; unit: string }[]
  expect(rows[0]).toEqual({
    function: 'crypto/sha256.block',
    self: 430_000_000,
    total: 430_000_000,
    unit: 'nanoseconds',
  })
  expect(rows.map((row) => row.self)).toEqual(rows.map((row) => row.self).sort((a, b) => b - a))
  expect(rows.every((row) => Object.keys(row).join() === 'function,self,total,unit')).toBe(true)
})

test('top for people: shares, and how many rows there would be', async () => {
  const { stdout } = await here(['top', goCpu, '--limit', '1'])
  expect(stdout).toContain('cpu: 630 ms in 63 samples over 2.1 s')
  expect(stdout).toMatch(/^430 ms {2}68\.3 % {2}430 ms {2}68\.3 % {2}crypto\/sha256\.block {2}feasgo$/m)
  expect(stdout).toContain('--limit 25 shows all')
})

test('stdin, gzip and zstd give what the file gives', async () => {
  const text = readFileSync(join(folder, 'spike.folded'))
  const [plain, ...packed] = await Promise.all(
    [text, gzipSync(text), zstdCompressSync(text)].map((stdin) => spikecam(['top', '-', '-o', 'json'], { stdin })),
  )
  for (const { code, stdout } of packed) expect({ code, stdout }).toEqual({ code: 0, stdout: plain!.stdout })
  expect(JSON.parse(plain!.stdout)[0]).toEqual({ function: 'regexp', self: 300, total: 300, unit: 'count' })
})

test('convert to pprof and back, file to file and through pipes, loses nothing', async () => {
  const from = join(folder, 'spike.folded')
  const to = join(folder, 'spike.pb.gz')
  expect(await spikecam(['convert', from, to])).toMatchObject({ code: 0, stdout: '', stderr: '' })
  const piped = await spikecam(['convert', '-', '--to', 'folded'], { stdin: readFileSync(to) })
  expect(piped.stdout.trim().split('\n').sort()).toEqual(readFileSync(from, 'utf8').trim().split('\n').sort())
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
})

test.skipIf(!hasGo())('go tool pprof reads what convert writes', async () => {
  const to = join(folder, 'go.pb.gz')
  await here(['convert', join(folder, 'spike.folded'), to])
  const top = execFileSync('go', ['tool', 'pprof', '-top', to], { encoding: 'utf8', stdio: 'pipe' })
  expect(top).toMatch(/^\s*300 .* regexp$/m)
})

test('flame writes a picture that needs nothing else', async () => {
  const svg = await here(['flame', goCpu, '--title', 'sha <1>'])
  expect(svg.code).toBe(0)
  expect(svg.stdout).toMatch(/^<svg [\s\S]*sha &lt;1&gt;[\s\S]*crypto\/sha256\.block[\s\S]*<\/svg>\n$/)
  const page = join(folder, 'cpu.html')
  expect(await here(['flame', goCpu, '-o', page])).toMatchObject({ code: 0, stdout: '' })
  const html = readFileSync(page, 'utf8')
  expect(html).toMatch(/^<!doctype html>/)
  expect(html).not.toMatch(/https?:/)
})

test('diff tells what grew and what is only chance', async () => {
  const { code, stdout } = await here([
    'diff',
    join(folder, 'quiet.folded'),
    join(folder, 'spike.folded'),
    '-o',
    'json',
  ])
  expect(code).toBe(0)
  const rows = JSON.parse(stdout) as { function: string; isSignificant: boolean }[]
  expect(rows[0]).toMatchObject({
    function: 'regexp',
    before: { self: 0 },
    during: { self: 300, selfShare: 0.75 },
    isSignificant: true,
    unit: 'count',
  })
  expect(rows.find((row) => row.function === 'sweep')).toMatchObject({
    before: { self: 2 },
    during: { self: 5 },
    isSignificant: false,
  })
})

test('several profiles are merged into one', async () => {
  const quiet = join(folder, 'quiet.folded')
  const { code, stdout } = await here(['convert', quiet, quiet, join(folder, 'spike.folded'), '-', '--to', 'folded'])
  expect(code).toBe(0)
  expect(stdout.trim().split('\n').sort()).toEqual([
    'main;poll 141',
    'main;serve 150',
    'main;serve;regexp 300',
    'main;sweep 9',
  ])
})

test('a dump as JSON and as text has all that it says', async () => {
  const dump = fixture('goroutines/go1.26-debug2-minutes.txt')
  const json = await here(['convert', dump, '--to', 'json'])
  expect(JSON.parse(json.stdout)).toMatchObject({ form: 'stacks', of: 'goroutine' })
  expect((await here(['convert', dump, '--to', 'text'])).stdout).toMatch(/^\d+ goroutines: /)
  const threads = join(folder, 'threads.json')
  expect(await here(['convert', fixture('thread-dump/jdk21-print.txt'), threads])).toMatchObject({ code: 0 })
  expect(JSON.parse(readFileSync(threads, 'utf8')).dumps[0].threads.length).toBeGreaterThan(5)
  const pprof = await here(['convert', goCpu, '--to', 'json'])
  expect(pprof).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is pprof (profile.proto); json is written of'),
  })
})

test('perf.data from a file and from stdin gives the same functions', async () => {
  const file = fixture('perf-data/file.data')
  const [whole, piped] = await Promise.all([
    spikecam(['top', file, '-o', 'json']),
    spikecam(['top', '-', '-o', 'json'], { stdin: readFileSync(file) }),
  ])
  expect(whole!.code).toBe(0)
  expect(piped!.stdout).toBe(whole!.stdout)
  expect(JSON.parse(whole!.stdout).length).toBeGreaterThan(3)
})

test('diff of different values names both', async () => {
  const { code, stderr } = await here(['diff', goCpu, join(folder, 'spike.folded')])
  expect(code).toBe(2)
  expect(stderr).toContain('go-cpu.pb.gz has cpu in nanoseconds, and spike.folded has samples in count')
})

test('info -o json: what it is, how much, when, and how good', async () => {
  const { stdout } = await here(['info', goCpu, '-o', 'json'])
  expect(JSON.parse(stdout)).toMatchObject({
    file: 'go-cpu.pb.gz',
    samples: 63,
    shownFirst: 'cpu',
    from: expect.stringMatching(/^2026-11-20T17:55:16/),
    symbols: { unnamed: 0, samplesWithUnnamedShare: 0 },
    losses: [],
    isWhole: true,
  })
})

test.each([
  ['perf-data/file.data', { format: 'perf.data', processes: 1, threads: 1, from: expect.any(String) }],
  ['jfr/jdk17.jfr.gz', { format: 'Java Flight Recorder', samples: 355, threads: 12, to: expect.any(String) }],
  ['pprof/go-heap.pb.gz', { format: 'pprof (profile.proto)', stacks: 9, shownFirst: 'inuse_space' }],
  ['pprof-legacy/go-heap.txt', { format: expect.stringMatching(/^pprof text/), shownFirst: 'inuse_space' }],
  ['cpuprofile/node24.cpuprofile', { format: 'V8 CPU profile', durationMs: expect.any(Number) }],
  ['heapprofile/node24.heapprofile', { format: 'V8 heap profile' }],
  ['goroutines/go1.26-debug1.txt', { format: 'Go goroutines, counted (debug=1)' }],
  ['goroutines/go1.26-debug2-labels.txt', { format: expect.stringMatching(/one by one/), goroutines: 28 }],
  ['thread-dump/jdk21-print.txt', { format: expect.stringMatching(/^Java thread dump/) }],
  ['thread-dump/jdk21-dump-to-file.json', { format: expect.stringMatching(/-format=json/) }],
  ['thread-dump/jdk21-dump-to-file.txt', { format: 'Java threads (Thread.dump_to_file)' }],
  ['speedscope/py-spy.speedscope.json', { format: 'speedscope JSON' }],
  ['cpuprofile/chrome-trace.json', { format: expect.stringMatching(/^Chrome trace/) }],
  ['arthas/thread-n.txt', { format: 'arthas thread -n' }],
  ['perf-script/two-events.txt', { format: 'perf script text', samples: 37, processes: 1 }],
  ['folded/py-spy.folded', { format: 'folded stacks', samples: 398, stacks: 2 }],
])('info of %s', async (name, facts) => {
  const { code, stdout } = await here(['info', fixture(name), '-o', 'json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ file: basename(name), isWhole: true, ...facts })
})

test.each([
  [['top', goCpu, '--focus', 'runtime\\.mem'], 'cpu: 50 ms'],
  [['top', goCpu, '--ignore', '.'], 'none of the 59 samples is left'],
  [['top', goCpu, '--type', 'cpuu'], 'did you mean "cpu"?'],
  [['top', goCpu, '--focus', '('], '--focus: Invalid regular expression'],
  [['top', goCpu, '--from', '1s'], 'does not know when its samples were taken'],
])('%j says %s', async (args, text) => {
  const { stdout, stderr } = await here(args)
  expect(stdout + stderr).toContain(text)
})

test.each([
  ['a program', join(root, 'node_modules/.bin/node'), 'this looks like an elf file'],
  ['a shell script', join(root, 'spikecam'), 'this looks like text'],
])('%s is not a profile: exit 2, and what it looks like', async (_, file, text) => {
  const { code, stdout, stderr } = await here(['info', file])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr.toLowerCase()).toContain(text)
})

test('a cut file is read as far as it goes, and what is missing is counted on stderr', async () => {
  const whole = readFileSync(fixture('pprof/go-allocs.pb.gz'))
  const { code, stdout, stderr } = await spikecam(['top', '-', '-o', 'json'], {
    stdin: whole.subarray(0, whole.length - 300),
  })
  expect(code).toBe(5)
  expect(JSON.parse(stdout).length).toBeGreaterThan(0)
  expect(stderr).toMatch(/stdin: 1 compressed files that end too early/)
})

test.each([
  ['perf-data/file.data', 8000],
  ['jfr/jdk17.jfr.gz', 100_000],
  ['cpuprofile/node24.cpuprofile', 9000],
  ['goroutines/go1.26-debug1.txt', 8000],
])('%s cut after %i bytes: done, but not whole', async (name, length) => {
  const cut = join(folder, `cut-${name.replace('/', '-')}`)
  writeFileSync(cut, readFileSync(fixture(name)).subarray(0, length))
  const [info, flame] = [await here(['info', cut]), await here(['flame', cut])]
  expect([info.code, flame.code]).toEqual([5, 5])
  expect(info.stdout).not.toMatch(/^lost +nothing/m)
  expect((await here(['info', fixture(name)])).code).toBe(0)
})

test('top --of: who called a function and what it called', async () => {
  const { stdout } = await here(['top', join(folder, 'spike.folded'), '--of', 'serve', '-o', 'json'])
  expect(JSON.parse(stdout)).toMatchObject({
    self: 50,
    total: 350,
    callers: [{ function: 'main', value: 350 }],
    callees: [{ function: 'regexp', value: 300 }],
  })
  const text = await here(['top', join(folder, 'spike.folded'), '--of', 'serve'])
  expect(text.stdout).toMatch(/main[\s\S]*\n.*350 +100 % +serve[\s\S]*\(itself\)[\s\S]*regexp/)
  const flame = await here(['flame', join(folder, 'spike.folded'), '--of', 'serve', '--invert'])
  expect([flame.stdout.includes('>main<'), flame.stdout.includes('regexp')]).toEqual([true, false])
  expect(await here(['top', join(folder, 'spike.folded'), '--of', 'erve'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean serve?'),
  })
})

test.each([
  [['top', '/nonexistent'], 2, 'there is no file /nonexistent'],
  [['top', '/'], 2, '/ is a folder'],
  [['convert', goCpu], 2, 'say with --to what to write'],
  [['convert', goCpu, 'x.bin'], 2, 'the name x.bin does not say what to write'],
  [['convert', goCpu, '--to', 'flded'], 2, 'did you mean folded?'],
  [['convert', goCpu, '/nonexistent/x.svg'], 2, '/nonexistent/x.svg cannot be written'],
  [['flame', goCpu, '-o', 'json'], 2, 'this command writes FILE, -'],
  [['flame', goCpu, '-o', 'x.png'], 2, "the name x.png is no picture's: end it in .svg or .html"],
  [['flame', goCpu, '-o', 'x.pb.gz'], 2, 'end it in .svg or .html, or use convert for another format'],
  [['diff', '-', '-'], 2, 'stdin (-) can be read only once'],
])('%j ends with %i', async (args, code, text) => {
  const ran = await here(args)
  expect(ran.code).toBe(code)
  expect(ran.stderr).toContain(text)
})

test('a folder of perf record --threads names the command that reads it', async () => {
  const threads = join(folder, 'threads.data')
  mkdirSync(threads)
  writeFileSync(join(threads, 'data.0'), '')
  expect((await here(['top', threads])).stderr).toContain(`run: perf script -i ${threads} | spikecam flame -`)
})

test('what cannot be done ends with the next step, and nothing on stdout', async () => {
  expect(await spikecam(['info', '-'])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(
      /stdin: This looks like an empty file[\s\S]*\n {2}next step: Run `spikecam convert --help`/,
    ),
  })
})

test('a reader that has seen enough ends the program well', async () => {
  const child = spawn('/bin/sh', ['-c', `"${root}/spikecam" flame "${goCpu}" | head -c 10; echo; kill -0 $$`], {
    env: cleanEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const err: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect({ code, stderr: Buffer.concat(err).toString() }).toEqual({ code: 0, stderr: '' })
})

test('of a PID that was given again --label chooses the owner; both are listed when none is, or a wrong one', async () => {
  const file = join(folder, 'reused.pb.gz')
  const drawn = drawProfile(
    [
      'main;earlier 1 @0 {pid=50 tid=50 comm=old owner=1}',
      'main;later 1 @1000 {pid=50 tid=50 comm=new owner=2}',
      'main;later;deeper 2 @3000 {pid=50 tid=51 comm=worker owner=2}',
      'main;other 1 @0 {pid=60 tid=60 comm=redis}',
    ].join('\n'),
  )
  writeFileSync(file, gzipSync(encodePprof({ ...drawn, timeNanos: 1_767_323_045_000_000_000n })))
  const owners = 'owner=1 (old, 1 sample, 03:04:05Z to 03:04:05Z), owner=2 (new, 3 samples, 03:04:06Z to 03:04:08Z)'
  const top = async (label: string) => {
    const { code, stdout, stderr } = await here(['top', file, '-o', 'json', '--label', label])
    const rows = (code === 0 ? JSON.parse(stdout) : []) as { function: string }[]
    return { code, functions: rows.map((row) => row.function).sort(), stderr }
  }
  expect(await top('pid=50,owner=1')).toEqual({ code: 0, functions: ['earlier', 'main'], stderr: '' })
  expect(await top('pid=50,owner=2')).toEqual({ code: 0, functions: ['deeper', 'later', 'main'], stderr: '' })
  const both = await top('pid=50')
  expect(both.functions).toEqual(['deeper', 'earlier', 'later', 'main'])
  expect(both.stderr).toBe(`PID 50 was given again: ${owners}; --label pid=50,owner=1 shows one of them\n`)
  const wrong = await top('pid=50,owner=3')
  expect(wrong).toMatchObject({ code: 6, stderr: expect.stringContaining(`; owners of PID 50: ${owners}`) })
  expect((await top('pid=60,owner=1')).stderr).toContain('samples of pid=60 have no label "owner"')
  expect((await top('comm=redi')).stderr).toContain('; "comm" is one of old, new, worker, redis')
  const { stdout } = await here(['flame', file, '--by', 'process', '-o', '-'])
  const info = await here(['info', file, '-o', 'json'])
  expect(JSON.parse(info.stdout)).toMatchObject({ processes: 3, threads: 4 })
  for (const name of ['old (50, owner 1)', 'new (50, owner 2)', 'redis (60)']) expect(stdout).toContain(name)
})
