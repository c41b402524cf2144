import { expect, test } from 'vitest'
import { type CommandName, type ConfigFile, commands, optionTable, readConfig, type World } from './config.ts'
import { Failure } from './model/errors.ts'

const world: World = { isRoot: true, home: '/home/ada', hostname: 'vm1' }
const read = (words: string, { env = {}, file }: { env?: Record<string, string>; file?: unknown } = {}) =>
  readConfig(words.split(' ').filter(Boolean), env, {
    world,
    file: file === undefined ? undefined : ({ path: 'spikecam.yaml', document: file } satisfies ConfigFile),
  })
const failure = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof Failure) return `${error.code}: ${error.message}`
    throw error
  }
  throw new Error('it was accepted')
}

test('every default in the table can be read', () => {
  const { options } = read('up')
  expect(options).toMatchObject({
    listen: { host: '127.0.0.1', port: 7575 },
    dataDir: '/var/lib/spikecam',
    node: 'vm1',
    ringHz: 49,
    spikeLevel: 0.8,
    spikeHoldMs: 600,
    event: 'auto',
    open: false,
    token: undefined,
  })
  expect(readConfig(['up'], {}, { world: { ...world, isRoot: false } }).options.dataDir).toBe(
    '/home/ada/.local/share/spikecam',
  )
})

test.each([
  ['up --listen :80', { listen: { host: '::', port: 80 } }],
  ['up --listen=[::1]:0', { listen: { host: '::1', port: 0 } }],
  ['up --open --no-open', { open: false }],
  ['--data /d up', { dataDir: '/d' }],
  ['capture cpu node --for 1m30s', { forMs: 90_000 }],
  ['agent --spike-level 150% --ring-bytes 1MiB', { spikeLevel: 1.5, ringBytes: 1048576 }],
  ['top x -ojson', { output: 'json' }],
  ['top x -o=json', { output: 'json' }],
  ['top x -o yaml -o json', { output: 'json' }],
])('%s', (words, options) => {
  expect(read(words).options).toMatchObject(options)
})

test('words keep their order; - and what follows -- are words', () => {
  expect(read('convert - --to folded').args).toEqual(['-'])
  expect(read('convert -- --odd.pb.gz out').args).toEqual(['--odd.pb.gz', 'out'])
})

test('command line before environment before file before default', () => {
  const env = { SPIKECAM_RING_HZ: '20' }
  const file = { 'ring-hz': 10, 'deep-hz': 50 }
  expect(read('up --ring-hz 30', { env, file }).options).toMatchObject({ ringHz: 30, deepHz: 50 })
  expect(read('up', { env, file }).options.ringHz).toBe(20)
  expect(read('up', { file }).options.ringHz).toBe(10)
  expect([...read('up', { env, file }).given]).toEqual(['ringHz', 'deepHz'])
})

test('variables of Kubernetes and of other commands are none of its business', () => {
  const env = { SPIKECAM_PORT: 'tcp://10.0.0.1:80', SPIKECAM_SERVICE_HOST: '10.0.0.1', SPIKECAM_RING_HZ: 'junk' }
  expect(read('list', { env }).options.server).toBe('http://127.0.0.1:7575')
  const reserved = /^SPIKECAM_(PORT|SERVICE_|SERVER_PORT|SERVER_SERVICE_)/
  for (const { flag } of Object.values(optionTable)) {
    expect(`SPIKECAM_${flag.toUpperCase().replaceAll('-', '_')}`).not.toMatch(reserved)
  }
})

test.each([
  ['lsit', 'USAGE: there is no command "lsit"; did you mean "list"?'],
  ['up --lisen :1', 'USAGE: unknown option --lisen; did you mean --listen?'],
  ['list --lisen :1', 'USAGE: unknown option --lisen; did you mean --listen, an option of "up", "server"?'],
  ['list --ring-hz 5', 'USAGE: "list" takes no --ring-hz; it belongs to "up", "agent"'],
  ['up --ring-hz', 'USAGE: --ring-hz needs a value: a number such as 49'],
  ['up --ring-hz fast', 'USAGE: --ring-hz: expected a number such as 49, not "fast"'],
  ['up --ring-hz 0', 'USAGE: --ring-hz: "0" is outside 1 to 1000'],
  ['up --event cycle', 'USAGE: --event: expected one of auto, cycles, cpu-clock, not "cycle"'],
  ['up --listen 7575', 'USAGE: --listen: expected an address such as 127.0.0.1:7575, not "7575"'],
  ['up now', 'USAGE: "now" is one word too many: spikecam up'],
  ['flame', 'USAGE: something is missing: spikecam flame FILE'],
  ['diff a', 'USAGE: one more word is missing: spikecam diff BEFORE AFTER'],
])('%s is refused', (words, message) => {
  expect(failure(() => read(words))).toBe(message)
})

test.each([
  [{ 'ring-hertz': 5 }, 'BAD_CONFIG: spikecam.yaml: unknown key "ring-hertz"; did you mean "ring-hz"?'],
  [{ 'ring-hz': 'x' }, 'BAD_CONFIG: "ring-hz" in spikecam.yaml: expected a number such as 49, not "x"'],
  [{ 'ring-hz': null }, 'BAD_CONFIG: spikecam.yaml: "ring-hz" needs one value'],
  [['ring-hz'], 'BAD_CONFIG: spikecam.yaml: expected one "option: value" per line'],
])('file %j is refused', (file, message) => {
  expect(failure(() => read('up', { file }))).toBe(message)
})

test('a bad environment variable is named as such', () => {
  expect(failure(() => read('up', { env: { SPIKECAM_SPIKE_HOLD: 'long' } }))).toBe(
    'BAD_CONFIG: SPIKECAM_SPIKE_HOLD: expected a duration such as 500ms, 10s or 1m30s, not "long"',
  )
})

test('help and version win over everything else on the line', () => {
  expect(read('').command).toBe('help')
  expect(read('top --help')).toMatchObject({ command: 'help', args: ['top'] })
  expect(read('help top')).toMatchObject({ command: 'help', args: ['top'] })
  expect(read('--version').command).toBe('version')
})

test('flags, short names and commands of options are unique and known', () => {
  const rows = Object.values(optionTable) as { flag: string; short?: string; commands: readonly CommandName[] }[]
  expect(new Set(rows.map((row) => row.flag)).size).toBe(rows.length)
  const shorts = rows.flatMap((row) => row.short ?? [])
  expect(new Set(shorts).size).toBe(shorts.length)
  for (const row of rows) for (const command of row.commands) expect(commands).toHaveProperty(command)
})
