// Attaches to a JVM as jcmd does, from outside: no JDK, no shell and no network in the container, nothing loaded into it.
//
//   1. /proc/PID/root/tmp/.java_pid7 is there: somebody attached before (and under -Xrs it is there from the start).
//   2. Otherwise .attach_pid7 is put beside it, SIGQUIT asks the JVM to look, and it makes the socket.
//   3. Connect, one request per connection, read to the end.
// Afterwards .attach_pid7 is removed. The socket and the thread that serves it are the JVM's own and stay until it ends,
// as after jcmd: to remove the socket would shut out everybody else on JDK 8.
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { Failure } from '../model/errors.ts'
import { findInside } from '../target/inside-root.ts'
import { findTwin, type JvmProcess, readJvm } from '../target/jvm-process.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { makeJvmListen, systemFailure, type Tmp } from './jvm-handshake.ts'
import { encodeJcmd, type JvmAnswer, parseAnswer } from './jvm-protocol.ts'
import { type ExchangeOptions, exchange, type JvmSocket, openJvmSocket } from './jvm-socket.ts'
import { type ProbeRequest, Skipped } from './probe.ts'

export interface AttachedJvm {
  readonly process: JvmProcess
  /** Its /tmp, as a path that leads there while attached: `/proc/self/fd/17`. */
  readonly tmp: string
  /**
   * Runs one diagnostic command, `Thread.print -e -l`. One at a time: a JVM serves one client after the other.
   * @throws Failure TOOL_FAILED with the JVM's words, TIMEOUT, TOO_LARGE, TARGET_GONE; Skipped when it does not know it
   */
  jcmd(line: string, options?: JcmdOptions): Promise<Uint8Array>
  close(): void
}

export interface JcmdOptions {
  /** Absent = 30 s. */
  readonly deadlineMs?: number
  /** Absent = 64 MiB. */
  readonly maxBytes?: number
  /** Instead of the probe's own, for cleaning up after that was aborted. */
  readonly signal?: AbortSignal
}

/** A dump of 10 000 threads in a container that is throttled to a tenth of a core took 12 s. */
const commandMs = 30_000
/** 100 000 threads with 600 bytes each. */
const maxOutputBytes = 64 * 1024 * 1024

/**
 * Gets ready to talk to a JVM: nothing is sent before the first command, which also makes the JVM listen if it does not
 * yet. It is that command, then, that throws Skipped when this JVM cannot be attached to as it was started, with what
 * would change that. What answers on the socket of its PID is a JVM; only before it is signalled is it looked at closely.
 * @throws Skipped; Failure TARGET_GONE, NOT_PERMITTED
 */
export function attachJvm({ target, signal }: Pick<ProbeRequest, 'target' | 'signal'>): AttachedJvm {
  signal.throwIfAborted()
  const process = lookAt(target)
  const tmp = openTmp(process)
  const path = `/proc/self/fd/${tmp.fd}`
  const twin = findTwin(process)
  if (twin !== undefined) {
    closeSync(tmp.fd)
    throw new Skipped(twinReason(process, twin))
  }
  const connection = new Connection(process, { ...tmp, path }, signal)
  return {
    process,
    tmp: path,
    jcmd: (line, options) => connection.jcmd(line, options),
    close: () => {
      connection.close()
      closeSync(tmp.fd)
    },
  }
}

/** The process, if it is still the same one and can be attached to at all. */
function lookAt({ pid, startTicks }: ProbeRequest['target']): JvmProcess {
  if (pid === undefined) throw new Failure('BAD_REQUEST', 'a JVM is attached to by its process: the target names none')
  let process: JvmProcess | undefined
  try {
    process = readJvm(pid)
  } catch (cause) {
    throw systemFailure(cause, `process ${pid} may not be looked at: that takes root, in a container CAP_SYS_PTRACE`)
  }
  if (!process || process.startTicks !== (startTicks ?? process.startTicks)) throw gone(pid)
  if (process.isStopped) {
    throw new Skipped(`process ${pid} is stopped (SIGSTOP, a debugger) and answers nobody: let it go on first`)
  }
  return process
}

const gone = (pid: number): Failure => new Failure('TARGET_GONE', `process ${pid} has ended`)

