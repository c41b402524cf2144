// A perf stream written by hand, record by record, for what real recordings show only once in a million samples.
//
//   const stream = new DrawnStream()
//   stream.comm(100, 'sh', { at: 1 })
//   stream.fork({ pid: 200, from: 100, at: 2 })
//   stream.sample({ pid: 200, at: 3, chain: [user, 0x4010] })
import { ByteWriter } from '../../src/profile/perf-data/byte-writer.ts'
import * as type from '../../src/profile/perf-data/record-types.ts'
import { misc } from '../../src/profile/perf-data/record-types.ts'

/** PERF_CONTEXT_KERNEL and PERF_CONTEXT_USER. */
export const kernel = -128
export const user = -512

interface Moment {
  /** Nanoseconds; 0 = before the recording. */
  readonly at: number
}

export class DrawnStream {
  private readonly out = new ByteWriter()

  constructor() {
    this.out.raw(new TextEncoder().encode('PERFILE2'))
    this.out.u64(16)
    this.record(type.HEADER_ATTR, 0, () => {
      const start = this.out.length
      this.out.u32(1) // software
      this.out.u32(128)
      this.out.u64(0) // cpu-clock
      this.out.u64(49)
      this.out.u64(0x1_0000 | 0x7 | 0x80 | 0x100 | 0x20 | 0x20_0000) // identifier ip tid time cpu period callchain cgroup
      this.out.u64(0)
      this.out.u64((1 << 10) | (1 << 18)) // freq, sample_id_all
      this.out.raw(new Uint8Array(128 - (this.out.length - start)))
      this.out.u64(7) // id
    })
  }

  comm(pid: number, name: string, { at, tid = pid, exec = false }: Moment & { tid?: number; exec?: boolean }): void {
    this.record(type.COMM, exec ? misc.commExec : 0, () => {
      this.out.u32(pid)
      this.out.u32(tid)
      this.out.text(name)
      this.trailer(pid, tid, at)
    })
  }

  fork({
    pid,
    from,
    at,
    tid = pid,
    synthesized = false,
  }: Moment & { pid: number; from: number; tid?: number; synthesized?: boolean }): void {
    this.task(type.FORK, synthesized ? misc.forkExec : 0, [pid, from, tid, from], at)
  }

  exit(pid: number, { at, tid = pid }: Moment & { tid?: number }): void {
    this.task(type.EXIT, 0, [pid, pid, tid, tid], at)
  }

  /** `inode` tells files apart; the path alone does not. */
  map(
    pid: number,
    path: string,
    {
      at,
      start,
      length,
      offset = 0,
      inode = 0,
    }: Moment & { start: number; length: number; offset?: number; inode?: number },
  ): void {
    this.record(type.MMAP2, misc.user, () => {
      this.out.u32(pid)
      this.out.u32(pid)
      this.out.u64(start)
      this.out.u64(length)
      this.out.u64(offset)
      this.out.u32(0xfe)
      this.out.u32(0)
      this.out.u64(inode)
      this.out.u64(0)
      this.out.u32(5)
      this.out.u32(2)
      this.out.text(path)
      this.trailer(pid, pid, at)
    })
  }

  cgroup(id: number, path: string): void {
    this.record(type.CGROUP, 0, () => {
      this.out.u64(id)
      this.out.text(path)
      this.trailer(0, 0, 0)
    })
  }

  lost(count: number, { at }: Moment): void {
    this.record(type.LOST, 0, () => {
      this.out.u64(7)
      this.out.u64(count)
      this.trailer(0, 0, at)
    })
  }

  bpf(
    name: string,
    { at, start, length, unload = false }: Moment & { start: number; length: number; unload?: boolean },
  ): void {
    this.record(type.KSYMBOL, 0, () => {
      this.out.u64(start)
      this.out.u32(length)
      this.out.u16(1)
      this.out.u16(unload ? 1 : 0)
      this.out.text(name)
      this.trailer(0, 0, at)
    })
  }

  /** @param chain words of the call chain, leaf first, with their markers */
  sample({
    pid,
    at,
    chain,
    tid = pid,
    cpu = 0,
    cgroup = 0,
  }: Moment & { pid: number; chain: readonly (number | bigint)[]; tid?: number; cpu?: number; cgroup?: number }): void {
    this.record(type.SAMPLE, misc.user, () => {
      this.out.u64(7)
      this.word(chain.find((word) => word >= 0 || word < -4095) ?? 0)
      this.out.u32(pid)
      this.out.u32(tid)
      this.out.u64(at)
      this.out.u32(cpu)
      this.out.u32(0)
      this.out.u64(20_408_163)
      this.out.u64(chain.length)
      for (const word of chain) this.word(word)
      this.out.u64(cgroup)
    })
  }

  round(): void {
    this.record(type.FINISHED_ROUND, 0, () => undefined)
  }

  /** A record of any type, for what has no method. */
  record(kind: number, flags: number, body: () => void): void {
    const start = this.out.length
    this.out.u32(kind)
    this.out.u16(flags)
    this.out.u16(0)
    body()
    this.out.setU16(start + 6, this.out.length - start)
  }

  raw(bytes: Uint8Array): void {
    this.out.raw(bytes)
  }

  toBytes(): Uint8Array {
    return this.out.toBytes().slice()
  }

  /** What was written since the last call: for a stream that is fed while it is drawn. */
  takeBytes(): Uint8Array {
    const bytes = this.toBytes()
    this.out.length = 0
    return bytes
  }

  private task(kind: number, flags: number, [pid, ppid, tid, ptid]: readonly number[], at: number): void {
    this.record(kind, flags, () => {
      for (const id of [pid, ppid, tid, ptid]) this.out.u32(id as number)
      this.out.u64(at)
      this.trailer(pid as number, tid as number, at)
    })
  }

  private trailer(pid: number, tid: number, at: number): void {
    this.out.u32(pid)
    this.out.u32(tid)
    this.out.u64(at)
    this.out.u32(0)
    this.out.u32(0)
    this.out.u64(7)
  }

  private word(value: number | bigint): void {
    if (typeof value === 'number') this.out.u64(value)
    else {
      this.out.u32(Number(BigInt.asUintN(32, value)))
      this.out.u32(Number(BigInt.asUintN(32, value >> 32n)))
    }
  }
}

/** Names every address after its file and offset: `app+10`. Records what it was asked for. */
export function nameByOffset(): {
  asked: string[]
  symbolize: import('../../src/profile/symbolizer.ts').Symbolizer['symbolize']
} {
  const asked: string[] = []
  return {
    asked,
    symbolize(mapping, ips) {
      return Array.from(ips, (ip) => {
        const offset = mapping.isKernel ? ip : ip - mapping.start + mapping.pageOffset
        const name = `${mapping.path.split('/').at(-1)}+${offset.toString(16)}`
        asked.push(name)
        return [{ name }]
      })
    },
  }
}
