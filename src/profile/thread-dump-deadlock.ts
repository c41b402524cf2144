// One deadlock as HotSpot describes it behind the threads.
//   Found one Java-level deadlock:
//   =============================
//   "dead-monitor-1":
//     waiting to lock monitor 0x00007ff790003fa0 (object 0x00000000f0355f78, a java.lang.Object),
//     which is held by "dead-monitor-2"
//   "dead-lock-1":
//     waiting for ownable synchronizer 0x00000000f0356090, (a java.util.concurrent.locks.ReentrantLock$NonfairSync),
//     which is held by "dead-lock-2"
//   Java stack information for the threads listed above:
// The stacks that follow are those of the threads again, so they are not read.
// Grammar: DeadlockCycle::print_on_with in src/hotspot/share/services/threadService.cpp.
import type { Deadlock, DeadlockedThread } from './thread-dump.ts'

const monitor = /^waiting to lock (?:JVM TI raw )?monitor 0x[0-9a-f]+(?: \(object (0x[0-9a-f]+), an? (.*)\))?,?$/
const synchronizer = /^waiting for ownable synchronizer (0x[0-9a-f]+), \(an? (.*)\),?$/
/** A name may hold newlines, but not more than this many. */
const maxNameLines = 8

type Open = { -readonly [Key in keyof DeadlockedThread]: DeadlockedThread[Key] }

export class DeadlockReader {
  private readonly threads: Open[] = []
  private inStacks = false
  /** Lines of a quoted name that does not end on its line. */
  private partial: string[] = []

  line(line: string): void {
    if (line.startsWith('Java stack information')) this.inStacks = true
    if (this.inStacks) return
    const text = this.partial.length > 0 ? [...this.partial, line].join('\n') : line.trimStart()
    const name = /^"([\s\S]*)":$/.exec(text)
    const holder = /^which is held by "([\s\S]*)"$/.exec(text)
    const isOpen = /^(?:which is held by )?"/.test(text) && !name && !holder
    this.partial = isOpen && this.partial.length < maxNameLines ? [...this.partial, line.trimStart()] : []
    const thread = this.threads.at(-1)
    if (name) this.threads.push({ name: name[1] as string, waitsFor: 'monitor' })
    else if (!thread) return
    else if (holder) thread.heldBy = holder[1] as string
    else this.awaited(thread, text)
  }

  /** The deadlock; undefined when it names no thread. */
  end(): Deadlock | undefined {
    return this.threads.length > 0 ? { threads: this.threads } : undefined
  }

  private awaited(thread: Open, text: string): void {
    const owned = synchronizer.exec(text)
    const match = owned ?? monitor.exec(text)
    if (!match) return
    thread.waitsFor = owned ? 'synchronizer' : 'monitor'
    if (match[1]) thread.object = match[1]
    if (match[2]) thread.className = match[2]
  }
}
