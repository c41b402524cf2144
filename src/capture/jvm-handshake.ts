// Makes a JVM open its attach socket: a file beside where the socket will be says that SIGQUIT means that, not a dump.
//
// The file goes into /tmp, not into the working folder that the JVM looks into first: /tmp has to be writable anyhow, for
// the socket, so a read-only one is found out before a signal is sent, and nothing else of the container is touched.
import { closeSync, fchownSync, lstatSync, openSync, type Stats, unlinkSync } from 'node:fs'
import { Failure } from '../model/errors.ts'
import { type JvmKind, type JvmProcess, readJvm, readJvmKind } from '../target/jvm-process.ts'
import { type JvmSocket, openJvmSocket, runAs } from './jvm-socket.ts'
import { untilJvmSocket } from './jvm-socket-wait.ts'
import { keyOf } from './jvm-turns.ts'
import { Skipped } from './probe.ts'

/** As sun.tools.attach.attachTimeout of the JDK's own clients. */
const handshakeMs = 10_000

/** The JVM's /tmp, open. */
export interface Tmp {
  readonly fd: number
  /** Leads to it from here: `/proc/self/fd/17`. */
  readonly path: string
  readonly stats: Stats
}

export interface HandshakeOptions {
  /** Root here is nobody in there: the file has to be made by this user. */
  readonly as: { readonly uid: number; readonly gid: number } | undefined
  /** Of a socket that nobody listens on any more. */
  readonly staleInode: number | undefined
  readonly signal: AbortSignal
}

/** Those that go on, by process. */
const handshakes = new Map<string, Promise<JvmSocket>>()

/**
 * One at a time for each JVM: of two probes at once, as in a bundle, the second SIGQUIT could come once the socket is open
 * and the trigger gone, and the JVM would print all of its threads into the log of its container.
 * @throws Skipped when SIGQUIT must not be sent or would be in vain; Failure TIMEOUT, TARGET_GONE, NOT_PERMITTED
 */
export async function makeJvmListen(process: JvmProcess, tmp: Tmp, options: HandshakeOptions): Promise<JvmSocket> {
  const key = keyOf(process)
  for (let other = handshakes.get(key); other; other = handshakes.get(key)) {
    await other.catch(() => undefined)
    options.signal.throwIfAborted()
    const socket = openJvmSocket(tmp.path, process.innerPid, process.uid)
    if (socket && socket.inode !== options.staleInode) return socket
    socket?.close()
  }
  const mine = shakeHands(process, tmp, options).finally(() => handshakes.delete(key))
  handshakes.set(key, mine)
  return mine
}

async function shakeHands(
  process: JvmProcess,
  tmp: Tmp,
  { as, staleInode, signal }: HandshakeOptions,
): Promise<JvmSocket> {
  const kind = lookAtKind(process)
  const reason = whyNoHandshake(process, kind, tmp.stats)
  if (reason) throw new Skipped(reason)
  const name = `.attach_pid${process.innerPid}`
  const isOurs = await createTrigger(process, tmp, { name, as, signal })
  try {
    sendQuit(process)
    return await untilJvmSocket(process, { folder: tmp.path, staleInode, deadlineMs: handshakeMs, signal })
  } finally {
    if (isOurs) removeTrigger(`${tmp.path}/${name}`)
  }
}

function removeTrigger(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Another tool that attached meanwhile takes it for its own, as jcmd does, or somebody in there put a folder in its place.
  }
}

/** @throws Skipped when it is no HotSpot JVM; Failure TARGET_GONE, NOT_PERMITTED */
function lookAtKind({ pid }: JvmProcess): JvmKind {
  let kind: JvmKind | undefined
  try {
    kind = readJvmKind(pid)
  } catch (cause) {
    throw systemFailure(cause, `process ${pid} may not be looked at: that takes root, in a container CAP_SYS_PTRACE`)
  }
  if (!kind) throw new Skipped(`process ${pid} is no Java virtual machine: it maps no libjvm.so`)
  if (kind.vm === 'hotspot') return kind
  throw new Skipped('this is OpenJ9, which has another attach protocol; use its own jcmd, or jattach, in the container')
}

/** @returns false when there is one already of another tool that is at work; it serves as well */
async function createTrigger(
  process: JvmProcess,
  tmp: Tmp,
  { name, as, signal }: { name: string; as: HandshakeOptions['as']; signal: AbortSignal },
): Promise<boolean> {
  try {
    if (as) await createAs(as, { fd: tmp.fd, name, signal })
    else createFor(process, `${tmp.path}/${name}`)
    return true
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST') return isForgotten(`${tmp.path}/${name}`)
    if (code === 'EROFS') throw new Skipped(readOnlyTmp)
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new Skipped('/tmp of the container is full, and HotSpot opens its attach socket there: free some of it')
    }
    throw systemFailure(cause, '/tmp of the container may not be written: that takes root, or CAP_DAC_OVERRIDE')
  }
}

