// Every TLS mistake against a real Go server, of TLS 1.2 and 1.3: each says which it is and what to do.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeAuthority, makeLeaf } from '../../test/certificates.ts'
import { hasGo } from '../../test/go-pprof.ts'
import { type PprofServer, startPprofServer } from '../../test/pprof-server.ts'
import { hasTool } from '../../test/symbol-programs.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { ProbeOptions } from '../model/capture.ts'
import { goPprof } from './go-pprof.ts'
import { runProbe } from './probe.ts'
import { readTlsFiles } from './tls-files.ts'

const isHere = hasGo() && hasTool('openssl', ['version'])
const dir = temporaryFolder()
const path = (name: string): string => join(dir, name)
const pair = 'cert=DIR/server.crt&key=DIR/server.key'
const listeners = {
  plain: 'serve=pprof',
  tls: `serve=pprof&${pair}`,
  mutual: `serve=pprof&${pair}&clients=DIR/ca.crt`,
  mutual12: `serve=pprof&${pair}&clients=DIR/ca.crt&tls=1.2`,
  named: 'serve=pprof&cert=DIR/named.crt&key=DIR/named.key',
  wrongUsage: 'serve=pprof&cert=DIR/client.crt&key=DIR/client.key',
  expired: 'serve=pprof&cert=DIR/late.crt&key=DIR/late.key',
}
let server: PprofServer
const ports: Partial<Record<keyof typeof listeners, number>> = {}

beforeAll(async () => {
  if (!isHere) return
  makeAuthority(dir, 'ca')
  makeAuthority(dir, 'other')
  const local = 'DNS:localhost,IP:127.0.0.1'
  makeLeaf(dir, 'server', { authority: 'ca', names: local, usage: 'serverAuth' })
  makeLeaf(dir, 'named', { authority: 'ca', names: 'DNS:app.example', usage: 'serverAuth' })
  makeLeaf(dir, 'client', { authority: 'ca', names: local, usage: 'clientAuth' })
  makeLeaf(dir, 'stranger', { authority: 'other', usage: 'clientAuth' })
  makeLeaf(dir, 'late', { authority: 'ca', names: local, days: -1 })
  server = await startPprofServer(Object.values(listeners), { cwd: dir })
  for (const [i, name] of Object.keys(listeners).entries()) ports[name as keyof typeof listeners] = server.ports[i]!
})
afterAll(() => server?.stop())

const ca = { pprofCa: path('ca.crt') }
const as = (name: string, key = name): ProbeOptions => ({
  ...ca,
  pprofCert: path(`${name}.crt`),
  pprofKey: path(`${key}.key`),
})
/** Code and message, without the address that every message begins with or holds. */
async function heap(name: keyof typeof listeners, options: ProbeOptions): Promise<string> {
  const request = { target: server.target, kind: 'heap' as const, durationMs: 0, signal: new AbortController().signal }
  const { result } = await runProbe(goPprof, { ...request, options: { ...options, pprofPort: ports[name]! } }, () => 0)
  const message = (result.message ?? '').replaceAll(`127.0.0.1:${ports[name]}`, 'IT').replaceAll(dir, 'DIR')
  return `${result.code ?? result.outcome}: ${message}`
}

