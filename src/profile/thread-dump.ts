// The threads of a Java virtual machine at one moment: what all of its dump formats say, in one shape.
import type { JavaFrame } from './java-frame.ts'
import type { Loss } from './profile.ts'

/** States of java.lang.Thread.State. */
export const javaStates = ['NEW', 'RUNNABLE', 'BLOCKED', 'WAITING', 'TIMED_WAITING', 'TERMINATED'] as const
export type JavaState = (typeof javaStates)[number]

/** A lock that a thread owns without holding a monitor, such as a ReentrantLock. */
export interface OwnedSynchronizer {
  readonly address: string
  readonly className: string
}

export interface ThreadOfDump {
  /** `java`: has an id of its own; `vm`: collector, compiler and other threads of HotSpot; `virtual`: JDK 21. */
  readonly kind: 'java' | 'vm' | 'virtual'
  /** As given by the program, quotes and newlines included; empty where HotSpot prints none. */
  readonly name: string
  /** java.lang.Thread id. */
  readonly javaId?: number
  /** Thread id of the operating system inside the target's PID namespace. */
  readonly nid?: number
  readonly isDaemon: boolean
  readonly priority?: number
  readonly osPriority?: number
  /** CPU time since the thread began; JDK 11 and later. */
  readonly cpuMs?: number
  /** Age of the thread; JDK 11 and later. */
  readonly elapsedMs?: number
  readonly allocatedBytes?: number
  readonly definedClasses?: number
  /** Address of the thread inside HotSpot, `0x00007f…`: the same in two dumps of one process. */
  readonly vmAddress?: string
  /** HotSpot's own words: `runnable`, `waiting on condition`, `in Object.wait()`, … */
  readonly status?: string
  readonly state?: JavaState
  /** What stands in parentheses behind the state: `parking`, `sleeping`, `on object monitor`. */
  readonly stateDetail?: string
  /** What a compiler thread compiles. */
  readonly compiling?: string
  /** Leaf first. */
  readonly frames: readonly JavaFrame[]
  /** Id of the virtual thread that this thread runs now (JDK 21), and its frames where they are printed (later JDKs). */
  readonly carries?: { readonly javaId: number; readonly frames: readonly JavaFrame[] }
  /** Of a virtual thread: id of the platform thread that runs it now. */
  readonly carrierId?: number
  readonly ownedSynchronizers: readonly OwnedSynchronizer[]
}

export interface DeadlockedThread {
  readonly name: string
  readonly waitsFor: 'monitor' | 'synchronizer'
  /** The locked object; absent where only HotSpot's monitor is printed. */
  readonly object?: string
  readonly className?: string
  /** Name of the thread that holds it; absent when HotSpot does not know. */
  readonly heldBy?: string
}

export interface Deadlock {
  readonly threads: readonly DeadlockedThread[]
}

export interface ThreadDump {
  /** As printed: `2026-11-21 02:35:26` in the target's own time zone, or ISO 8601 in UTC. */
  readonly time?: string
  readonly pid?: number
  /** `OpenJDK 64-Bit Server VM (25.0.2+10-LTS mixed mode)`, or a bare version. */
  readonly vm: string
  readonly threads: readonly ThreadOfDump[]
  readonly deadlocks: readonly Deadlock[]
  readonly jniGlobalRefs?: number
  readonly jniWeakRefs?: number
  /** The heap summary that SIGQUIT adds, as printed. */
  readonly heap?: string
}

export interface ThreadDumps {
  /** In the order of the file. */
  readonly dumps: readonly ThreadDump[]
  readonly losses: readonly Loss[]
}

/** Milliseconds of the printed time, read as UTC: right for differences, not for comparing with other clocks. */
export function dumpTimeMs({ time }: ThreadDump): number | undefined {
  if (time === undefined) return undefined
  const ms = Date.parse(time.includes('T') ? time : `${time.replace(' ', 'T')}Z`)
  return Number.isNaN(ms) ? undefined : ms
}

/** Frames of what the thread really runs: a carrier's own lie below those of the virtual thread that it carries. */
export function wholeStack({ frames, carries }: ThreadOfDump): readonly JavaFrame[] {
  return carries && carries.frames.length > 0 ? [...carries.frames, ...frames] : frames
}
