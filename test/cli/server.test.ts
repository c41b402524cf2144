// The commands that ask a server, and what can go wrong when one starts: real processes, real sockets, own data folders.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../src/api/client.ts'
import { type Running, root, spikecam, startSpikecam } from './spikecam.ts'

let folder: string
let server: Running
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spikecam-cli-'))
  server = await startSpikecam(['server', '--data', join(folder, 'data')])
})
afterAll(async () => {
  await server?.stop('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
})

const ask = (...args: string[]) => spikecam(args, { env: { SPIKECAM_SERVER: server.url } })

test('an empty server: list has no rows, ring has no nodes, each says so on stderr', async () => {
  expect(await ask('list', '-o', 'json')).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' })
  expect(await ask('list')).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('No incidents') })
  expect(await ask('ring', 'status')).toMatchObject({
    code: 5,
    stdout: '',
    stderr: expect.stringContaining('No agent'),
  })
})

test.each([
  [['get', 'inc-zzz'], 4, 'no incident begins with inc-zzz'],
  [['get', 'inc-00000000000000000000'], 4, 'inc-00000000000000000000'],
  [['get', 'nonsense'], 2, '"nonsense" is not an id'],
  [['open', 'inc-zzz'], 4, 'no incident begins with inc-zzz'],
  [['download', 'cap-zzz'], 4, 'no capture begins with cap-zzz'],
  [['stop', 'cap-zzz'], 4, 'no capture begins with cap-zzz'],
  [['capture', 'cpu', 'node'], 4, 'no agent is connected'],
  [['capture', 'cpu', 'node', '--dry-run'], 4, 'no agent is connected'],
  [['capture', 'cpu', 'cart'], 4, 'no agent is connected'],
  [['capture', 'cpu', 'node', '--stacks', 'dwarf'], 2, 'too dear for a whole node'],
  [['capture', 'cpu', 'pid/cart'], 2, '"pid/cart" is no target'],
  [['ps'], 4, 'no agent is connected'],
  [['whois', '4242'], 4, 'no agent is connected'],
  [['top'], 4, 'no agent is connected'],
  [['capture', 'gpu'], 2, 'there is no capture of "gpu"'],
  [['ring', 'stats'], 2, 'did you mean "ring status"?'],
])('%j ends with %i and says what to do', async (args, code, text) => {
  const ran = await ask(...args)
  expect(ran).toMatchObject({ code, stdout: '' })
  expect(ran.stderr).toContain(text)
  expect(ran.stderr).toContain('next step:')
})

test('rules explain tells of alerts that nothing came of, and why', async () => {
  expect(await ask('rules', 'explain')).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringContaining('No alert'),
  })
  const labels = { alertname: 'Watchdog', severity: 'none' }
  const body = JSON.stringify({ version: '4', alerts: [{ status: 'firing', labels }] })
  expect((await fetch(`${server.url}/hooks`, { method: 'POST', body })).status).toBe(202)
  const client = createClient({ baseUrl: server.url })
  await expect.poll(async () => (await client.get('/api/v1/alerts')).alerts[0]?.state).toBe('open')
  const latest = await ask('rules', 'explain')
  expect(latest.stdout).toMatch(/alr-\w+ +alert Watchdog +skipped: no label names a target \([a-z, ]+\) *\n$/)
  const one = await ask('rules', 'explain', /alr-\w+/.exec(latest.stdout)?.[0] ?? '')
  expect(one.stdout).toContain('labels: alertname=Watchdog, severity=none\n  skipped')
})

test('open prints the address also where no browser can be started', async () => {
  expect(await ask('open')).toMatchObject({ code: 0, stdout: `${server.url}/\n` })
})

test('no server at the address, or something that is none: exit 4', async () => {
  const none = await spikecam(['list', '--server', 'http://127.0.0.1:1'])
  expect(none).toMatchObject({ code: 4, stdout: '' })
  expect(none.stderr).toContain('no answer from http://127.0.0.1:1')
  expect(await spikecam(['list', '--server', 'localhost:1'])).toMatchObject({ code: 2 })
})

