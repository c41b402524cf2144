// What must be known of a Java process before anybody attaches to it: is it HotSpot, would it survive SIGQUIT, whose
// user is it, what is its PID called inside.
//
//   /proc/PID/maps     7fd3c8a00000-7fd3c9c00000 r-xp 00000000 fe:01 812  /usr/lib/jvm/…/lib/server/libjvm.so
//   /proc/PID/status   Uid:  10001 10001 10001 10001   NSpid:  4242 7   SigCgt:  2000000181005ccf      (proc_pid_status(5))
import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { readWords } from './command-line.ts'
import { listProcesses, startTicksOf } from './process-identity.ts'

/** What is cheap to read, and needed whenever one talks to it. */
export interface JvmProcess {
  readonly pid: number
  readonly startTicks: number
  /** As the process itself sees it: names its files in /tmp. */
  readonly innerPid: number
  /** Effective, as this machine counts them. */
  readonly uid: number
  readonly gid: number
  /** Its root is not ours: its own users are all that it knows. */
  readonly hasOwnUsers: boolean
  /** False while it starts and under -Xrs: SIGQUIT would end it. */
  readonly catchesQuit: boolean
  /** By SIGSTOP, a debugger or the freezer: it answers nobody. */
  readonly isStopped: boolean
}

/** What kind of JVM it is and how it was started: asked before it is signalled. */
export interface JvmKind {
  /** OpenJ9 has a libjvm too, but other signals and another attach protocol: SIGQUIT makes it write files. */
  readonly vm: 'hotspot' | 'openj9'
  /** -XX:+DisableAttachMechanism */
  readonly isAttachDisabled: boolean
  /** -Xrs or -XX:+ReduceSignalUsage */
  readonly hasReducedSignals: boolean
}

/** Bit of signal 3 in the masks of /proc/PID/status. */
const quitBit = 4n
/** Variables that HotSpot and its launcher read options from; nothing else of the environment is looked at. */
const optionVariables = /^(?:JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|_JAVA_OPTIONS)=/

/**
 * Looks at a process that may be a JVM.
 * @returns undefined when there is none of this PID
 * @throws Error with the code of the system call: ENOENT or ESRCH when it just went, EACCES when it is not ours to look at
 */
export function readJvm(pid: number): JvmProcess | undefined {
  const startTicks = startTicksOf(pid)
  if (startTicks === undefined) return undefined
  return {
    pid,
    startTicks,
    ...parseJvmStatus(readFileSync(`/proc/${pid}/status`, 'latin1'), pid),
    hasOwnUsers: readlinkSync(`/proc/${pid}/ns/user`) !== readlinkSync('/proc/self/ns/user'),
  }
}

/**
 * Reads all that it has mapped, which takes the kernel a millisecond for a JVM with 500 threads.
 * @returns undefined when it is no JVM
 * @throws as `readJvm`
 */
export function readJvmKind(pid: number): JvmKind | undefined {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8')
  if (!/\/libjvm\.so(?: \(deleted\))?$/m.test(maps)) return undefined
  const options = readOptions(`/proc/${pid}`)
  return {
    vm: /\/libj9vm\d*\.so/.test(maps) ? 'openj9' : 'hotspot',
    isAttachDisabled: lastSwitch(options, 'DisableAttachMechanism') ?? false,
    hasReducedSignals: options.includes('-Xrs') || (lastSwitch(options, 'ReduceSignalUsage') ?? false),
  }
}

/** @param status text of /proc/PID/status */
export function parseJvmStatus(
  status: string,
  pid: number,
): Pick<JvmProcess, 'innerPid' | 'uid' | 'gid' | 'catchesQuit' | 'isStopped'> {
  const field = (name: string): string[] => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1]?.split(/\s+/) ?? []
  return {
    // One per PID namespace, the innermost last; kernels before 4.1 have no such line.
    innerPid: Number(field('NSpid').at(-1) ?? pid),
    // Real, effective, saved, of the file system.
    uid: Number(field('Uid')[1]),
    gid: Number(field('Gid')[1]),
    catchesQuit: (BigInt(`0x${field('SigCgt')[0] ?? '0'}`) & quitBit) !== 0n,
    // T: stopped, t: traced.
    isStopped: /^t$/i.test(field('State')[0] ?? ''),
  }
}

function readOptions(folder: string): string[] {
  const words = readWords(folder, 'cmdline')
  const variables = readWords(folder, 'environ')
    .filter((line) => optionVariables.test(line))
    .flatMap((line) => line.slice(line.indexOf('=') + 1).split(/\s+/))
  return [...variables, ...words]
}

/** Of `-XX:+NAME` and `-XX:-NAME` the last counts. */
function lastSwitch(options: readonly string[], name: string): boolean | undefined {
  const last = options.findLast((word) => word === `-XX:+${name}` || word === `-XX:-${name}`)
  return last === undefined ? undefined : last.startsWith('-XX:+')
}

/**
 * Another process that is called the same inside and has the same /tmp: two containers of a pod with a common volume
 * there, each with its JVM as PID 1. Files named after the PID are then one process's or the other's, nobody knows whose.
 */
export function findTwin({ pid, innerPid }: JvmProcess): number | undefined {
  if (innerPid === pid) return undefined // not inside any PID namespace: the number is its own
  const tmp = idOf(`/proc/${pid}/root/tmp`)
  // On the container's own root file system it is nobody else's.
  if (!tmp || tmp.dev === idOf(`/proc/${pid}/root`)?.dev) return undefined
  return listProcesses().find((other) => {
    const theirs = other === pid ? undefined : idOf(`/proc/${other}/root/tmp`)
    return theirs?.ino === tmp.ino && theirs.dev === tmp.dev && innerPidOf(other) === innerPid && isJvm(other)
  })
}

function idOf(path: string): { dev: number; ino: number } | undefined {
  try {
    const { dev, ino } = statSync(path)
    return { dev, ino }
  } catch {
    return undefined // it has none, or ended
  }
}

function innerPidOf(pid: number): number | undefined {
  try {
    return parseJvmStatus(readFileSync(`/proc/${pid}/status`, 'latin1'), pid).innerPid
  } catch {
    return undefined // ended
  }
}

function isJvm(pid: number): boolean {
  try {
    return readJvmKind(pid) !== undefined
  } catch {
    return false // ended
  }
}
