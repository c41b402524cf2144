// What `jcmd Thread.dump_to_file` writes (JDK 21 and later): the only dump that lists virtual threads that wait.
//   8947
//   2026-11-21T02:35:28.925203568Z
//   25.0.2+10-LTS
//
//   #55 "virtual-busy" virtual RUNNABLE 2026-11-21T02:35:28.951Z        JDK 21: `#55 "virtual-busy" virtual`
//       at Dumpee.lambda$main$16(Dumpee.java:48)
//       - locked <java.lang.Object@6d80b621>                             JDK 21: no locks, and frames without `at`
// and with -format=json
//   {"threadDump": {"processId": "8947", "time": "…", "runtimeVersion": "…", "threadContainers": [{"threads": [
//     {"tid": "3", "name": "main", "state": "WAITING", "stack": ["java.base/java.lang.Thread.sleep(Native Method)"],
//      "monitorsOwned": [{"depth": 4, "locks": ["java.lang.Object@6d80b621"]}], "virtual": true, "carrier": "51"}]}]}}
// Written by jdk.internal.vm.ThreadDumper.
import { Failure } from '../model/errors.ts'
import { cutOff, isArray, isObject, type Json, type JsonObject, readJson } from './bounded-json.ts'
import { type FrameLock, type OpenJavaFrame, parseFrameLock, parseJavaFrame } from './java-frame.ts'
import { headText, linesOf } from './text-lines.ts'
import { javaStates, type ThreadDump, type ThreadDumps, type ThreadOfDump } from './thread-dump.ts'

const header = /^#(\d{1,15}) "([\s\S]*)"( virtual)?(?: ([A-Z_]+))?(?: \d{4}-\d\d-\d\dT\S+)?$/
/** Names may hold newlines, but not more than this many. */
const maxNameLines = 8
const maxLine = 1 << 14

export function matchesThreadFile(head: Uint8Array): boolean {
  return /^\d+\n\d{4}-\d\d-\d\dT[\d:.]+Z\n\S+\n\n#\d+ "/.test(headText(head).replaceAll('\r', ''))
}

