// What `perf script` says of a recording, sample by sample: the judge of our reading.
//
//   cpp 17480/17481 3750.103245101:
//           55d0c1a3f2a4 total<Shape>(std::vector<Shape*> const&)+0x24 (/tmp/x/cpp)
//           7f3c5d1a2f3c [unknown] (/usr/lib/x86_64-linux-gnu/libc.so.6)
import { execFileSync } from 'node:child_process'

export interface ScriptFrame {
  readonly address: string
  /** `[unknown]` where perf has none. */
  readonly name: string
  readonly dso: string
}

export interface ScriptSample {
  readonly comm: string
  readonly pid: number
  readonly tid: number
  /** `3750.103245101`, in nanoseconds. */
  readonly time: string
  /** Leaf first. */
  readonly frames: readonly ScriptFrame[]
}

/** Output of `perf script` by blocks of lines; some hundred MB of text would be more than one string may hold. */
function perfScript(file: string, args: readonly string[]): string {
  const options = { maxBuffer: 1 << 29, stdio: ['ignore', 'pipe', 'ignore'] } as const
  return execFileSync('perf', ['script', '-i', file, '--no-inline', '--ns', ...args], {
    ...options,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString()
}

/** Give it short recordings. */
export function readPerfScript(file: string): ScriptSample[] {
  const text = perfScript(file, ['-F', 'comm,pid,tid,time,ip,sym,dso'])
  return text.split(/\n\n+/).flatMap((block) => {
    const [head = '', ...lines] = block.replace(/^\n+/, '').split('\n')
    const found = /^(.*?)\s+(-?\d+)\/(-?\d+)\s+([\d.]+):\s*$/.exec(head)
    if (!found) return []
    const [, comm = '', pid, tid, time = ''] = found
    const frames = lines.flatMap((line) => {
      const frame = /^\s+([0-9a-f]+) (.*?) \(([^()]*(?: \(deleted\))?)\)$/.exec(line)
      return frame ? [{ address: frame[1] as string, name: frame[2] as string, dso: frame[3] as string }] : []
    })
    return [{ comm: comm.trim(), pid: Number(pid), tid: Number(tid), time, frames }]
  })
}

/** For each process the programs it ran: from when, and which files were mapped for code since then. */
export interface Program {
  readonly fromSeconds: number
  readonly files: Set<string>
}

/**
 *   cpp 17480 3750.1: PERF_RECORD_COMM exec: cpp:17480/17480
 *   cpp 17480 3750.2: PERF_RECORD_MMAP2 17480/17480: [0x55d0c1a3e000(0x5000) @ 0x2000 fe:00 264 0]: r-xp /tmp/x/cpp
 */
export function readPrograms(file: string): Map<number, Program[]> {
  const programs = new Map<number, Program[]>()
  const text = perfScript(file, ['-F', 'comm,pid,tid,time', '--show-mmap-events', '--show-task-events'])
  for (const line of text.split('\n')) {
    const exec = /([\d.]+): PERF_RECORD_COMM exec: .*:(\d+)\/\d+$/.exec(line)
    if (exec) {
      const list = programs.get(Number(exec[2])) ?? []
      list.push({ fromSeconds: Number(exec[1]), files: new Set() })
      programs.set(Number(exec[2]), list)
    }
    const map = /PERF_RECORD_MMAP2? (\d+)\/\d+: \[.*?\]: \S+ (.*)$/.exec(line)
    if (map)
      programs
        .get(Number(map[1]))
        ?.at(-1)
        ?.files.add(map[2] as string)
  }
  return programs
}
