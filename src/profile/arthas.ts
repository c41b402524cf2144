// What arthas prints for `thread -n`: the busiest threads of a JVM in an interval, with their stacks.
//   "arthas-command-execute" Id=23 cpuUsage=1.97% deltaTime=4ms time=46ms RUNNABLE
//       at sun.management.ThreadImpl.dumpThreads0(Native Method)
//   "C1 CompilerThread0" [Internal] cpuUsage=1.63% deltaTime=3ms time=1170ms
//   "as-command-execute-daemon" Id=29 cpuUsage=75% RUNNABLE                                  arthas before 3.3
//   "dead-1" Id=12 cpuUsage=0.0% deltaTime=0ms time=0ms BLOCKED on java.lang.Object@5e0 owned by "dead-2" Id=13 (suspended)
//       at shop.Cart.total(Cart.java:17)
//       -  blocked on java.lang.Object@5e0
//       -  locked java.lang.Object@7b2 <---- but blocks 1 other threads!
//
//       Number of locked synchronizers = 1
//       - java.util.concurrent.locks.ReentrantLock$NonfairSync@1a9c1d49
// Banner, prompt and colours of the console may stand around it.
import { Failure } from '../model/errors.ts'
import { ProfileBuilder } from './builder.ts'
import { type FrameLock, type JavaFrame, type OpenJavaFrame, parseJavaFrame } from './java-frame.ts'
import type { Label, Loss, Profile } from './profile.ts'
import { headText, linesOf } from './text-lines.ts'
import { type JavaState, javaStates } from './thread-dump.ts'
import { internJavaFrame } from './thread-dump-profile.ts'

export interface ArthasThread {
  readonly name: string
  /** java.lang.Thread id; absent for threads of the VM. */
  readonly javaId?: number
  /** Share of one core in the interval, 0 to 100; absent where arthas leaves an impossible figure out. */
  readonly cpuPercent?: number
  /** CPU used in the interval. */
  readonly deltaMs?: number
  /** CPU used since the thread began. */
  readonly cpuMs?: number
  readonly state?: JavaState
  /** `java.lang.Object@5e0` */
  readonly waitsFor?: string
  readonly ownedBy?: { readonly name: string; readonly javaId: number }
  readonly isSuspended: boolean
  readonly isInNative: boolean
  /** How many threads wait for locks of this one (`thread -b`). */
  readonly blocks?: number
  readonly frames: readonly JavaFrame[]
  readonly ownedSynchronizers: readonly string[]
}

export interface ArthasThreads {
  /** In the order printed: busiest first. */
  readonly threads: readonly ArthasThread[]
  readonly losses: readonly Loss[]
}

