// Waits until a JVM has opened its attach socket.
import { watch } from 'node:fs'
import { Failure } from '../model/errors.ts'
import type { JvmProcess } from '../target/jvm-process.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { type JvmSocket, openJvmSocket } from './jvm-socket.ts'

/** Where no events come (no inotify watch left, a network file system), the folder is looked at this often. */
const lookAgainMs = 100

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
  signal.throwIfAborted()
  const ends: (() => void)[] = []
  try {
    return await new Promise<JvmSocket>((resolve, reject) => {
      let found: JvmSocket | undefined
      const look = (): void => {
        const socket = found ? undefined : openJvmSocket(folder, innerPid, uid)
        if (!socket) return
        if (socket.inode === staleInode) socket.close()
        else {
          found = socket
          resolve(socket)
        }
      }
      const watcher = watchFolder(folder, look)
      const again = setInterval(() => {
        if (startTicksOf(pid) === startTicks) look()
        else reject(new Failure('TARGET_GONE', `process ${pid} has ended`))
      }, lookAgainMs)
      const deadline = setTimeout(() => reject(noSocket(deadlineMs)), deadlineMs)
      const abort = (): void => reject(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      ends.push(
        () => watcher?.close(),
        () => clearInterval(again),
        () => clearTimeout(deadline),
        () => signal.removeEventListener('abort', abort),
      )
      look()
    })
  } finally {
    for (const end of ends) end()
  }
}

function watchFolder(folder: string, changed: () => void): { close(): void } | undefined {
  try {
    const watcher = watch(folder, changed)
    watcher.on('error', () => undefined) // then it is looked at now and again
    return watcher
  } catch {
    return undefined
  }
}

const noSocket = (deadlineMs: number): Failure =>
  new Failure(
    'TIMEOUT',
    `the JVM did not open its attach socket within ${deadlineMs / 1000} s: it may get no CPU time, or attaching is switched ` +
      'off by an option file (-XX:+DisableAttachMechanism); then its log shows its threads instead',
  )
