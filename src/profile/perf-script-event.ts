// The first line of a sample in the text of `perf script`, read from the right because the thread's name may be anything.
//
//   two words 7/[1]  1343/1343  [001]  4184.626811:    6711409   cpu-clock:ppp:
//   swapper     0 [000]  4142.856610: sched:sched_switch: prev_comm=perf prev_pid=31689 ==> next_pid=18
//   node 12345 1700000000.123456789:          1 cycles:u:      7f49a9387ab0 r_long+0x0 (/usr/lib/libpython3.11.so.1.0)
//   |comm       pid/tid or tid  [cpu]  seconds:  period  event:  payload of a tracepoint, or the only frame

/** Byte positions and numbers of one event line. */
export interface EventLine {
  /** Thread name and ids: what the labels are made of. */
  threadStart: number
  threadEnd: number
  seconds: number
  nanos: number
  /** A bigint where a double is not exact; absent when there is none. */
  period: number | bigint | undefined
  eventStart: number
  eventEnd: number
  /** What follows the event's colon. */
  restStart: number
}

export function newEventLine(): EventLine {
  return {
    threadStart: 0,
    threadEnd: 0,
    seconds: 0,
    nanos: 0,
    period: undefined,
    eventStart: 0,
    eventEnd: 0,
    restStart: 0,
  }
}

/** 15 digits are below 2^53. */
const exactDigits = 15
/** perf counts up to 2^64, which has as many; what has more is no count. */
const mostDigits = 20

const blank = 0x20
const colon = 0x3a
const minus = 0x2d
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

/** Fills `line` from bytes[start .. end]. @returns false when this is no event line */
export function readEventLine(
  bytes: Uint8Array,
  { start, end }: { start: number; end: number },
  line: EventLine,
): boolean {
  if (bytes[end - 1] === 0x0d) end--
  // The time is the first `digits.digits:` behind a blank.
  for (let at = start; at < end; at++) {
    if (bytes[at] !== colon) continue
    let fraction = at
    while (isDigit(bytes[fraction - 1])) fraction--
    if (fraction === at || bytes[fraction - 1] !== 0x2e) continue
    let whole = fraction - 1
    while (isDigit(bytes[whole - 1])) whole--
    if (whole === fraction - 1 || whole <= start || bytes[whole - 1] !== blank) continue
    // Seconds since 1970 have ten digits; longer numbers are something else.
    if (fraction - whole > 13 || at - fraction > 9) continue
    line.seconds = readNumber(bytes, whole, fraction - 1)
    // Six digits, or nine with --ns.
    line.nanos = Math.round(readNumber(bytes, fraction, at) * 10 ** (9 - (at - fraction)))
    return readThread(bytes, { start, end: whole }, line) && readEvent(bytes, { start: at + 1, end }, line)
  }
  return false
}

/** `two words 7/[1]  1343/1343  [001]  `, without blanks around. */
function readThread(bytes: Uint8Array, { start, end }: { start: number; end: number }, line: EventLine): boolean {
  while (start < end && bytes[start] === blank) start++
  while (end > start && bytes[end - 1] === blank) end--
  if (bytes[end - 1] === 0x5d) {
    // The CPU, `[001]`, or `-001` flags of --latency, which nobody needs here.
    while (end > start && bytes[end - 1] !== blank) end--
    while (end > start && bytes[end - 1] === blank) end--
  }
  line.threadStart = start
  line.threadEnd = end
  return end > start
}

/** `    6711409   cpu-clock:ppp: payload`; a minus is ours: perf counts nothing below 0, differences of profiles do. */
function readEvent(bytes: Uint8Array, { start, end }: { start: number; end: number }, line: EventLine): boolean {
  while (start < end && bytes[start] === blank) start++
  const isNegative = bytes[start] === minus
  const digits = isNegative ? start + 1 : start
  let at = digits
  while (at < end && isDigit(bytes[at])) at++
  line.period = undefined
  if (at > digits && at - digits <= mostDigits && bytes[at] === blank) {
    const value =
      at - digits <= exactDigits
        ? readNumber(bytes, digits, at)
        : BigInt(String.fromCharCode(...bytes.subarray(digits, at)))
    line.period = isNegative ? -value : value
    start = at
    while (start < end && bytes[start] === blank) start++
  }
  // Names have colons inside (sched:sched_switch, cpu/event=0x3c/u): the last one is followed by a blank or nothing.
  at = start
  while (at < end && !(bytes[at] === colon && (at + 1 === end || bytes[at + 1] === blank))) at++
  if (at === start || at === end) return false
  line.eventStart = start
  line.eventEnd = at
  line.restStart = at + 1
  return true
}

/** Decimal digits, few enough to be exact. */
function readNumber(bytes: Uint8Array, start: number, end: number): number {
  let value = 0
  for (let at = start; at < end; at++) value = value * 10 + ((bytes[at] as number) - 0x30)
  return value
}

/** `two words 7/[1]  1343/1344`, `swapper     0`: the name is all but the last word. */
export function splitThread(text: string): { comm: string; pid?: number; tid?: number } {
  const ids = /^(?:(-?\d{1,10})\/)?(-?\d{1,10})$/.exec(text.slice(text.lastIndexOf(' ') + 1))
  if (!ids) return { comm: text }
  const comm = text.slice(0, text.lastIndexOf(' ') + 1).trimEnd()
  return { comm, ...(ids[1] !== undefined && { pid: Number(ids[1]) }), tid: Number(ids[2]) }
}