// The shortest name that fits: a longer one would swallow the figures when an owner, quoted too, follows.
const header =
  /^"(.*?)" (?:Id=(\d{1,15})|\[Internal\])(?: cpuUsage=(\d{1,9}(?:\.\d+)?)%)?(?: deltaTime=(\d{1,15})ms)?(?: time=(\d{1,15})ms)?(?: ([A-Z_]+)(?: on ([^" ]+))?(?: owned by "(.*)" Id=(\d{1,15}))?)?( \(suspended\))?( \(in native\))?\s*$/
/** Begins a thread, whatever else it says. */
const likeHeader = /^".*" (?:Id=\d|\[Internal\])/
const lock = /^-\s+(blocked on|waiting on|locked) (\S+)/
/** Colours of the console: `ESC [ 31 m`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
const colours = /\x1b\[[\d;]*m/g
const maxLine = 1 << 14

export function matchesArthasThreads(head: Uint8Array): boolean {
  return /^"[^\n]*" (?:Id=\d+|\[Internal\])[^\n]* cpuUsage=[\d.]+%/m.test(headText(head).replace(colours, ''))
}

type OpenThread = Omit<ArthasThread, 'frames' | 'ownedSynchronizers' | 'blocks'> & {
  frames: OpenJavaFrame[]
  ownedSynchronizers: string[]
  blocks?: number
}

/** @throws Failure NOT_A_PROFILE when there is no thread in it */
export function parseArthasThreads(bytes: Uint8Array): ArthasThreads {
  const threads: OpenThread[] = []
  /** Whose lines follow; undefined behind a first line that could not be read. */
  let thread: OpenThread | undefined
  let unknown = 0
  let unread = 0
  for (const raw of linesOf(bytes)) {
    const line = raw.length > maxLine ? '?' : raw.replace(colours, '').trimEnd()
    const start = line.startsWith('"') ? header.exec(line) : null
    if (start) {
      thread = openThread(start)
      threads.push(thread)
    } else if (likeHeader.test(line)) {
      unread++
      thread = undefined
    } else if (thread && /^\s+\S/.test(line) && !addLine(thread, line.trim())) unknown++
  }
  if (threads.length === 0) throw new Failure('NOT_A_PROFILE', 'There is no line `"NAME" Id=N cpuUsage=…` in it.')
  return {
    threads,
    losses: [
      { what: 'threads whose first line could not be read', count: unread },
      { what: 'indented lines that are not part of a stack', count: unknown },
    ].filter(({ count }) => count > 0),
  }
}

function openThread(match: RegExpExecArray): OpenThread {
  const [, name = '', javaId, percent, delta, time, stateName, waitsFor, owner, ownerId, suspended, native] = match
  const state = javaStates.find((known) => known === stateName)
  return {
    name,
    ...(javaId !== undefined && { javaId: Number(javaId) }),
    ...(percent !== undefined && { cpuPercent: Number(percent) }),
    ...(delta !== undefined && { deltaMs: Number(delta) }),
    ...(time !== undefined && { cpuMs: Number(time) }),
    ...(state && { state }),
    ...(waitsFor && { waitsFor }),
    ...(owner !== undefined && { ownedBy: { name: owner, javaId: Number(ownerId) } }),
    isSuspended: suspended !== undefined,
    isInNative: native !== undefined,
    frames: [],
    ownedSynchronizers: [],
  }
}

function addLine(thread: OpenThread, text: string): boolean {
  if (text.startsWith('at ')) {
    const frame = parseJavaFrame(text.slice(3))
    if (frame) thread.frames.push(frame)
    return frame !== undefined
  }
  const held = lock.exec(text)
  const frame = thread.frames.at(-1)
  if (held && frame) {
    const [, action, object = ''] = held
    frame.locks ??= []
    frame.locks.push({ action: action as FrameLock['action'], object, className: object.replace(/@[0-9a-f]+$/, '') })
    const blocks = /<---- but blocks (\d{1,9}) other threads!/.exec(text)
    if (blocks) thread.blocks = Number(blocks[1])
    return true
  }
  if (text.startsWith('- ')) thread.ownedSynchronizers.push(text.slice(2).trim())
  return text.startsWith('- ') || text.startsWith('Number of locked synchronizers')
}

/**
 * Samples weighted with the CPU of the interval: `cpu`/`nanoseconds`, or `cpu`/`percent` for old arthas, which prints
 * no times. Second type: `threads`/`count`. Labels `comm`, `java_thread`, `state`.
 */
export function arthasProfile({ threads, losses }: ArthasThreads): Profile {
  const hasTimes = threads.some(({ deltaMs }) => deltaMs !== undefined)
  const builder = new ProfileBuilder([
    { type: 'threads', unit: 'count' },
    { type: 'cpu', unit: hasTimes ? 'nanoseconds' : 'percent' },
  ])
  builder.addLosses(losses)
  for (const thread of threads) {
    const { name, javaId, state, frames, deltaMs = 0, cpuPercent = 0 } = thread
    const labels: Label[] = [{ key: 'comm', str: name }]
    if (javaId !== undefined) labels.push({ key: 'java_thread', num: BigInt(javaId) })
    if (state) labels.push({ key: 'state', str: state })
    const locations = frames.map((frame) => internJavaFrame(builder, frame))
    // Threads of the VM have no stack but their CPU is what one looks for: they stand as one box with their name.
    if (frames.length === 0) locations.push(builder.internFrame(`[${name}]`))
    const value = hasTimes ? deltaMs * 1_000_000 : cpuPercent
    builder.addSample(builder.internStack(locations), [1, value], { labels: builder.internLabels(labels) })
  }
  return builder.build()
}

/** Reads arthas' text into a profile. */
export const parseArthasProfile = (bytes: Uint8Array): Profile => arthasProfile(parseArthasThreads(bytes))
