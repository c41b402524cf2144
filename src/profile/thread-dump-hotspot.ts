// HotSpot thread dumps as text: jstack, jcmd Thread.print, SIGQUIT, the attach command threaddump; JDK 8 to 25. And what
// looks like them and says less: /actuator/threaddump of Spring Boot as text, VisualVM.
// A file may hold many dumps, and a program's own output between and inside them.
//   8947:
//   2026-11-21 02:35:26
//   Full thread dump OpenJDK 64-Bit Server VM (25.0.2+10-LTS mixed mode):
//
//   Threads class SMR info:                            JDK 10 and later
//   _java_thread_list=0x00007ff79c008eb0, length=2, elements={
//   0x00007ff7c4018400, 0x00007ff7c40a5d50
//   }
//
//   "main" #3 [8949] prio=5 os_prio=0 cpu=284.70ms elapsed=4.40s tid=0x00007ff7 nid=8949 waiting on condition  [0x00007ff7]
//      java.lang.Thread.State: TIMED_WAITING (sleeping)
//   	at java.lang.Thread.sleepNanos0(java.base@25.0.2/Native Method)
//   	- locked <0x00000000f0128458> (a java.lang.Object)
//
//      Locked ownable synchronizers:
//   	- None
//
//   JNI global refs: 34, weak refs: 4
//   Found one Java-level deadlock:                     see thread-dump-deadlock.ts
//   Heap                                               only after SIGQUIT
// Grammar: src/hotspot/share/runtime/{vmOperations,threads,javaThread,vframe}.cpp of the JDK.
import { Failure } from '../model/errors.ts'
import { type OpenJavaFrame, parseFrameLock, parseJavaFrame } from './java-frame.ts'
import type { Loss } from './profile.ts'
import { headText, linesOf } from './text-lines.ts'
import type { Deadlock, JavaState, OwnedSynchronizer, ThreadDump, ThreadDumps } from './thread-dump.ts'
import { javaStates } from './thread-dump.ts'
import { DeadlockReader } from './thread-dump-deadlock.ts'
import { parseThreadHeader, type ThreadHeader } from './thread-dump-header.ts'

const title = /^Full thread dump (.+?):?\s*$/
const stateLine = /^ {3}java\.lang\.Thread\.State: ([A-Z_]+)(?: \((.*)\))?\s*$/
const jniLine = /^JNI global ref(?:s|erences): (\d{1,15})(?:, weak refs: (\d{1,15}))?/
/** A name may hold newlines; more than this many lines are no name but something that was cut off. */
const maxNameLines = 8
/** Longer lines are not read: HotSpot's have at most a few hundred bytes plus the name. */
const maxLine = 1 << 14
/** HotSpot's heap summary has a line per space; the bound keeps a log that follows it out. */
const maxHeapLines = 100

export function matchesHotspotThreads(head: Uint8Array): boolean {
  return /^Full thread dump /m.test(headText(head))
}

/** @throws Failure NOT_A_PROFILE when no dump begins in it */
export function parseHotspotThreads(bytes: Uint8Array): ThreadDumps {
  const reader = new DumpReader()
  for (const line of linesOf(bytes)) reader.line(line)
  const dumps = reader.end()
  if (dumps.length === 0) throw new Failure('NOT_A_PROFILE', 'There is no line that begins with `Full thread dump`.')
  return { dumps, losses: reader.losses() }
}

/** As a thread's frames are being read. Most threads of a pool have the same: these are shared, so a lock is put into a copy. */
type SharedFrame = Readonly<OpenJavaFrame>

interface StateLine {
  /** Absent for a word that is none. */
  readonly state: JavaState | undefined
  readonly detail: string | undefined
}

function parseStateLine(line: string): StateLine | undefined {
  const match = stateLine.exec(line)
  return match ? { state: javaStates.find((name) => name === match[1]), detail: match[2] } : undefined
}

interface OpenThread extends ThreadHeader {
  state?: JavaState
  stateDetail?: string
  compiling?: string
  carries?: { javaId: number; frames: SharedFrame[] }
  frames: SharedFrame[]
  ownedSynchronizers: OwnedSynchronizer[]
}
type OpenDump = Omit<ThreadDump, 'threads' | 'deadlocks'> & {
  threads: OpenThread[]
  deadlocks: Deadlock[]
  jniGlobalRefs?: number
  jniWeakRefs?: number
  heap?: string
}
/** `tail`: behind the threads, where only deadlocks and the heap are still part of the dump. */
type Section = 'outside' | 'start' | 'smr' | 'threads' | 'tail' | 'deadlock' | 'heap'

