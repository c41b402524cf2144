// Where a process listens for TCP connections, as addresses to connect to from within its network.
import { readlinkSync } from 'node:fs'
import { Failure } from '../model/errors.ts'
import { socketInodes, tcpSockets } from '../target/tcp-sockets.ts'

export interface ListeningPort {
  /** `127.0.0.1` where it listens on all addresses. */
  readonly host: string
  readonly port: number
}

/**
 * By port; of several addresses with the same port, loopback. Sockets that others in its network hold are left out.
 * @throws Failure NOT_PERMITTED when its descriptors may not be seen
 */
export function listeningPorts(pid: number, proc = '/proc'): ListeningPort[] {
  checkAccess(pid, proc)
  const { inodes } = socketInodes(pid, proc)
  const ports = new Map<number, string>()
  for (const { local, state, inode } of tcpSockets(pid, proc)) {
    if (state !== 'LISTEN' || !inodes.has(inode)) continue
    const host = reachable(local.address)
    const known = ports.get(local.port)
    if (known === undefined || isLoopback(host)) ports.set(local.port, known === '127.0.0.1' ? known : host)
  }
  return [...ports].map(([port, host]) => ({ host, port })).sort((a, b) => a.port - b.port)
}

/** What listens on all IPv6 addresses takes IPv4 too, unless a program went out of its way (ipv6(7), IPV6_V6ONLY). */
const reachable = (address: string): string => (address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address)

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'

/** The kernel asks the same of who reads this link as of who reads those in /proc/PID/fd (proc_pid_fd(5)). */
function checkAccess(pid: number, proc: string): void {
  try {
    readlinkSync(`${proc}/${pid}/exe`)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EACCES') return // it is gone, and listens on nothing
    throw new Failure('NOT_PERMITTED', `the sockets of process ${pid} may not be seen: that takes CAP_SYS_PTRACE`, {
      cause,
    })
  }
}
