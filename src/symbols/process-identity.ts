// What /proc says about one process: is it still the same, who owns it, what it calls itself, what it has mapped.
import { readFileSync } from 'node:fs'

export interface ProcessIdentity {
  /** Clock ticks after boot (proc(5), stat field 22); a PID is reused, PID and start are not. */
  readonly startTicks: number
  readonly uid: number
  /** PID as the process sees it, the last field of NSpid (proc(5), status); names its perf map. */
  readonly innerPid: number
}

/** @returns undefined when there is no such process */
export function readIdentity(proc: string, pid: number): ProcessIdentity | undefined {
  const startTicks = readStartTicks(proc, pid)
  if (startTicks === undefined) return undefined
  try {
    const status = readFileSync(`${proc}/${pid}/status`, 'latin1')
    // Uid: real, effective, saved, filesystem.  NSpid: 31620 5
    const uid = Number(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1] ?? -1)
    const innerPid = Number(/^NSpid:.*?(\d+)\s*$/m.exec(status)?.[1] ?? pid)
    return { startTicks, uid, innerPid }
  } catch {
    // It ended between the two reads.
    return undefined
  }
}

/** `31620 (node) S 1 …`: the name may hold blanks and brackets, so fields are counted after the last bracket. */
export function readStartTicks(proc: string, pid: number): number | undefined {
  try {
    const stat = readFileSync(`${proc}/${pid}/stat`, 'latin1')
    // The first field after the bracket is number 3.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3])
  } catch {
    return undefined
  }
}

/** When a process started, milliseconds since the epoch. Ticks of /proc are always hundredths of a second (time(7)). */
export function startedMs(proc: string, startTicks: number): number | undefined {
  try {
    const boot = /^btime (\d+)$/m.exec(readFileSync(`${proc}/stat`, 'latin1'))?.[1]
    return boot === undefined ? undefined : Number(boot) * 1000 + startTicks * 10
  } catch {
    return undefined
  }
}

export interface MapsLine {
  /** `5581c0e00000-5581c0f00000`, also the name in map_files. */
  readonly range: string
  readonly start: number
  readonly end: number
  readonly device: string
  readonly inode: number
  readonly path: string
}

/** Executable lines of /proc/PID/maps: `5581c0e00000-5581c0f00000 r-xp 00001000 fe:01 7341 /usr/bin/cat`. */
export function readExecutableMaps(proc: string, pid: number): MapsLine[] {
  let text: string
  try {
    text = readFileSync(`${proc}/${pid}/maps`, 'utf8')
  } catch {
    return []
  }
  const lines: MapsLine[] = []
  for (const match of text.matchAll(/^(([0-9a-f]+)-([0-9a-f]+)) ..x. [0-9a-f]+ ([0-9a-f]+:[0-9a-f]+) (\d+) *(.*)$/gm)) {
    const [, range = '', start = '', end = '', device = '', inode = '', path = ''] = match
    lines.push({
      range,
      start: Number.parseInt(start, 16),
      end: Number.parseInt(end, 16),
      device,
      inode: Number(inode),
      path,
    })
  }
  return lines
}
