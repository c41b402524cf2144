// The first line of a thread in a HotSpot dump. Names are not escaped, so the line is read from its right end.
//   "main" #1 prio=5 os_prio=0 tid=0x00007f3c34018280 nid=0xd waiting on condition [0x00007f3c38e42000]        JDK 8
//   "main" #1 prio=5 os_prio=0 cpu=104.66ms elapsed=301.57s allocated=819K defined_classes=586 tid=0x00 nid=0xd runnable
//   "busy "quoted" #1" #29 [8974] daemon prio=5 os_prio=0 cpu=3.00ms elapsed=4.07s tid=0x00 nid=8974 runnable   JDK 21
//   "ForkJoinPool-1-worker-2" #51 [8994] daemon prio=5 os_prio=0 cpu=3.01ms elapsed=3.82s tid=0x00  [0x00]      a carrier
//   "VM Thread" os_prio=0 cpu=24.47ms elapsed=4.39s tid=0x00 nid=8956 runnable
//   "main" #1 [9074] prio=5 os_prio=0 cpu=158,35ms elapsed=29,56s tid=0x00 nid=9074 runnable         LC_NUMERIC=de_DE
//   "http-nio-8080-exec-1" - Thread t@27                                  Spring Boot's /actuator/threaddump, VisualVM
//   os_prio=0 cpu=28.19ms elapsed=4.15s tid=0x00 nid=0x2178 runnable      JFR's sampler in JDK 17 and 21 has no name
// Printed by Thread::print_on and its overrides in src/hotspot/share/runtime/*thread*.cpp.
import type { ThreadOfDump } from './thread-dump.ts'

/** What follows the name. */
const header =
  /^(?:#(\d{1,15}) )?(?:\[(\d{1,10})\] )?(daemon )?(?:prio=(-?\d{1,9}) )?(?:os_prio=(-?\d{1,9}) )?(?:cpu=(\d{1,15}[.,]\d+)ms )?(?:elapsed=(\d{1,15}[.,]\d+)s )?(?:allocated=(\d{1,15})([BKMGT]) )?(?:defined_classes=(\d{1,15}) )?tid=(0x[0-9a-f]{1,16})(?: nid=(0x[0-9a-f]{1,8}|\d{1,10}|NA))?(?: ([^"[]*))?(?:\[0x[0-9a-f]+\])?$/

/** The same where the dump is made inside the program, of java.lang.management.ThreadInfo, which knows little else. */
const managedHeader = /^- Thread t@(\d{1,15})\s*$/

/** HotSpot's byte_size_in_proper_unit: whole units, rounded down. */
const units: Record<string, number> = { B: 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

/** What the first line of a thread tells. */
export type ThreadHeader = Omit<
  ThreadOfDump,
  'state' | 'stateDetail' | 'compiling' | 'frames' | 'carries' | 'carrierId' | 'ownedSynchronizers'
>

type OpenHeader = { -readonly [Field in keyof ThreadHeader]: ThreadHeader[Field] }

/** What the header says; undefined when the line (or the lines of a name with newlines) is none. */
export function parseThreadHeader(text: string): ThreadHeader | undefined {
  // Nothing behind the name has a quote in it, so the last one ends the name, whatever is in it.
  const isNamed = text.startsWith('"')
  const end = isNamed ? text.lastIndexOf('" ') : 0
  if (isNamed && end < 1) return undefined
  const figures = isNamed ? text.slice(end + 2) : text
  const managed = isNamed ? managedHeader.exec(figures) : null
  if (managed) return { kind: 'java', name: text.slice(1, end), javaId: Number(managed[1]), isDaemon: false }
  const match = header.exec(figures)
  if (!match) return undefined
  // By number, not taken apart: that would go through an iterator, in lines of which a dump has thousands.
  const javaId = match[1]
  const cpu = match[6]
  const elapsed = match[7]
  const allocated = match[8]
  const nid = match[12]
  const status = match[13]?.trim()
  // `0x` decides: JDK 17 and older print hexadecimal, later ones decimal, and a carrier thread has only [native id].
  const osId = nid === 'NA' ? undefined : (nid ?? match[2])
  const thread: OpenHeader = {
    kind: javaId === undefined ? 'vm' : 'java',
    name: isNamed ? text.slice(1, end) : '',
    isDaemon: match[3] !== undefined,
  }
  if (javaId !== undefined) thread.javaId = Number(javaId)
  if (osId !== undefined) thread.nid = Number(osId)
  if (match[4] !== undefined) thread.priority = Number(match[4])
  if (match[5] !== undefined) thread.osPriority = Number(match[5])
  if (cpu !== undefined) thread.cpuMs = decimal(cpu)
  // Printed with two decimals; rounding removes what the multiplication adds.
  if (elapsed !== undefined) thread.elapsedMs = Math.round(decimal(elapsed) * 1000)
  if (allocated !== undefined) thread.allocatedBytes = Number(allocated) * (units[match[9] ?? 'B'] as number)
  if (match[10] !== undefined) thread.definedClasses = Number(match[10])
  if (match[11] !== undefined) thread.vmAddress = match[11]
  if (status) thread.status = status
  return thread
}

const decimal = (text: string): number => Number(text.replace(',', '.'))