class DumpReader {
  private readonly dumps: OpenDump[] = []
  private section: Section = 'outside'
  private dump: OpenDump | undefined
  private thread: OpenThread | undefined
  /** Where frames of the thread go: its own, or those of the virtual thread it carries. */
  private frames: SharedFrame[] = []
  /** Frames by their line, states by theirs: a pool of five hundred threads prints the same ones five hundred times. */
  private readonly knownFrames = new Map<string, SharedFrame>()
  private readonly knownStates = new Map<string, StateLine>()
  private inSynchronizers = false
  /** A header that is not complete: the first lines of a name with newlines. */
  private partial: string[] = []
  private deadlock: DeadlockReader | undefined
  private heap: string[] = []
  /** Time and PID stand there when a dump begins. */
  private lastLine = ''
  private lineBeforeLast = ''
  private unknown = 0
  private unread = 0
  /** Addresses of the Java threads that the dump has, by its own list. */
  private listed = new Set<string>()
  /** Those of them that were not found, of all dumps. */
  private missing = 0
  private unreadBefore = 0

  line(line: string): void {
    // Nine lines of ten are frames that were read before, unless they are the rest of a name.
    const known = this.section === 'threads' && this.partial.length === 0 ? this.knownFrames.get(line) : undefined
    if (known && this.thread) this.frames.push(known)
    else {
      const begins = line.startsWith('Full thread dump ') && line.length <= maxLine ? title.exec(line) : undefined
      if (begins) this.begin(begins[1] as string)
      else if (this.section !== 'outside') this.inside(line)
    }
    this.lineBeforeLast = this.lastLine
    this.lastLine = line.length <= maxLine ? line : ''
  }

  end(): ThreadDump[] {
    this.finish()
    return this.dumps
  }

  losses(): Loss[] {
    return [
      { what: 'lines inside a thread dump that are not part of it', count: this.unknown },
      { what: 'threads whose first line could not be read', count: this.unread },
      { what: 'threads that a dump lists and does not have: it was cut off', count: this.missing, isCut: true },
    ].filter((loss) => loss.count > 0)
  }

  private begin(vm: string): void {
    this.finish()
    const time = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.exec(this.lastLine)?.[0]
    const pid = /^(\d{1,10}):$/.exec(time === undefined ? this.lastLine : this.lineBeforeLast)?.[1]
    this.dump = { ...(time && { time }), ...(pid && { pid: Number(pid) }), vm, threads: [], deadlocks: [] }
    this.dumps.push(this.dump)
    this.section = 'start'
  }

  private finish(): void {
    this.giveUpName()
    this.endDeadlock()
    if (this.dump && this.heap.length > 0) this.dump.heap = this.heap.join('\n')
    this.heap = []
    this.thread = undefined
    for (const { vmAddress = '' } of this.dump?.threads ?? []) this.listed.delete(vmAddress)
    this.missing += Math.max(0, this.listed.size - (this.unread - this.unreadBefore))
    this.listed = new Set()
    this.unreadBefore = this.unread
  }

  private inside(line: string): void {
    if (line.length > maxLine) {
      this.unknown++
      return
    }
    if (this.section === 'smr') {
      if (line.startsWith('}') || line === '') this.section = 'threads'
      else if (line.startsWith('0x'))
        for (const [address] of line.matchAll(/0x[0-9a-f]{1,16}/g)) this.listed.add(address)
      return
    }
    if (line.startsWith('Threads class SMR info:')) {
      this.section = 'smr'
      return
    }
    if (/^Found (?:one Java-level deadlock|a total of)/.test(line)) {
      this.endDeadlock()
      this.thread = undefined
      this.deadlock = new DeadlockReader()
      this.section = 'deadlock'
      return
    }
    if (this.section === 'deadlock') this.inDeadlock(line)
    else if (this.section === 'heap') this.inHeap(line)
    else if (this.section === 'tail') {
      if (line === 'Heap') this.section = 'heap'
    } else this.inThreads(line)
  }

