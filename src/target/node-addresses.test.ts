import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { nodeAddresses } from './node-addresses.ts'

const dir = mkdtempSync(join(tmpdir(), 'spikecam-addresses-'))
afterAll(() => rmSync(dir, { recursive: true }))

test('a cloud node: an address of its own without a network, a bridge for pods, IPv6', () => {
  mkdirSync(join(dir, '1/net'), { recursive: true })
  const put = (name: string, text: string): void => writeFileSync(join(dir, '1/net', name), text)
  put(
    'route',
    `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100800A\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0100800A\t00000000\t0005\t0\t0\t100\tFFFFFFFF\t0\t0\t0
cni0\t0000580A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`,
  )
  put(
    'fib_trie',
    `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.88.0.0
        /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.88.0.1
        /32 host LOCAL
     |-- 10.88.0.255
        /32 link BROADCAST
     |-- 10.128.0.15
        /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
`,
  )
  put(
    'if_inet6',
    `fd000000000000000000000000000015 02 40 00 80     eth0
fe800000000000000000fc00fe000001 02 40 20 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
`,
  )
  expect(nodeAddresses(dir)).toEqual(['10.128.0.15', 'fd00::15'])
})

test('this machine, as Node lists its interfaces', () => {
  const all = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((each) => each.address))
  for (const address of nodeAddresses()) expect(all).toContain(address)
})

test('nothing to see', () => {
  expect(nodeAddresses(join(dir, 'nowhere'))).toEqual([])
})
