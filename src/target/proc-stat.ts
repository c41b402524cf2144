// The numbers of /proc/PID/stat and /proc/stat, read from bytes without making strings: this runs five times a second
// for every process of the node.
//
//   4242 (node) S 1 4242 4242 0 -1 4194560 1234 0 0 0 812 96 0 0 20 0 11 0 123456 ...
//        ^ comm may hold blanks and `)`, so fields are counted from the LAST `)`  (proc_pid_stat(5))

export interface ProcStat {
  /** utime + stime of all threads, clock ticks. */
  cpuTicks: number
  threads: number
  /** Start time, ticks since boot: with the PID it names the process for good. */
  startTicks: number
  parent: number
}

const space = 32
const closing = 41
const minus = 45

/**
 * Fills `into` from one line of /proc/PID/stat; false when the line is not one.
 * @param length bytes of `bytes` that are valid
 */
export function parseProcStat(bytes: Uint8Array, length: number, into: ProcStat): boolean {
  let at = length - 1
  while (at >= 0 && bytes[at] !== closing) at--
  if (at < 0) return false
  at += 2
  // Field 3 (state) is at `at`; numbers wanted: 4 ppid, 14 utime, 15 stime, 20 num_threads, 22 starttime.
  let field = 3
  let value = 0
  let negative = false
  let utime = 0
  for (; at <= length; at++) {
    const byte = at < length ? (bytes[at] as number) : space
    if (byte >= 48 && byte <= 57) {
      value = value * 10 + (byte - 48)
    } else if (byte === minus) {
      negative = true
    } else if (byte === space || byte === 10) {
      if (field === 4) into.parent = negative ? -value : value
      else if (field === 14) utime = value
      else if (field === 15) into.cpuTicks = utime + value
      else if (field === 20) into.threads = value
      else if (field === 22) {
        into.startTicks = value
        return true
      }
      field++
      value = 0
      negative = false
    }
  }
  return false
}

/**
 * Name between the first `(` and the last `)` of a /proc/PID/stat line. A process may call itself anything, and would make
 * rows of its own in a table with a line end: what is not to be printed is a question mark, as in ps(1).
 */
export function parseComm(bytes: Uint8Array, length: number): string {
  const first = bytes.indexOf(40)
  let last = length - 1
  while (last > first && bytes[last] !== closing) last--
  return first < 0 || last <= first
    ? ''
    : new TextDecoder().decode(bytes.subarray(first + 1, last)).replace(/\p{Cc}/gu, '?')
}

/**
 * Busy ticks of the whole machine from the first line of /proc/stat:
 * `cpu  user nice system idle iowait irq softirq steal guest guest_nice` (proc_stat(5)); idle and iowait are not busy,
 * guest time is in user already, and steal is time that others had.
 */
export function parseMachineBusyTicks(bytes: Uint8Array, length: number): number {
  let at = 0
  while (at < length && bytes[at] !== space) at++
  let field = 0
  let value = 0
  let digits = false
  let busy = 0
  for (; at < length; at++) {
    const byte = bytes[at] as number
    if (byte >= 48 && byte <= 57) {
      value = value * 10 + (byte - 48)
      digits = true
    } else if (digits) {
      if (field !== 3 && field !== 4 && field <= 6) busy += value
      field++
      value = 0
      digits = false
      if (byte === 10) break
    }
  }
  return busy
}

/** The decimal number that begins at `start`, before `end`; 0 where none does. */
export function digitsAt(bytes: Uint8Array, start: number, end: number): number {
  let value = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (byte < 48 || byte > 57) break
    value = value * 10 + (byte - 48)
  }
  return value
}
