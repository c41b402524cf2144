// The address of this node, which is also that of every pod in the host's network: what is not on loopback or on the
// bridge of another network.
//
//   /proc/1/net/route      eth0  00000000  0102A8C0 …               default route (little-endian hex)
//                          cni0  0000580A  00000000 … 00FFFFFF      a network on another device
//   /proc/1/net/fib_trie       |-- 192.168.2.15
//                                 /32 host LOCAL                    an address of this machine
//   /proc/1/net/if_inet6   fd000000…0015 02 40 00 80 eth0  scope 00 is global
import { readFileSync } from 'node:fs'

/** Addresses of the host's network namespace, IPv4 first; empty when that is not in view. */
export function nodeAddresses(proc = '/proc'): string[] {
  const read = (name: string): string => {
    try {
      return readFileSync(`${proc}/1/net/${name}`, 'utf8')
    } catch {
      return '' // no IPv6, or another PID namespace
    }
  }
  const rows = read('route')
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
  const device = rows.find((row) => row[1] === '00000000')?.[0]
  const others = rows
    .filter((row) => row[0] !== device && row[1] !== '00000000')
    .map((row) => ({ network: Number.parseInt(row[1] ?? '', 16), mask: Number.parseInt(row[7] ?? '', 16) }))
  const locals = [...read('fib_trie').matchAll(/\|-- (\d+\.\d+\.\d+\.\d+)\n\s+\/32 host LOCAL/g)].map(
    (match) => match[1] as string,
  )
  const ipv4 = locals.filter((address) => {
    const value = address.split('.').reduceRight((sum, part) => sum * 256 + Number(part), 0)
    return !address.startsWith('127.') && !others.some(({ network, mask }) => (value & mask) >>> 0 === network)
  })
  const ipv6 = read('if_inet6')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , scope, , name]) => scope === '00' && name === device)
    .map(([hex = '']) => shortIpv6(hex))
  return [...new Set([...ipv4, ...ipv6])]
}

/** 32 hex digits as the WHATWG URL parser writes an IPv6 address: the longest run of zeros becomes `::`. */
function shortIpv6(hex: string): string {
  return new URL(`http://[${(hex.match(/.{4}/g) ?? []).join(':')}]`).hostname.slice(1, -1)
}
