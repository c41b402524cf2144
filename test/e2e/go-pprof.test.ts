// Go pprof in real pods: on loopback alone, where nobody outside the pod's network can ask, and an etcd that wants a client
// certificate which lies only in its own container.
import { mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { goPprofProbe } from '../../src/capture/go-pprof.ts'
import { type Finding, runProbe } from '../../src/capture/probe.ts'
import type { CaptureKind, ProbeOptions } from '../../src/model/capture.ts'
import type { Target } from '../../src/model/target.ts'
import { readProfile } from '../../src/profile/formats.ts'
import { topFunctions } from '../../src/profile/top.ts'
import { startInventory } from '../../src/target/inventory.ts'
import { startTicksOf } from '../../src/target/process-identity.ts'
import { makeAuthority, makeLeaf } from '../certificates.ts'
import { hasGo } from '../go-pprof.ts'
import type { RunningContainer, RunningPod } from '../node-tool/node.ts'
import { describeOnNode } from '../node-tool/on-node.ts'
import { pprofServerProgram } from '../pprof-server.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const folder = temporaryFolder()
const quiet = { info: () => undefined, warn: () => undefined }

const targetOf = ({ pid, id }: RunningContainer): Target => {
  const startTicks = startTicksOf(pid) as number
  return { kind: 'process', node: 'test', pid, startTicks, containerId: id }
}
const textOf = (findings: readonly Finding[], name: string): string =>
  new TextDecoder().decode(findings.find((each) => each.name === name)?.bytes)

describeOnNode(
  'Go pprof in pods',
  (node) => {
    const ask = async (target: Target, kind: CaptureKind, options: ProbeOptions = {}, durationMs = 0) => {
      const inventory = startInventory({ criSocket: node().socket, log: quiet })
      try {
        await inventory.ready
        const annotationsOf = (of: Target) => inventory.containerOf({ pid: of.pid as number })?.pod.annotations
        const signal = new AbortController().signal
        return await runProbe(goPprofProbe({ annotationsOf }), { target, kind, durationMs, options, signal }, () => 0)
      } finally {
        inventory.close()
      }
    }

    test.skipIf(!hasGo())('a program that listens only on loopback, beside another container and a sleep', async () => {
      const program = pprofServerProgram()
      const image = await node().packImage({ name: 'pprof', programs: [program] })
      const pod = await node().runPod({
        name: 'cart-0',
        namespace: 'shop',
        annotations: { 'profefe.com/enable': 'true', 'profefe.com/port': '1' },
        containers: [
          { name: 'app', image, command: [program, 'serve=html', 'serve=pprof', 'serve=burn'] },
          { name: 'sidecar', image, command: ['sleep', '600'] },
        ],
      })
      await pod.untilLog('app', /^\d+ \d+$/m)
      const app = targetOf(pod.containers.app!)
      const cpu = await ask(app, 'cpu', {}, 1000)
      expect(cpu.result.outcome).toBe('ok')
      const { profile } = await readProfile(cpu.findings[0]!.bytes)
      // On a full machine it is preempted about as often as it is sampled: runtime.asyncPreempt, called by it.
      const own = topFunctions(profile).functions.filter((each) => !each.function.startsWith('runtime.'))
      expect(own[0]?.function).toBe('main.burnInNamedFunction')
      const goroutines = await ask(app, 'goroutines')
      expect(textOf(goroutines.findings, 'goroutines.txt')).toContain('goroutine 1 [')

      // Its neighbour shares the network, and its ports are not the neighbour's.
      const sleep = await ask(targetOf(pod.containers.sidecar!), 'cpu')
      expect(sleep.result).toMatchObject({ outcome: 'skipped' })
      expect(sleep.result.message).toContain('not a Go program but a native program')
      await pod.stop()
    })

    let etcd: RunningPod
    let etcdTarget: Target
    beforeAll(async () => {
      const dir = mkdtempSync(join(folder, 'certificates-'))
      makeAuthority(dir, 'ca')
      const names = 'DNS:localhost,IP:127.0.0.1'
      makeLeaf(dir, 'server', { authority: 'ca', names, usage: 'serverAuth,clientAuth' })
      makeLeaf(dir, 'client', { authority: 'ca', usage: 'clientAuth' })
      makeLeaf(dir, 'viewer', { authority: 'ca', usage: 'serverAuth' })
      const files = Object.fromEntries(
        ['ca.crt', 'server.crt', 'server.key', 'client.crt', 'client.key', 'viewer.crt', 'viewer.key'].map((name) => [
          `/etc/etcd/${name}`,
          readFileSync(join(dir, name), 'utf8'),
        ]),
      )
      const image = await node().packImage({ name: 'etcd', programs: ['/usr/bin/etcd'], files })
      const url = 'https://127.0.0.1:2379'
      const flags = {
        'data-dir': '/tmp/etcd',
        'listen-client-urls': url,
        'advertise-client-urls': url,
        'cert-file': '/etc/etcd/server.crt',
        'key-file': '/etc/etcd/server.key',
        'trusted-ca-file': '/etc/etcd/ca.crt',
        'client-cert-auth': 'true',
        'enable-pprof': 'true',
      }
      const command = ['/usr/bin/etcd', ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)]
      etcd = await node().runPod({ name: 'etcd-0', containers: [{ name: 'etcd', image, command }] })
      await etcd.untilLog('etcd', /ready to serve client requests|serving client requests/)
      etcdTarget = targetOf(etcd.containers.etcd!)
    })

    const pair = (name: string): ProbeOptions => ({
      pprofPort: 2379,
      pprofCa: '/etc/etcd/ca.crt',
      pprofCert: `/etc/etcd/${name}.crt`,
      pprofKey: `/etc/etcd/${name}.key`,
    })

    test('etcd with mutual TLS, by the certificates in its container', async () => {
      const heap = await ask(etcdTarget, 'heap', pair('client'), 1000)
      expect(heap.result).toMatchObject({ outcome: 'ok' })
      expect(heap.result.message).toContain('https://127.0.0.1:2379/debug/pprof/ (found as named)')
      const { profile } = await readProfile(heap.findings[0]!.bytes)
      expect(profile.sampleTypes.map(({ type }) => type)).toContain('inuse_space')
      const goroutines = await ask(etcdTarget, 'goroutines', pair('client'))
      expect(textOf(goroutines.findings, 'goroutines-counted.txt')).toContain('go.etcd.io/etcd')
      // It links to a trace and does not serve one.
      const trace = await ask(etcdTarget, 'trace', pair('client'), 1000)
      expect(trace.result).toMatchObject({ outcome: 'skipped' })
      expect(trace.result.message).toContain('the program serves no trace (404')
    })

    test('each mistake is told apart', async () => {
      const message = async (options: ProbeOptions): Promise<string> => {
        const { result } = await ask(etcdTarget, 'heap', options)
        return `${result.code}: ${result.message}`
      }
      const { pprofCert: _, pprofKey: __, ...noClient } = pair('client')
      expect(await message(noClient)).toMatch(/^TLS_REFUSED: .* wants a client certificate; name one with --pprof-cert/)
      // Without any options it is found, and the refusal says so, and which files etcd itself was given.
      const bare = await message({})
      expect(bare).toMatch(/^TLS_REFUSED: .*127\.0\.0\.1:2379.* a client certificate/)
      expect(bare).toContain('its command line names /etc/etcd/server.crt, /etc/etcd/server.key, /etc/etcd/ca.crt')
      expect(await message(pair('viewer'))).toContain(
        'the client certificate /etc/etcd/viewer.crt is only for serverAuth',
      )
      const { pprofCa: ___, ...noAuthority } = pair('client')
      expect(await message(noAuthority)).toContain('is signed by "ca", which this machine does not trust')
      expect(await message({ ...pair('client'), pprofServerName: 'etcd.example' })).toContain(
        'is for localhost, 127.0.0.1, not for etcd.example',
      )
      expect(await message({ ...pair('client'), pprofScheme: 'http' })).toMatch(/speaks TLS|hung up without an answer/)
      expect(await message({ ...pair('client'), pprofKey: '/etc/etcd/absent.key' })).toBe(
        'USAGE: --pprof-key /etc/etcd/absent.key is not there (in the file system of the target)',
      )
    })
  },
  ['etcd-server', 'openssl'],
)
