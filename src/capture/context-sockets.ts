// The sockets of a process from /proc, in its own network namespace: what it listens on, how its connections stand, and
// who is at the other end.
//
//   /proc/4242/net/tcp
//     sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//      0: 0100007F:2409 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 812345 1 …
//   addresses are 32-bit words in host order, ports are hex; of a listening socket rx_queue is how many connections
//   wait to be accepted (proc_pid_net(5), net/ipv4/tcp_ipv4.c)
import { readdirSync, readlinkSync } from 'node:fs'
import type { ContextSockets } from '../model/context.ts'
import { readIfThere } from './context-processes.ts'

export interface TcpSocket {
  readonly local: { readonly address: string; readonly port: number }
  readonly remote: { readonly address: string; readonly port: number }
  readonly state: string
  /** Bytes not read yet; of a listening socket, connections not accepted yet. */
  readonly received: number
  readonly inode: number
}

/** include/net/tcp_states.h, as `ss` prints them. */
const states: Record<string, string> = {
  '01': 'ESTAB',
  '02': 'SYN-SENT',
  '03': 'SYN-RECV',
  '04': 'FIN-WAIT-1',
  '05': 'FIN-WAIT-2',
  '06': 'TIME-WAIT',
  '07': 'CLOSE',
  '08': 'CLOSE-WAIT',
  '09': 'LAST-ACK',
  '0A': 'LISTEN',
  '0B': 'CLOSING',
}
/** More than this of each is no summary. */
const maxListening = 50
const maxPeers = 20
/** A proxy may hold a million descriptors; to look at this many takes some 50 ms. */
const maxDescriptors = 20_000

/** Inodes of the sockets that a process has open. @returns whether there were more than are looked at */
export function socketInodes(pid: number, proc = '/proc'): { inodes: Set<number>; isCut: boolean } {
  const inodes = new Set<number>()
  let names: string[]
  try {
    names = readdirSync(`${proc}/${pid}/fd`)
  } catch {
    return { inodes, isCut: false } // gone, or not ours to see
  }
  for (const name of names.slice(0, maxDescriptors)) {
    try {
      const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`${proc}/${pid}/fd/${name}`))
      if (match) inodes.add(Number(match[1]))
    } catch {
      // closed meanwhile
    }
  }
  return { inodes, isCut: names.length > maxDescriptors }
}

/** Every TCP socket in the network namespace of a process, also those of others in it. */
export function tcpSockets(pid: number, proc = '/proc'): TcpSocket[] {
  return ['tcp', 'tcp6'].flatMap((table) => parseTcp(readIfThere(`${proc}/${pid}/net/${table}`)))
}

export function parseTcp(text: string): TcpSocket[] {
  const sockets: TcpSocket[] = []
  for (const line of text.split('\n')) {
    const [, local, remote, state, queues, , , , , inode] = line.trim().split(/\s+/)
    if (!local || !remote || !state || !queues || !(state in states)) continue
    sockets.push({
      local: parseAddress(local),
      remote: parseAddress(remote),
      state: states[state] as string,
      received: Number.parseInt(queues.split(':')[1] ?? '0', 16),
      inode: Number(inode),
    })
  }
  return sockets
}

/** `0100007F:2409` is 127.0.0.1:9225; 32 digits are IPv6, of which `::ffff:` and IPv4 are written as IPv4. */
function parseAddress(text: string): { address: string; port: number } {
  const [hex = '', port = ''] = text.split(':')
  // Each word of eight digits is a number of this machine, so its bytes come last first (all of Node's are little-endian).
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) =>
    [6, 4, 2, 0].map((at) => Number.parseInt(word.slice(at, at + 2), 16)),
  )
  const v4 = bytes.slice(-4).join('.')
  if (bytes.length === 4 || bytes.slice(0, 12).every((byte, i) => byte === (i >= 10 ? 255 : 0))) {
    return { address: v4, port: Number.parseInt(port, 16) }
  }
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number))
  const address = groups.map((group) => group.toString(16)).join(':')
  return { address: address.replace(/(^|:)0(:0)+(:|$)/, '::'), port: Number.parseInt(port, 16) }
}

/** The sockets of these processes, which share a network namespace, in numbers. */
export function summarizeSockets(
  pids: readonly number[],
  proc = '/proc',
): { sockets: ContextSockets; isCut: boolean } | undefined {
  const [first] = pids
  if (first === undefined) return undefined
  const looks = pids.map((pid) => socketInodes(pid, proc))
  const inodes = new Set(looks.flatMap((look) => [...look.inodes]))
  const own = tcpSockets(first, proc).filter(({ inode }) => inodes.has(inode))
  const tcp: Record<string, number> = {}
  const peers = new Map<string, ContextSockets['peers'][number]>()
  const listens = own.filter(({ state }) => state === 'LISTEN')
  const ports = new Set(listens.map(({ local }) => local.port))
  for (const { state, local, remote } of own) {
    if (state === 'LISTEN') continue
    tcp[state] = (tcp[state] ?? 0) + 1
    // Of a connection that came in, the other end's port is chance; ours says what was wanted.
    const direction = ports.has(local.port) ? 'in' : 'out'
    const port = direction === 'in' ? local.port : remote.port
    const key = `${direction} ${remote.address} ${port}`
    const known = peers.get(key)
    peers.set(key, { address: remote.address, port, direction, count: (known?.count ?? 0) + 1 })
  }
  return {
    sockets: {
      listening: listens
        .map(({ local, received }) => ({ ...local, backlog: received }))
        .sort((a, b) => a.port - b.port)
        .slice(0, maxListening),
      tcp,
      udp: countInodes([`${proc}/${first}/net/udp`, `${proc}/${first}/net/udp6`], 9, inodes),
      unix: countInodes([`${proc}/${first}/net/unix`], 6, inodes),
      peers: [...peers.values()].sort((a, b) => b.count - a.count).slice(0, maxPeers),
    },
    isCut: looks.some((look) => look.isCut),
  }
}

/** Lines whose inode is one of these; `unix` has it in column 7, `udp` in column 10. */
function countInodes(paths: readonly string[], column: number, inodes: ReadonlySet<number>): number {
  let count = 0
  for (const path of paths) {
    for (const line of readIfThere(path).split('\n')) {
      if (inodes.has(Number(line.trim().split(/\s+/)[column]))) count++
    }
  }
  return count
}
