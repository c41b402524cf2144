import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeAuthority, makeLeaf } from '../../test/certificates.ts'
import { hasGo } from '../../test/go-pprof.ts'
import { type PprofServer, startPprofServer } from '../../test/pprof-server.ts'
import { hasTool } from '../../test/symbol-programs.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { lookAtTls } from '../capture/tls-look.ts'
import { readConfig } from '../config.ts'
import { answersOf, exitOfTls, parseTlsPlace, renderTls } from './doctor-tls.ts'

test('an address, in our network or in that of a process', () => {
  expect(parseTlsPlace('pid/4242')).toEqual({ pid: 4242, port: undefined })
  expect(parseTlsPlace('pid/4242:2379')).toEqual({ pid: 4242, port: 2379 })
  expect(parseTlsPlace('app.example:443')).toEqual({ host: 'app.example', port: 443 })
  expect(parseTlsPlace('[fd00::1]:8443')).toEqual({ host: 'fd00::1', port: 8443 })
  for (const text of ['4242', 'https://app.example:443', 'fd00::1:443', 'pid/x']) {
    expect(() => parseTlsPlace(text)).toThrow(`--tls ${text}: name HOST:PORT, pid/N:PORT or pid/N`)
  }
})

test('who takes the connection and says nothing did not hang up', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const { refusal } = await lookAtTls(undefined, { host: '127.0.0.1', port }, { files: {}, timeoutMs: 50 })
  expect(refusal).toBe(
    `127.0.0.1:${port}: no TLS handshake in 50 ms; it hangs, or waits to be spoken to in another protocol`,
  )
  silent.close()
})

const isHere = hasGo() && hasTool('openssl', ['version'])
const dir = temporaryFolder()
const ownNetwork = process.getuid?.() === 0
let server: PprofServer

beforeAll(async () => {
  if (!isHere) return
  makeAuthority(dir, 'ca')
  makeLeaf(dir, 'good', { authority: 'ca', names: 'DNS:app.example,IP:127.0.0.1', usage: 'serverAuth' })
  makeLeaf(dir, 'bad', { authority: 'ca', names: 'DNS:app.example', usage: 'clientAuth', days: -1 })
  makeLeaf(dir, 'client', { authority: 'ca', usage: 'clientAuth' })
  const pair = (name: string): string => `serve=pprof&cert=DIR/${name}.crt&key=DIR/${name}.key`
  const listeners = [`${pair('good')}&clients=DIR/ca.crt`, `${pair('bad')}&clients=DIR/ca.crt&tls=1.2`, 'serve=pprof']
  server = await startPprofServer(listeners, { cwd: dir, ownNetwork })
})
afterAll(() => server?.stop())

const world = { isRoot: true, home: '/root', hostname: 'vm1' }
const look = (...args: string[]) => answersOf(readConfig(['doctor', '--tls', ...args], {}, { world }).options)
/** `fail name`, with the sentence where it is asked for. */
const states = (checks: readonly { state: string; name: string }[]): string[] =>
  checks.map(({ state, name }) => `${state} ${name}`)

describe.skipIf(!isHere)('doctor --tls', () => {
  const file = (name: string): string => join(dir, name)

  test('all is well with the right files', async () => {
    const answers = await look(
      `pid/${server.key.pid}:${server.ports[0]}`,
      ...['--pprof-ca', file('ca.crt'), '--pprof-cert', file('client.crt'), '--pprof-key', file('client.key')],
    )
    expect(exitOfTls(answers)).toBe(0)
    expect(answers).toHaveLength(1)
    expect(answers[0]!.chain).toMatchObject([
      { subject: 'CN=good', names: ['app.example', '127.0.0.1'], purposes: ['serverAuth'], isAuthority: false },
    ])
    expect(states(answers[0]!.checks)).toEqual(['ok TLS', 'ok time', 'ok name', 'ok use', 'ok trust', 'ok client'])
    const text = renderTls(answers)
    expect(text).toContain('  1  CN=good\n     for app.example, 127.0.0.1; serverAuth; valid ')
    expect(text).toContain(`ok    trust   "ca" is trusted by ${file('ca.crt')}`)
    expect(text).toContain(`ok    client  it took ${file('client.crt')}`)
  })

  test('everything that is wrong is named, also by a server that lets nobody in', async () => {
    const [answer] = await look(`pid/${server.key.pid}:${server.ports[1]}`)
    expect(answer!.chain).toMatchObject([{ subject: 'CN=bad', purposes: ['clientAuth'] }])
    expect(states(answer!.checks)).toEqual([
      'ok TLS',
      'fail time',
      'fail name',
      'fail use',
      'warn trust',
      'fail client',
    ])
    expect(exitOfTls([answer!])).toBe(7)
    expect(answer!.checks.at(-1)!.found).toContain('a client certificate; name one with --pprof-cert')
  })

  test('an authority that we do not know, beside a client certificate that is missing', async () => {
    const [answer] = await look(`pid/${server.key.pid}:${server.ports[0]}`)
    expect(states(answer!.checks)).toEqual(['ok TLS', 'ok time', 'ok name', 'ok use', 'fail trust', 'fail client'])
  })

  test('all ports of a process: one without TLS is no mistake unless it was meant', async () => {
    const answers = await look(`pid/${server.key.pid}`)
    const plain = answers.find(({ address }) => address.endsWith(`:${server.ports[2]}`))
    expect(answers).toHaveLength(3)
    expect(states(plain!.checks)).toEqual(['ok TLS'])
    expect(plain!.checks[0]!.found).toContain('speaks no TLS')
    const [meant] = await look(`pid/${server.key.pid}:${server.ports[2]}`)
    expect(states(meant!.checks)).toEqual(['fail TLS'])
  })

  test('nobody there', async () => {
    await expect(look(`pid/${server.key.pid}:1`)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(look('127.0.0.1:1')).rejects.toMatchObject({ code: 'ENDPOINT_UNREACHABLE' })
    await expect(look('pid/4194305')).rejects.toMatchObject({ code: 'TARGET_GONE' })
  })
})
