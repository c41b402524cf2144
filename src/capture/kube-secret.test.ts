// Secrets read over TLS from a server that answers as kube-apiserver does. It is a stand-in: no Kubernetes server is in
// Debian 12 as a program. Its answers are those of kube-apiserver 1.20, word for word where we read words.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeAuthority, makeLeaf } from '../../test/certificates.ts'
import { hasGo } from '../../test/go-pprof.ts'
import { type PprofServer, startPprofServer } from '../../test/pprof-server.ts'
import { hasTool } from '../../test/symbol-programs.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { ProbeOptions } from '../model/capture.ts'
import { goPprofProbe } from './go-pprof.ts'
import { type ApiServer, apiServerOf, parseSecretName, secretReader } from './kube-secret.ts'
import { runProbe } from './probe.ts'

const hasOpenssl = hasTool('openssl', ['version'])
const dir = temporaryFolder()
const path = (name: string): string => join(dir, name)
const account = 'system:serviceaccount:spikecam:agent'
/** What is kept, and what that account may get. */
const secrets: Record<string, Record<string, string>> = {}
const forbidden = 'locked'
let token = 'first'
let api: Server
let server: ApiServer

const status = (code: number, message: string): string =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code })

beforeAll(async () => {
  if (!hasOpenssl) return
  makeAuthority(dir, 'cluster-ca')
  makeLeaf(dir, 'apiserver', { authority: 'cluster-ca', names: 'IP:127.0.0.1', usage: 'serverAuth' })
  makeAuthority(dir, 'ca')
  makeLeaf(dir, 'server', { authority: 'ca', names: 'IP:127.0.0.1', usage: 'serverAuth' })
  makeLeaf(dir, 'client', { authority: 'ca', usage: 'clientAuth' })
  const read = (name: string): string => readFileSync(path(name), 'utf8')
  const client = { 'tls.crt': read('client.crt'), 'tls.key': read('client.key') }
  Object.assign(secrets, {
    whole: { 'ca.crt': read('ca.crt'), ...client },
    named: { 'root.pem': read('ca.crt'), 'me.pem': read('client.crt'), 'me-key.pem': read('client.key') },
    'no-key': { 'ca.crt': read('ca.crt'), 'tls.crt': read('client.crt') },
  })
  const options = { cert: read('apiserver.crt'), key: read('apiserver.key') }
  api = createServer(options, ({ url = '', headers }, response) => {
    const name = /^\/api\/v1\/namespaces\/shop\/secrets\/([\w-]+)$/.exec(url)?.[1] ?? ''
    const answer = (code: number, text: string): void =>
      void response.writeHead(code, { 'content-type': 'application/json' }).end(text)
    if (headers.authorization !== `Bearer ${token}`) answer(401, status(401, 'Unauthorized'))
    else if (name === forbidden) {
      const what = `cannot get resource "secrets" in API group "" in the namespace "shop"`
      answer(403, status(403, `secrets "${name}" is forbidden: User "${account}" ${what}`))
    } else if (!secrets[name]) answer(404, status(404, `secrets "${name}" not found`))
    else {
      const data = Object.entries(secrets[name]).map(([key, text]) => [key, Buffer.from(text).toString('base64')])
      answer(200, JSON.stringify({ kind: 'Secret', type: 'kubernetes.io/tls', data: Object.fromEntries(data) }))
    }
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => api.once('listening', resolve))
  const { port } = api.address() as AddressInfo
  writeFileSync(path('token'), `${token}\n`)
  server = { host: '127.0.0.1', port, tokenFile: path('token'), caFile: path('cluster-ca.crt') }
})
afterAll(() => void api?.close())

test('where the API server is comes from the environment of the pod', () => {
  const env = {
    KUBERNETES_SERVICE_HOST: '10.96.0.1',
    KUBERNETES_SERVICE_PORT: '443',
    KUBERNETES_SERVICE_PORT_HTTPS: '6443',
  }
  expect(apiServerOf(env)).toMatchObject({ host: '10.96.0.1', port: 6443 })
  expect(apiServerOf({})).toBeUndefined()
})

test('a name with its namespace, or in that of the target', () => {
  expect(parseSecretName('shop/etcd-client', 'other')).toEqual({ namespace: 'shop', name: 'etcd-client' })
  expect(parseSecretName('etcd.client', 'other')).toEqual({ namespace: 'other', name: 'etcd.client' })
  expect(() => parseSecretName('etcd', undefined)).toThrow('name the namespace: NAMESPACE/etcd')
  for (const text of ['a/b/c', '../x', 'shop/', 'Shop/x', 'shop/x?watch=1']) {
    expect(() => parseSecretName(text, 'n')).toThrow('not NAMESPACE/NAME')
  }
})

test('outside of a cluster the other way is told', async () => {
  const read = secretReader(undefined)
  await expect(read({ namespace: 'shop', name: 'whole' })).rejects.toThrow(/runs outside of Kubernetes.*agent:\/PATH/)
})

describe.skipIf(!hasOpenssl)('asked of a server', () => {
  const said = async (name: string, from: ApiServer = server): Promise<string> => {
    try {
      return [...(await secretReader(from)({ namespace: 'shop', name })).data.keys()].join()
    } catch (error) {
      return `${(error as { code: string }).code}: ${(error as Error).message}`
    }
  }

  test('the keys of a Secret, also after the kubelet renewed the token', async () => {
    expect(await said('whole')).toBe('ca.crt,tls.crt,tls.key')
    token = 'second'
    expect(await said('whole')).toContain('does not know the token of the agent (401)')
    writeFileSync(path('token'), token)
    expect(await said('whole')).toBe('ca.crt,tls.crt,tls.key')
  })

  test('who may not, what is not there, and whom we do not trust', async () => {
    expect(await said(forbidden)).toBe(
      `SECRET_UNREADABLE: the Secret shop/locked was not read: ${account} may not get it (403); allow it with: ` +
        'kubectl create role spikecam-locked -n shop --verb=get --resource=secrets --resource-name=locked && ' +
        'kubectl create rolebinding spikecam-locked -n shop --role=spikecam-locked --serviceaccount=spikecam:agent',
    )
    expect(await said('absent')).toBe(
      'SECRET_UNREADABLE: the Secret shop/absent was not read: there is none of that name',
    )
    expect(await said('whole', { ...server, caFile: path('ca.crt') })).toMatch(/was not reached: unable to verify/)
    expect(await said('whole', { ...server, port: 1 })).toMatch(
      /API server 127\.0\.0\.1:1 was not reached: .*ECONNREFUSED/,
    )
    expect(await said('whole', { ...server, tokenFile: path('none') })).toContain('automountServiceAccountToken: true')
  })

  describe.skipIf(!hasGo())('for a Go program that wants a client certificate', () => {
    let program: PprofServer
    beforeAll(async () => {
      program = await startPprofServer(['serve=pprof&cert=DIR/server.crt&key=DIR/server.key&clients=DIR/ca.crt'], {
        cwd: dir,
      })
      // Nothing of the client is in any file: what comes through comes from the Secret.
      for (const name of ['client.crt', 'client.key']) rmSync(path(name))
    })
    afterAll(() => program?.stop())

    const heap = async (options: ProbeOptions) => {
      const probe = goPprofProbe({ readSecret: secretReader(server) })
      const target = { ...program.target, namespace: 'shop' }
      const signal = new AbortController().signal
      return runProbe(probe, { target, kind: 'heap', durationMs: 0, options, signal }, () => 0)
    }

    test('the usual keys, and keys by name', async () => {
      for (const options of [
        { pprofSecret: 'shop/whole' },
        { pprofSecret: 'whole', pprofPort: program.ports[0]! },
        {
          pprofSecret: 'named',
          pprofCa: 'secret:root.pem',
          pprofCert: 'secret:me.pem',
          pprofKey: 'secret:me-key.pem',
        },
      ]) {
        const { result, findings } = await heap(options)
        expect(result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('https://') })
        expect(findings.map(({ name }) => name)).toEqual(['heap.pb.gz'])
      }
    })

    test('a key that is not there is named, and those that are', async () => {
      const message = async (options: ProbeOptions): Promise<string> => {
        const { result } = await heap(options)
        expect(JSON.stringify(result)).not.toContain('BEGIN')
        return `${result.code}: ${result.message}`
      }
      expect(await message({ pprofSecret: 'no-key' })).toBe(
        'USAGE: --pprof-key secret:tls.key is not there: the Secret shop/no-key has ca.crt, tls.crt',
      )
      expect(await message({ pprofSecret: 'named' })).toMatch(
        /^USAGE: --pprof-secret shop\/named has no ca\.crt and no tls\.crt, only me-key\.pem, me\.pem, root\.pem; name/,
      )
      expect(await message({ pprofCa: 'secret:ca.crt' })).toContain('name that with --pprof-secret NAMESPACE/NAME')
      expect(await message({ pprofSecret: 'absent' })).toContain('SECRET_UNREADABLE: the Secret shop/absent')
    })
  })
})