export function matchesThreadJson(head: Uint8Array): boolean {
  return /^\s*\{\s*"threadDump"\s*:/.test(headText(head))
}

type OpenThread = Omit<ThreadOfDump, 'frames'> & { frames: OpenJavaFrame[] }

/** @throws Failure NOT_A_PROFILE when the first lines are not PID, time and version */
export function parseThreadFile(bytes: Uint8Array): ThreadDumps {
  const top: string[] = []
  const threads: OpenThread[] = []
  /** Whose lines follow; undefined behind a first line that could not be read. */
  let thread: OpenThread | undefined
  let partial: string[] = []
  let unknown = 0
  for (const line of linesOf(bytes)) {
    if (top.length < 3) {
      top.push(line)
      continue
    }
    const text = line.length > maxLine ? '?' : line.trim()
    const isShort = line.length <= maxLine
    const alone = isShort && line.startsWith('#') ? header.exec(line) : null
    const start = alone ?? (isShort && partial.length > 0 ? header.exec([...partial, line].join('\n')) : null)
    if (start) {
      if (alone) unknown += partial.length
      thread = openThread(start)
      threads.push(thread)
      partial = []
    } else if (/^#\d+ "/.test(line) || partial.length > 0) {
      partial.push(line)
      if (partial.length > maxNameLines) {
        unknown += partial.length
        partial = []
        thread = undefined
      }
    } else if (text !== '' && !addLine(thread, text)) unknown++
  }
  const [pid, time, vm] = top as [string, string?, string?]
  if (time === undefined || vm === undefined || Number.isNaN(Date.parse(time))) {
    throw new Failure('NOT_A_PROFILE', 'The first three lines are not process id, time and version.')
  }
  const dump: ThreadDump = { time, pid: Number(pid), vm, threads, deadlocks: [] }
  unknown += partial.length
  const losses = unknown > 0 ? [{ what: 'lines inside a thread dump that are not part of it', count: unknown }] : []
  return { dumps: [dump], losses }
}

function openThread([, id, name = '', virtual, state]: RegExpExecArray): OpenThread {
  const known = javaStates.find((candidate) => candidate === state)
  return {
    kind: virtual ? 'virtual' : 'java',
    name,
    javaId: Number(id),
    isDaemon: false,
    ...(known && { state: known }),
    frames: [],
    ownedSynchronizers: [],
  }
}

function addLine(thread: OpenThread | undefined, text: string): boolean {
  if (!text.startsWith('- ')) {
    const frame = parseJavaFrame(text.startsWith('at ') ? text.slice(3) : text)
    if (frame) thread?.frames.push(frame)
    return frame !== undefined && thread !== undefined
  }
  const lock = parseFrameLock(text)
  const frame = thread?.frames.at(-1)
  if (!lock || !frame) return false
  frame.locks ??= []
  frame.locks.push(lock)
  return true
}

/** @throws Failure NOT_A_PROFILE when it is not JSON of this form */
export function parseThreadJson(bytes: Uint8Array): ThreadDumps {
  const file = readJson(bytes)
  const dump = isObject(file.json) ? file.json.threadDump : undefined
  if (!isObject(dump) || !isArray(dump.threadContainers)) {
    throw new Failure('NOT_A_PROFILE', 'There is no threadDump.threadContainers in it.')
  }
  let unknown = 0
  let strangeFrames = 0
  const threads: ThreadOfDump[] = []
  for (const container of dump.threadContainers) {
    const members = isObject(container) && isArray(container.threads) ? container.threads : []
    for (const member of members) {
      const thread = isObject(member) ? jsonThread(member) : undefined
      if (thread) threads.push(thread)
      else unknown++
      const lines = thread && isObject(member) && isArray(member.stack) ? member.stack.length : 0
      strangeFrames += lines - (thread?.frames.length ?? 0)
    }
  }
  const time = text(dump.time)
  const pid = Number(dump.processId)
  return {
    dumps: [
      {
        ...(time && { time }),
        ...(pid > 0 && { pid }),
        vm: text(dump.runtimeVersion) ?? '',
        threads,
        deadlocks: [],
      },
    ],
    losses: [
      { what: 'threads that are not of the known form', count: unknown },
      { what: 'frames that are not of the known form', count: strangeFrames },
      cutOff(file),
    ].filter((loss) => loss.count > 0),
  }
}

const text = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined)

function jsonThread(member: JsonObject): ThreadOfDump | undefined {
  const javaId = Number(member.tid)
  const name = text(member.name)
  if (name === undefined || !Number.isSafeInteger(javaId)) return undefined
  const stack = isArray(member.stack) ? member.stack : []
  const frames = stack.flatMap((line): OpenJavaFrame[] => {
    const frame = typeof line === 'string' && line.length <= maxLine ? parseJavaFrame(line) : undefined
    return frame ? [frame] : []
  })
  for (const owned of isArray(member.monitorsOwned) ? member.monitorsOwned : []) {
    const locks = isObject(owned) && isArray(owned.locks) ? owned.locks : []
    const frame = isObject(owned) ? frames[Number(owned.depth)] : undefined
    for (const object of locks) addLock(frame, 'locked', text(object))
  }
  const blocker = isObject(member.parkBlocker) ? member.parkBlocker.object : undefined
  addLock(frames[0], 'waiting to lock', text(member.blockedOn))
  addLock(frames[0], 'waiting on', text(member.waitingOn))
  addLock(frames[0], 'parking to wait for', text(blocker))
  const state = javaStates.find((candidate) => candidate === member.state)
  // JDK 21 does not mark them, but every virtual thread begins in this method.
  const isVirtual = member.virtual === true || frames.at(-1)?.method === 'java.lang.VirtualThread.run'
  const carrier = Number(member.carrier)
  return {
    kind: isVirtual ? 'virtual' : 'java',
    name,
    javaId,
    isDaemon: false,
    ...(state && { state }),
    ...(carrier > 0 && { carrierId: carrier }),
    frames,
    ownedSynchronizers: [],
  }
}

function addLock(frame: OpenJavaFrame | undefined, action: FrameLock['action'], object: string | undefined): void {
  if (!frame || object === undefined) return
  frame.locks ??= []
  frame.locks.push({ action, object, className: object.replace(/@[0-9a-f]+$/, '') })
}