describe.skipIf(!isHere)('TLS', () => {
  test('http, https and mutual TLS are found by trying', async () => {
    expect(await heap('plain', {})).toBe('ok: http://IT/debug/pprof/ (found as named)')
    expect(await heap('tls', ca)).toBe('ok: https://IT/debug/pprof/ (found as named)')
    expect(await heap('mutual', as('client'))).toBe('ok: https://IT/debug/pprof/ (found as named)')
    expect(await heap('mutual12', as('client'))).toBe('ok: https://IT/debug/pprof/ (found as named)')
    expect(await heap('tls', { pprofSkipVerify: true })).toBe(
      'ok: https://IT/debug/pprof/ (found as named, its certificate was not verified)',
    )
  })

  test.each(['mutual', 'mutual12'] as const)('no client certificate, %s', async (name) => {
    const said = name === 'mutual' ? '"certificate required"): it wants' : '"handshake failure"): most likely it wants'
    const whole = `TLS_REFUSED: IT refused us (${said} a client certificate; name one with --pprof-cert and --pprof-key`
    expect(await heap(name, ca)).toBe(whole)
    // To trust anybody is not to be trusted.
    expect(await heap(name, { pprofSkipVerify: true })).toBe(whole)
  })

  test.each(['mutual', 'mutual12'] as const)(
    'a client certificate of another authority, for another use, or expired, %s',
    async (name) => {
      expect(await heap(name, as('stranger'))).toBe(
        'TLS_REFUSED: IT refused us ("unknown authority"): the client certificate DIR/stranger.crt is signed by "other", and it trusts another authority',
      )
      expect(await heap(name, as('server'))).toBe(
        'TLS_REFUSED: IT refused us ("bad certificate"): the client certificate DIR/server.crt is only for serverAuth, and a client\'s needs clientAuth (extended key usage)',
      )
      expect(await heap(name, as('late'))).toMatch(
        /^TLS_REFUSED: IT refused us \("certificate expired"\): the client certificate DIR\/late\.crt expired on /,
      )
    },
  )

  test('an authority that we do not know, or another one', async () => {
    expect(await heap('tls', {})).toBe(
      'TLS_REFUSED: the certificate of IT is signed by "ca", which this machine does not trust; name the right one with --pprof-ca',
    )
    expect(await heap('tls', { pprofCa: path('other.crt') })).toBe(
      'TLS_REFUSED: the certificate of IT is signed by "ca", which is not the authority in DIR/other.crt; name the right one with --pprof-ca',
    )
  })

  test('a name, a use or a time that does not fit', async () => {
    expect(await heap('named', ca)).toBe(
      'TLS_REFUSED: the certificate of IT is for app.example, not for 127.0.0.1; if that is whom you mean: --pprof-server-name app.example',
    )
    expect(await heap('named', { ...ca, pprofServerName: 'app.example' })).toMatch(/^ok: /)
    expect(await heap('wrongUsage', ca)).toBe(
      "TLS_REFUSED: the certificate of IT is only for clientAuth, and a server's needs serverAuth (extended key usage)",
    )
    expect(await heap('expired', ca)).toMatch(/^TLS_REFUSED: the certificate of IT expired on /)
  })

  test('TLS to a plain port, and plain to TLS, where only one was allowed', async () => {
    expect(await heap('plain', { pprofScheme: 'https' })).toBe(
      'TLS_REFUSED: IT speaks no TLS: take http (--pprof-scheme http)',
    )
    expect(await heap('tls', { pprofScheme: 'http' })).toBe(
      'TLS_REFUSED: IT speaks TLS: take https (--pprof-scheme https)',
    )
  })

  test('files that are not what they are named for', async () => {
    mkdirSync(path('folder'))
    writeFileSync(path('text'), 'hello')
    const said = (paths: Parameters<typeof readTlsFiles>[1]): string => {
      try {
        return String(readTlsFiles(server.key.pid, paths))
      } catch (error) {
        return (error as Error).message.replaceAll(dir, 'DIR')
      }
    }
    expect(said({ ca: path('absent') })).toBe('--pprof-ca DIR/absent is not there (in the file system of the target)')
    expect(said({ ca: `agent:${path('absent')}` })).toBe('--pprof-ca agent:DIR/absent is not there (on the node)')
    expect(said({ ca: 'agent:/dev/zero' })).toBe('--pprof-ca agent:/dev/zero is no regular file (on the node)')
    expect(said({ ca: path('folder') })).toBe(
      '--pprof-ca DIR/folder is no regular file (in the file system of the target)',
    )
    expect(said({ ca: path('text') })).toBe('--pprof-ca DIR/text is no PEM certificate')
    expect(said({ ca: 'ca.crt' })).toBe('--pprof-ca ca.crt must be an absolute path')
    expect(said({ key: path('client.key') })).toBe('--pprof-key DIR/client.key needs a --pprof-cert beside it')
    expect(said({ cert: path('client.key') })).toBe('--pprof-cert DIR/client.key is a private key, not a certificate')
    expect(said({ cert: path('client.crt') })).toBe('--pprof-cert DIR/client.crt holds no PEM private key')
    expect(said({ cert: path('client.crt'), key: path('server.key') })).toBe(
      '--pprof-key DIR/server.key is not the key of the certificate DIR/client.crt',
    )
  })
})