/** Who attaches waits no longer than that; an older one was left by who was killed, and would turn somebody's dump into an attach. */
const atWorkMs = 60_000

function isForgotten(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats?.isFile() === true && stats.mtimeMs < Date.now() - atWorkMs
}

function createFor({ uid, gid }: JvmProcess, path: string): void {
  const fd = openSync(path, 'wx', 0o600)
  try {
    // JDK 8 to 10 believe only a file of their own user.
    fchownSync(fd, uid, gid)
  } catch {
    // Not permitted to give it away: later JDKs believe root's too.
  } finally {
    closeSync(fd)
  }
}

/** Argument: the name. Descriptor 3 is the folder. */
const create = `
try { require('node:fs').closeSync(require('node:fs').openSync('/proc/self/fd/3/' + require('node:process').argv[1], 'wx', 0o600)) }
catch (error) { process.stderr.write(String(error.code)); process.exitCode = 1 }
`

async function createAs(
  as: { uid: number; gid: number },
  { fd, name, signal }: { fd: number; name: string; signal: AbortSignal },
): Promise<void> {
  const { exitCode, stderrTail } = await runAs(as, {
    code: create,
    args: [name],
    files: [fd],
    deadlineMs: handshakeMs,
    signal,
  })
  if (exitCode === 0) return
  throw Object.assign(new Error(`${name} could not be made as user ${as.uid}: ${stderrTail}`), {
    code: stderrTail.trim(),
  })
}

/** Looks again first, for a signal cannot be taken back. */
function sendQuit({ pid, startTicks }: JvmProcess): void {
  try {
    const now = readJvm(pid)
    if (now?.startTicks !== startTicks) throw new Failure('TARGET_GONE', `process ${pid} has ended`)
    if (!now.catchesQuit) throw new Skipped(notCaught)
    process.kill(pid, 'SIGQUIT')
  } catch (cause) {
    if (cause instanceof Failure || cause instanceof Skipped) throw cause
    throw systemFailure(cause, `process ${pid} may not be signalled: that takes its user, root, or CAP_KILL`)
  }
}

const notCaught = 'the JVM does not catch SIGQUIT, which would end it: it is just starting, so try again in a second'
const readOnlyTmp =
  '/tmp of the container is read-only, and HotSpot opens its attach socket there: mount an emptyDir at /tmp. ' +
  'Until then `kill -QUIT` makes it print its threads into the container log'

/** Why SIGQUIT must not or need not be sent; undefined when it may. */
function whyNoHandshake(process: JvmProcess, kind: JvmKind, tmp: Stats): string | undefined {
  if (kind.isAttachDisabled) {
    return (
      'the JVM runs with -XX:+DisableAttachMechanism: start it without. ' +
      'Until then `kill -QUIT` makes it print its threads into the container log'
    )
  }
  if (kind.hasReducedSignals) {
    return 'the JVM runs with -Xrs and its attach socket is gone from /tmp; SIGQUIT would end it: start it without -Xrs, or leave /tmp/.java_pid* alone'
  }
  if (!process.catchesQuit) return notCaught
  if (process.uid === 0) return undefined
  const isWritable =
    (tmp.mode & 0o002) !== 0 ||
    (tmp.uid === process.uid && (tmp.mode & 0o200) !== 0) ||
    (tmp.gid === process.gid && (tmp.mode & 0o020) !== 0)
  // The user may have further groups, so only what is surely not writable is said to be so.
  return isWritable || (tmp.mode & 0o020) !== 0
    ? undefined
    : `/tmp of the container is not writable for its user ${process.uid}, and HotSpot opens its socket there: chmod 1777 /tmp in the image, or mount an emptyDir`
}

/** What a system call that failed on the target's files or on itself means. @param notPermitted said for EACCES, EPERM */
export function systemFailure(cause: unknown, notPermitted: string): Failure {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'EACCES' || code === 'EPERM') return new Failure('NOT_PERMITTED', notPermitted, { cause })
  if (code === 'ENOENT' || code === 'ESRCH') return new Failure('TARGET_GONE', 'the process has ended', { cause })
  return new Failure('INTERNAL', message, { cause })
}