test('a port that is taken: one error, exit 2', async () => {
  const ran = await spikecam([
    'server',
    '--listen',
    new URL(server.url).host,
    '--data',
    join(folder, 'other'),
    '--log-level',
    'error',
  ])
  expect(ran).toMatchObject({ code: 2, stdout: '' })
  expect(ran.stderr).toMatch(
    /^spikecam: another program listens on 127\.0\.0\.1:\d+\n {2}next step: Choose another address with --listen/,
  )
})

test('a data folder that is in use, is a file, or may not be written', async () => {
  const run = (data: string) => spikecam(['server', '--listen', '127.0.0.1:0', '--data', data, '--log-level', 'error'])
  const inUse = await run(join(folder, 'data'))
  expect(inUse.code).toBe(2)
  expect(inUse.stderr).toContain('in use by process')
  const file = join(folder, 'a-file')
  writeFileSync(file, '')
  expect(await run(file)).toMatchObject({ code: 7, stderr: expect.stringContaining('a-file') })
  if (process.getuid?.() === 0) return // root may write anywhere, so the rest would say nothing
  const locked = join(folder, 'locked')
  mkdirSync(locked)
  chmodSync(locked, 0o500)
  expect(await run(locked)).toMatchObject({ code: 7 })
})

test('an address that others can reach needs a token', async () => {
  const ran = await spikecam(['server', '--listen', '0.0.0.0:0', '--data', join(folder, 'open')])
  expect(ran.code).toBe(2)
  expect(ran.stderr).toContain('set a secret with --token or SPIKECAM_TOKEN')
})

test('with a token: refused without it, answered with it', async () => {
  const closed = await startSpikecam(['server', '--data', join(folder, 'closed'), '--token', 'open sesame'])
  try {
    expect(await spikecam(['list', '--server', closed.url])).toMatchObject({ code: 7, stdout: '' })
    const env = { SPIKECAM_SERVER: closed.url, SPIKECAM_TOKEN: 'open sesame' }
    expect(await spikecam(['list', '-o', 'json'], { env })).toMatchObject({ code: 0, stdout: '[]\n' })
  } finally {
    await closed.stop('SIGTERM')
  }
})

test('SIGTERM ends a server with 0, Ctrl-C with 130', async () => {
  const one = await startSpikecam(['server', '--data', join(folder, 'term')])
  expect(await one.stop('SIGTERM')).toBe(0)
  const other = await startSpikecam(['server', '--data', join(folder, 'term')])
  expect(await other.stop('SIGINT')).toBe(130)
})

test.each([
  [
    'missing',
    '/nonexistent/perf',
    /^spikecam: \/nonexistent\/perf is not installed\n {2}next step: .*apt-get install linux-perf/m,
  ],
  [
    'forbidden',
    resolve(root, 'test/fake-bin/perf-denied'),
    /^spikecam: perf cannot record the whole machine.*\n {2}next step: .*perf_event_paranoid/m,
  ],
  [
    'at its limit of locked memory',
    resolve(root, 'test/fake-bin/perf-mlock'),
    /^spikecam: perf cannot record the whole machine.*\n {2}next step: .*perf_event_mlock_kb/m,
  ],
])('up with a perf that is %s: one error, exit 7', async (name, perf, text) => {
  const ran = await spikecam([
    'up',
    '--listen',
    '127.0.0.1:0',
    '--data',
    join(folder, name),
    '--perf',
    perf,
    '--log-level',
    'error',
  ])
  expect(ran.code).toBe(7)
  expect(ran.stderr).toMatch(text)
})

test('doctor says the same, line by line, and in JSON', async () => {
  const args = ['doctor', '--perf', '/nonexistent/perf', '--data', folder]
  const text = await spikecam(args)
  expect(text.code).toBe(7)
  expect(text.stdout).toMatch(/^fail {2}perf .*\/nonexistent\/perf is not installed$/m)
  const json = await spikecam([...args, '-o', 'json'])
  expect(JSON.parse(json.stdout)[0]).toMatchObject({ name: 'perf', state: 'fail', code: 'TOOL_MISSING' })
})
