// From an address with a port to the processes that listen there: what monitoring systems call an instance.
//
//   instance="vm1:9121"  "10.4.2.17:8080"  "[fd00::17]:9100"  "localhost:9090"
import { readlinkSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { listProcesses } from './process-identity.ts'
import { socketInodes, type TcpSocket, tcpSockets } from './tcp-sockets.ts'

export interface Listener {
  /** Empty for a name: then every address that is listened on will do. */
  readonly address: string
  readonly port: number
}

/** Work on processes between two turns of the event loop: an eighth of the watcher's tick. */
const sliceMs = 25
const anyAddress = new Set(['0.0.0.0', '::'])

/**
 * PIDs of all that hold the socket on which connections to this address arrive, in the network namespace of one process.
 * Several do when a program has forked workers; of those the first process of the machine, which opens sockets for
 * others (systemd.socket(5)), is left out.
 */
export async function listenersOn(listener: Listener, inNetworkOf: number, proc = '/proc'): Promise<number[]> {
  const inodes = arrivesAt(listener, tcpSockets(inNetworkOf, proc))
  if (inodes.size === 0) return []
  const network = networkOf(inNetworkOf, proc)
  const pids: number[] = []
  let beganMs = performance.now()
  for (const pid of listProcesses(proc)) {
    if (network !== undefined && networkOf(pid, proc) !== network) continue
    const own = socketInodes(pid, proc).inodes
    if ([...inodes].some((inode) => own.has(inode))) pids.push(pid)
    if (performance.now() - beganMs < sliceMs) continue
    await setImmediate()
    beganMs = performance.now()
  }
  return pids.length > 1 ? pids.filter((pid) => pid !== 1) : pids
}

/** A socket on the address itself gets its connections before one on all addresses does (tcp(7), ip(7)). */
function arrivesAt({ address, port }: Listener, sockets: readonly TcpSocket[]): Set<number> {
  const onPort = sockets.filter(({ state, local }) => state === 'LISTEN' && local.port === port)
  const exact = onPort.filter(({ local }) => local.address === address)
  const fit = exact.length > 0 ? exact : onPort.filter(({ local }) => address === '' || anyAddress.has(local.address))
  return new Set(fit.map(({ inode }) => inode))
}

/** `net:[4026531840]`; undefined when it is gone, or not ours to see. */
function networkOf(pid: number, proc: string): string | undefined {
  try {
    return readlinkSync(`${proc}/${pid}/ns/net`)
  } catch {
    return undefined
  }
}
