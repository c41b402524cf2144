// The address of this node, which is also that of every pod in the host's network: what is not on loopback or on the
// bridge of another network.
//
//   /proc/1/net/route      eth0  00000000  0102A8C0 …               default route (little-endian hex)
//                          cni0  0000580A  00000000 … 00FFFFFF      a network on another device
//   /proc/1/net/fib_trie       |-- 192.168.2.15
//                                 /32 host LOCAL                    an address of this machine
//   /proc/1/net/if_inet6   fd000000…0015 02 40 00 80 eth0  scope 00 is global
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/** Addresses of the host's network namespace, IPv4 first; empty when that is not in view. */
export function nodeAddresses(proc = '/proc'): string[] {
  const rows = read('route', proc)
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
  const device = rows.find((row) => row[1] === '00000000')?.[0]
  const others = rows
    .filter((row) => row[0] !== device && row[1] !== '00000000')
    .map((row) => ({ network: Number.parseInt(row[1] ?? '', 16), mask: Number.parseInt(row[7] ?? '', 16) }))
  const ipv4 = localIpv4(proc).filter((address) => {
    const value = address.split('.').reduceRight((sum, part) => sum * 256 + Number(part), 0)
    return !address.startsWith('127.') && !others.some(({ network, mask }) => (value & mask) >>> 0 === network)
  })
  const ipv6 = localIpv6(proc)
    .filter(({ scope, name }) => scope === '00' && name === device)
    .map(({ address }) => address)
  return [...new Set([...ipv4, ...ipv6])]
}

/** True for every address of the host's network namespace, also those on loopback and on bridges. */
export function isLocalAddress(address: string, proc = '/proc'): boolean {
  if (address.startsWith('127.')) return true // all of 127.0.0.0/8 is loopback (RFC 6890)
  return localIpv4(proc).includes(address) || localIpv6(proc).some((each) => each.address === address)
}

function read(name: string, proc: string): string {
  try {
    return readFileSync(`${proc}/1/net/${name}`, 'utf8')
  } catch {
    return '' // no IPv6, or another PID namespace
  }
}

const localIpv4 = (proc: string): string[] =>
  [...read('fib_trie', proc).matchAll(/\|-- (\d+\.\d+\.\d+\.\d+)\n\s+\/32 host LOCAL/g)].map(
    (match) => match[1] as string,
  )

const localIpv6 = (proc: string): { address: string; scope: string | undefined; name: string | undefined }[] =>
  read('if_inet6', proc)
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/))
    .map(([hex = '', , , scope, , name]) => ({ address: shortIpv6(hex), scope, name }))

/** True when a host name means this node: its own, or that with or without a domain. */
export function isNameOfNode(host: string, node: string | undefined): boolean {
  const wanted = host.toLowerCase()
  return [node, hostname(), 'localhost'].some((each) => {
    const name = each?.toLowerCase()
    return name !== undefined && (wanted === name || wanted.startsWith(`${name}.`) || name.startsWith(`${wanted}.`))
  })
}

/** 32 hex digits as the WHATWG URL parser writes an IPv6 address: the longest run of zeros becomes `::`. */
function shortIpv6(hex: string): string {
  return new URL(`http://[${(hex.match(/.{4}/g) ?? []).join(':')}]`).hostname.slice(1, -1)
}
