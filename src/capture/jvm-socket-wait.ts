// Waits until a JVM has opened its attach socket, by looking again and again. To be told by inotify would be no gain:
// it takes the kernel up to 0.1 s to watch a folder that has had many files, such as the /tmp of a node, and it holds up
// the whole agent meanwhile; to look takes 20 µs.
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from '../model/errors.ts'
import type { JvmProcess } from '../target/jvm-process.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { type JvmSocket, openJvmSocket } from './jvm-socket.ts'

/** A JVM with a core of its own needs 20 ms, one on a busy node some hundreds. */
const firstPauseMs = 5
const lastPauseMs = 100

export interface WaitOptions {
  /** The JVM's /tmp. */
  readonly folder: string
  /** A socket that nobody listens on is still there until the JVM puts its own in the place. */
  readonly staleInode: number | undefined
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** @throws Failure TIMEOUT, TARGET_GONE; what `signal` was aborted with */
export async function untilJvmSocket(
  { pid, startTicks, innerPid, uid }: JvmProcess,
  { folder, staleInode, deadlineMs, signal }: WaitOptions,
): Promise<JvmSocket> {
  const endMs = performance.now() + deadlineMs
  for (let pauseMs = firstPauseMs; performance.now() < endMs; pauseMs = Math.min(lastPauseMs, pauseMs * 1.5)) {
    const socket = openJvmSocket(folder, innerPid, uid)
    if (socket && socket.inode !== staleInode) return socket
    socket?.close()
    if (startTicksOf(pid) !== startTicks) throw new Failure('TARGET_GONE', `process ${pid} has ended`)
    signal.throwIfAborted()
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined) // aborted: said above
  }
  throw new Failure(
    'TIMEOUT',
    `the JVM did not open its attach socket within ${deadlineMs / 1000} s: it may get no CPU time, or attaching is switched ` +
      'off by an option file (-XX:+DisableAttachMechanism); then its log shows its threads instead',
  )
}