/** @throws Skipped when there is no /tmp; Failure NOT_PERMITTED, TARGET_GONE */
function openTmp({ pid }: JvmProcess): Omit<Tmp, 'path'> {
  try {
    const place = findInside(pid, '/tmp')
    try {
      const fd = openSync(place.path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
      return { fd, stats: fstatSync(fd) }
    } finally {
      place.close()
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (startTicksOf(pid) === undefined) throw gone(pid)
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new Skipped('the container has no /tmp, where HotSpot opens its socket: mount an emptyDir there')
    }
    throw systemFailure(cause, `the files of process ${pid} may not be looked at: that takes root, or CAP_SYS_PTRACE`)
  }
}

class Connection {
  private readonly process: JvmProcess
  private readonly tmp: Tmp
  private readonly signal: AbortSignal
  private socket: JvmSocket | undefined
  /** Set once the JVM does not let us in as who we are. */
  private as: { uid: number; gid: number } | undefined

  constructor(process: JvmProcess, tmp: Tmp, signal: AbortSignal) {
    this.process = process
    this.tmp = tmp
    this.signal = signal
    // Root here is nobody in there: only a user that it knows is let in.
    if (process.hasOwnUsers) this.as = { uid: process.uid, gid: process.gid }
    this.socket = openJvmSocket(tmp.path, process.innerPid, process.uid)
  }

  async jcmd(line: string, options: JcmdOptions = {}): Promise<Uint8Array> {
    const { code, output } = await this.ask(encodeJcmd(line), {
      deadlineMs: options.deadlineMs ?? commandMs,
      maxBytes: options.maxBytes ?? maxOutputBytes,
      signal: options.signal ?? this.signal,
    })
    if (code === 0) return output
    const said = new TextDecoder().decode(output.subarray(0, 2000)).trim()
    const command = line.split(' ')[0]
    if (/Unknown diagnostic command/.test(said))
      throw new Skipped(`this JVM has no ${command}: it is too old for it, or was built without`)
    throw new Failure('TOOL_FAILED', `the JVM refused ${command}: ${said.split('\n')[0]}`, {
      details: { stderrTail: said },
    })
  }

  close(): void {
    this.socket?.close()
    this.socket = undefined
  }

  private async ask(request: Uint8Array, options: ExchangeOptions): Promise<JvmAnswer> {
    const { process } = this
    if (startTicksOf(process.pid) !== process.startTicks) throw gone(process.pid)
    this.socket ??= await this.listen(undefined)
    let answer = await this.exchange(request, options)
    if (answer === 'refused') {
      // Left behind by a process that had the same PID in an earlier container with this /tmp.
      const stale = this.socket
      this.socket = await this.listen(stale.inode)
      stale.close()
      answer = await this.exchange(request, options)
    }
    if (answer === 'closed' && !this.as && process.uid !== ownUid()) {
      // JDK 8 to 10 let in nobody but their own user, root neither.
      this.as = { uid: process.uid, gid: process.gid }
      answer = await this.exchange(request, options)
    }
    if (answer instanceof Uint8Array) return parseAnswer(answer)
    if (startTicksOf(process.pid) !== process.startTicks) throw gone(process.pid)
    throw new Failure(
      'TOOL_FAILED',
      `the JVM ${answer === 'refused' ? 'refuses connections' : 'closed the connection'}`,
    )
  }

  private listen(staleInode: number | undefined): Promise<JvmSocket> {
    const { process, tmp, as, signal } = this
    return makeJvmListen(process, tmp, { as, staleInode, signal })
  }

  private exchange(request: Uint8Array, options: ExchangeOptions): ReturnType<typeof exchange> {
    return exchange(this.socket as JvmSocket, request, { ...options, ...(this.as && { as: this.as }) })
  }
}

const ownUid = (): number => process.geteuid?.() ?? -1

const twinReason = ({ pid, innerPid }: JvmProcess, twin: number): string =>
  `processes ${pid} and ${twin} are both PID ${innerPid} in their containers and have the same /tmp, so the attach socket ` +
  'there may be of either: give each container a /tmp of its own, or let them share their processes (shareProcessNamespace)'