  private inDeadlock(line: string): void {
    if (!/^Found \d+ deadlocks?\.\s*$/.test(line)) this.deadlock?.line(line)
    else {
      this.endDeadlock()
      this.section = 'tail'
    }
  }

  private endDeadlock(): void {
    const deadlock = this.deadlock?.end()
    if (this.dump && deadlock) this.dump.deadlocks.push(deadlock)
    this.deadlock = undefined
  }

  private inHeap(line: string): void {
    if (line.startsWith(' ') && this.heap.length < maxHeapLines) this.heap.push(line)
    else if (this.heap.length > 0) this.section = 'tail'
  }

  private inThreads(line: string): void {
    const jni = jniLine.exec(line)
    if (jni && this.dump) {
      this.dump.jniGlobalRefs = Number(jni[1])
      if (jni[2] !== undefined) this.dump.jniWeakRefs = Number(jni[2])
      this.giveUpName()
      this.section = 'tail'
    } else if (this.partial.length > 0) this.continueName(line)
    else if (line.startsWith('"') || line.startsWith('os_prio=')) this.header(line)
    else if (line === '') this.inSynchronizers = false
    else if (!this.thread || !this.ofThread(this.thread, line)) this.unknown++
  }

  /** False when the line is not a thread's first. */
  private header(line: string): boolean {
    const header = parseThreadHeader(line)
    if (header) {
      this.partial = []
      const thread: OpenThread = { ...header, frames: [], ownedSynchronizers: [] }
      this.thread = thread
      this.frames = thread.frames
      this.inSynchronizers = false
      this.dump?.threads.push(thread)
    } else if (this.partial.length === 0) this.partial = [line]
    return header !== undefined
  }

  private continueName(line: string): void {
    // A whole first line is one: else a thread that could not be read would take the next one's for the end of its name.
    if (line.startsWith('"') && parseThreadHeader(line) !== undefined) {
      this.giveUpName()
      this.header(line)
      return
    }
    this.partial.push(line)
    if (!this.header(this.partial.join('\n')) && this.partial.length >= maxNameLines) this.giveUpName()
  }

  private giveUpName(): void {
    if (this.partial.length > 0) {
      this.unread++
      this.thread = undefined
    }
    this.partial = []
  }

  private ofThread(thread: OpenThread, line: string): boolean {
    const text = line.trim()
    if (text.startsWith('at ')) {
      const frame = parseJavaFrame(text.slice(3))
      if (!frame) return false
      this.knownFrames.set(line, frame)
      this.frames.push(frame)
      return true
    }
    if (text.startsWith('- ')) return this.lockLine(thread, text)
    if (text === 'Locked ownable synchronizers:') {
      this.inSynchronizers = true
      return true
    }
    const state = this.knownStates.get(line) ?? parseStateLine(line)
    if (state) {
      this.knownStates.set(line, state)
      if (state.state) thread.state = state.state
      if (state.detail) thread.stateDetail = state.detail
      return state.state !== undefined
    }
    const virtual = /^(Carrying|Mounted) virtual thread #(\d{1,15})$/.exec(text)
    if (virtual) {
      thread.carries ??= { javaId: Number(virtual[2]), frames: [] }
      if (virtual[1] === 'Mounted') this.frames = thread.carries.frames
      return true
    }
    if (text.startsWith('Compiling: ')) thread.compiling = text.slice(11)
    return this.inSynchronizers || /^(?:Compiling: |No compile task|JavaThread state: )/.test(text)
  }

  private lockLine(thread: OpenThread, text: string): boolean {
    if (this.inSynchronizers) {
      if (text === '- None') return true
      const owned = /^- (?:Locked )?<((?:0x)?[0-9a-f]+)> \(an? (.*)\)$/.exec(text)
      if (owned) thread.ownedSynchronizers.push({ address: owned[1] as string, className: owned[2] as string })
      return owned !== null
    }
    const lock = parseFrameLock(text)
    const frame = this.frames.at(-1)
    if (!lock || !frame) return false
    this.frames[this.frames.length - 1] = { ...frame, locks: [...(frame.locks ?? []), lock] }
    return true
  }
}
