// The table of formats: every file is known by one row only, wrapped or not, and what is unknown is named.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { headBytes } from './format.ts'
import { formatOfBytes, formatOfName, formats, readProfile } from './formats.ts'
import { gunzip } from './gzip.ts'
import { encodePprof } from './pprof-encode.ts'

const fixtures = join(import.meta.dirname, '../../test/fixtures')
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const drawn = drawProfile('main;parse 3\nmain;idle 1')

/** What each recorded file is; patterns are tried in order on `folder/file`. */
const recorded: readonly (readonly [pattern: RegExp, format: string])[] = [
  [/^perf-data\/.*\.data$/, 'perf-data'],
  [/^jfr\/.*\.jfr\.gz$/, 'jfr'],
  [/^pprof\/.*\.pb\.gz$/, 'pprof'],
  [/^pprof-legacy\//, 'pprof-legacy'],
  [/^goroutines\/.*debug1\.txt$/, 'goroutines'],
  [/^goroutines\/.*(debug2.*|fatal|panic|sigquit.*|overflow)\.txt$/, 'goroutine-stacks'],
  [/^thread-dump\/.*dump-to-file\.json$/, 'thread-json'],
  [/^thread-dump\/.*dump-to-file\.txt$/, 'thread-file'],
  [/^thread-dump\/.*(print.*|crafted|console)\.txt$/, 'threads'],
  [/^arthas\/.*\.txt$/, 'arthas'],
  [/^cpuprofile\/.*\.cpuprofile$/, 'cpuprofile'],
  [/^cpuprofile\/.*trace.*\.json$/, 'chrome-trace'],
  [/^heapprofile\/.*\.heapprofile$/, 'heapprofile'],
  [/^speedscope\/.*\.json$/, 'speedscope'],
  [/^perf-script\//, 'perf-script'],
  [/^folded\//, 'folded'],
]
const files = readdirSync(fixtures, { recursive: true, encoding: 'utf8' }).flatMap((file): [string, string][] => {
  const row = recorded.find(([pattern]) => pattern.test(file))
  return row && formats.some(({ name }) => name === row[1]) ? [[file, row[1]]] : []
})

test('there is a recorded file of every format', () => {
  expect(new Set(files.map(([, name]) => name))).toEqual(new Set(formats.map(({ name }) => name)))
})

test.each(files)('%s is %s, and no other row takes it for its own', async (file, name) => {
  const raw = readFileSync(join(fixtures, file))
  const unpacked = file.endsWith('.gz') ? (await gunzip(raw)).bytes : raw
  const head = unpacked.subarray(0, headBytes)
  expect(formats.filter((format) => format.matches(head)).map((format) => format.name)).toEqual([name])
  const { format, profile } = await readProfile(raw)
  expect(format.name).toBe(name)
  expect(profile.sampleTypes.length).toBeGreaterThan(0)
})

test.each(formats.filter(({ write }) => write).map((format) => [format.name, format] as const))(
  'what %s writes, it reads',
  async (name, format) => {
    const written = await format.write!(drawn)
    const { format: found, profile } = await readProfile(written)
    expect(found.name).toBe(name)
    expect(profile.samples.length).toBe(2)
    expect(profile.losses).toEqual([])
  },
)

test('gzip and zstd are taken off, also one around the other', async () => {
  const inner = bytes('main;parse 3\n')
  for (const packed of [gzipSync(inner), zstdCompressSync(inner), gzipSync(zstdCompressSync(gzipSync(inner)))]) {
    expect((await readProfile(packed)).profile.samples.length).toBe(1)
  }
})

test('a cut download is read as far as it goes, and says so', async () => {
  const whole = encodePprof(
    drawProfile(Array.from({ length: 500 }, (_, i) => `main;f${i % 50};g${i % 7} ${i * i}`).join('\n')),
  )
  const packed = gzipSync(whole)
  const { profile } = await readProfile(packed.subarray(0, packed.length - 200))
  expect(profile.samples.length).toBeGreaterThan(100)
  expect(profile.samples.length).toBeLessThan(500)
  expect(profile.losses.map(({ what }) => what)).toEqual([
    expect.stringContaining('end too early'),
    'bytes behind the damage that were not read',
  ])
})

test('a bomb is refused at the limit', async () => {
  await expect(readProfile(gzipSync(Buffer.alloc(5_000_000)), { maxBytes: 1_000_000 })).rejects.toMatchObject({
    code: 'TOO_LARGE',
  })
})

test.each([
  [Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2), 'an ELF file'],
  [Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1), 'a packet capture'],
  [Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), 'a PNG picture'],
  [bytes('<!DOCTYPE html><title>502</title>'), 'an HTML page'],
  [bytes('<?xml version="1.0"?>\n<svg onload="init(evt)">'), 'an SVG picture'],
  [bytes('{"kind": "Pod", "metadata": {"name": "cart"}}'), 'JSON with the keys kind, metadata, name'],
  [bytes('{"traceEvents":[{"ph":"X"}]}'), 'a Chrome trace'],
  [bytes('{"threads":[{"threadName":"main","threadId":1}]}'), 'a thread dump of Spring Boot as JSON; `curl'],
  [bytes('Attaching to process ID 7\nThread 8: (state = BLOCKED)\n - a.b() @bci=0\n'), 'what `jhsdb jstack` prints'],
  [bytes('0SECTION       TITLE subcomponent dump routine\n'), 'a javacore of OpenJ9'],
  [
    bytes('Process 7: python -c \nf()\nPython v3.11.2 (/usr/bin/python3.11)\n\nThread 7 (idle): "MainThread"\n'),
    'what `py-spy dump`',
  ],
  [bytes('Thread 1 (Thread 0x7f (LWP 7) "cart"):\n#0  poll () from libc.so.6\n'), 'stacks that gdb printed'],
  [
    bytes("# Total Lost Samples: 0\n#\n# Samples: 16  of event 'cpu-clock:ppp'\n    50.00%  sh  dash  [.] f\n"),
    'a report of perf',
  ],
  [Uint8Array.of(...new Array(8).fill(0), 3, 0, 0, 0, 0, 0, 0, 0, 0, 0), 'a CPU profile of gperftools'],
  [bytes('dear diary\n'), 'text that begins with "dear diary"'],
  [Uint8Array.of(1, 2, 3, 0, 0), 'binary data that begins with 01 02 03 00 00'],
  [new Uint8Array(0), 'an empty file'],
])('%# an unknown file is named', async (head, what) => {
  await expect(readProfile(head)).rejects.toMatchObject({
    code: 'NOT_A_PROFILE',
    message: expect.stringContaining(`This looks like ${what}`),
  })
})

test('file names tell the format to write', () => {
  expect(formatOfName('/tmp/cpu.PB.GZ')?.name).toBe('pprof')
  expect(formatOfName('out.folded.gz')?.name).toBe('folded')
  expect(formatOfName('out.txt')).toBeUndefined()
  expect(formatOfBytes(bytes('a;b 1\n'))?.name).toBe('folded')
})
