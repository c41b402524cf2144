// TCP sockets as /proc shows them: all of a network namespace, and which of them a process holds.
//
//   /proc/4242/net/tcp
//     sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//      0: 0100007F:2409 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 812345 1 …
//   addresses are 32-bit words in host order, ports are hex; of a listening socket rx_queue is how many connections
//   wait to be accepted (proc_pid_net(5), net/ipv4/tcp_ipv4.c)
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

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
  return ['tcp', 'tcp6'].flatMap((table) => parseTcp(readTable(`${proc}/${pid}/net/${table}`)))
}

function readTable(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it is gone, or there is no IPv6
  }
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
