// The sockets of a process in its own network namespace, in numbers: what it listens on, how its connections stand, and
// who is at the other end.
import type { ContextSockets } from '../model/context.ts'
import { socketInodes, tcpSockets } from '../target/tcp-sockets.ts'
import { readIfThere } from './context-processes.ts'

/** More than this of each is no summary. */
const maxListening = 50
const maxPeers = 20

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
