// The part that live and later symbolising share: which source of names a mapping has, and the counts.
import type { Loss } from '../profile/profile.ts'
import type { PerfMapping, SymbolFrame, Symbolizer } from '../profile/symbolizer.ts'
import type { Executable } from './executable.ts'
import type { JitCode } from './jit-code.ts'
import type { NodePaths } from './mapped-file.ts'
import type { ModuleCache } from './module-cache.ts'

export interface SymbolizerStats {
  /** Files and processes with code that are known. */
  readonly modules: number
  /** Memory for tables and names, roughly. */
  readonly bytes: number
  /** Addresses asked for that have no name. */
  readonly misses: number
}

export interface CodeSymbolizer extends Symbolizer {
  noticed(mapping: PerfMapping): void
  symbolize(mapping: PerfMapping, ips: Float64Array, returns?: Uint8Array): readonly (readonly SymbolFrame[])[]
  /** What is missing and why, in sentences. */
  readonly notes: readonly string[]
  readonly losses: readonly Loss[]
  stats(): SymbolizerStats
  /** Closes all files. */
  close(): void
}

export interface CodeSources {
  readonly modules: ModuleCache
  readonly newJit: (pid: number) => JitCode
  readonly kernel: { framesAt(address: number, mapping: PerfMapping): readonly SymbolFrame[]; readonly bytes: number }
  readonly vdso: Executable | undefined
  readonly notes: () => readonly string[]
  readonly losses: () => readonly Loss[]
  /** Nearly all files are asked about once, as for one recording. */
  readonly isAskedOnce: boolean
}

/** Symbol tables of all that a busy node sampled, 43 files with 290 000 symbols, took 4 MB; the rest is names. */
export const defaultMaxBytes = 48 << 20
/** Processes whose JIT code is known; nodes run at most some hundred JVMs and Nodes. */
const maxJitProcesses = 512
/** The vdso of 32-bit processes is another one than ours. */
const first64BitAddress = 2 ** 32
const noFrames: readonly SymbolFrame[] = []

export function codeSymbolizer(sources: CodeSources): CodeSymbolizer {
  return new SourcesSymbolizer(sources)
}

/** Where the node's /proc and root folder are; `/proc` and `/` unless we run in a container of our own. */
export function nodePaths(given: Partial<NodePaths> = {}): NodePaths {
  return { proc: given.proc ?? '/proc', root: (given.root ?? '').replace(/\/$/, '') }
}

class SourcesSymbolizer implements CodeSymbolizer {
  private readonly sources: CodeSources
  private readonly jit = new Map<number, JitCode>()
  private misses = 0

  constructor(sources: CodeSources) {
    this.sources = sources
  }

  get notes(): readonly string[] {
    return this.sources.notes()
  }

  get losses(): readonly Loss[] {
    let dropped = 0
    for (const code of this.jit.values()) dropped += code.dropped
    const { unread } = this.sources.modules
    return [
      ...(dropped > 0 ? [{ what: 'lines of perf maps that could not be read', count: dropped }] : []),
      ...(unread > 0 ? [{ what: 'parts of debug information that could not be read', count: unread }] : []),
      ...this.sources.losses(),
    ]
  }

  noticed(mapping: PerfMapping): void {
    if (mapping.isKernel || this.sources.modules.has(mapping)) return
    const kind = kindOfMapping(mapping.path)
    if (kind === 'file') this.sources.modules.noticed(mapping)
    else if (kind === 'jit') this.jitOf(mapping.pid).noticed()
    else if (kind === 'jitdump') this.jitOf(mapping.pid).noticedDump(mapping)
  }

  symbolize(mapping: PerfMapping, ips: Float64Array, returns?: Uint8Array): readonly (readonly SymbolFrame[])[] {
    const find = this.finder(mapping, ips)
    const result = new Array<readonly SymbolFrame[]>(ips.length)
    const order = this.sources.isAskedOnce ? orderOf(ips) : undefined
    for (let n = 0; n < ips.length; n++) {
      const i = order ? (order[2 * n] as number) : n
      const frames = find(ips[i] as number, returns?.[i] === 1)
      if (frames.length === 0) this.misses++
      result[i] = frames
    }
    if (!mapping.isKernel) this.sources.modules.settle(mapping)
    return result
  }

  stats(): SymbolizerStats {
    const { modules, kernel } = this.sources
    let bytes = modules.bytes + kernel.bytes
    for (const code of this.jit.values()) bytes += code.bytes
    return { modules: modules.length + this.jit.size, bytes, misses: this.misses }
  }

  close(): void {
    this.sources.modules.close()
    for (const code of this.jit.values()) code.close()
    this.jit.clear()
  }

  private finder(mapping: PerfMapping, ips: Float64Array): Find {
    const { kernel, modules, vdso, isAskedOnce } = this.sources
    if (mapping.isKernel) return (ip) => kernel.framesAt(ip, mapping)
    const kind = kindOfMapping(mapping.path)
    if (kind === 'none' || (kind === 'vdso' && mapping.start < first64BitAddress)) return () => noFrames
    const executable = kind === 'vdso' ? vdso : kind === 'file' ? modules.get(mapping) : undefined
    if (executable) {
      const toOffset = mapping.pageOffset - mapping.start
      if (isAskedOnce) executable.expect(ips.map((ip) => ip + toOffset))
      return (ip, isReturn) => executable.framesAt(ip + toOffset, isReturn)
    }
    if (kind === 'vdso') return () => noFrames
    // A memfd or plain file without ELF may be a JIT's second view of its code.
    const code = this.jitOf(mapping.pid)
    code.refresh()
    return (ip) => code.framesAt(ip)
  }

  private jitOf(pid: number): JitCode {
    let code = this.jit.get(pid)
    if (!code) {
      code = this.sources.newJit(pid)
      this.jit.set(pid, code)
      if (this.jit.size > maxJitProcesses) {
        const [oldest, old] = this.jit.entries().next().value as [number, JitCode]
        this.jit.delete(oldest)
        old.close()
      }
    }
    return code
  }
}

type Find = (ip: number, isReturn: boolean) => readonly SymbolFrame[]

/**
 * Ascending, for what is read of a table for one address is still there for the next: pairs of index and address, each
 * one 64-bit number, which the engine sorts itself.
 */
function orderOf(ips: Float64Array): Uint32Array {
  const pairs = new Uint32Array(2 * ips.length)
  for (let i = 0; i < ips.length; i++) {
    pairs[2 * i] = i
    // Its low half: code that crosses 4 GiB is read in two goes.
    pairs[2 * i + 1] = ips[i] as number
  }
  new BigUint64Array(pairs.buffer).sort()
  return pairs
}

/** What a mapping's path says of its code; the names are those of perf's map.c (is_anon_memory, is_no_dso_memory). */
export function kindOfMapping(path: string): 'file' | 'jit' | 'jitdump' | 'vdso' | 'none' {
  if (path.startsWith('/') && !path.startsWith('//')) {
    // The runtime maps /tmp/jit-PID.dump as code, only to be seen (jitdump-specification.txt).
    if (path.includes('.dump') && /\/jit-\d+\.dump( \(deleted\))?$/.test(path)) return 'jitdump'
    return path.startsWith('/dev/zero') || path.startsWith('/anon_hugepage') || path.startsWith('/SYSV')
      ? 'jit'
      : 'file'
  }
  if (path === '[vdso]') return 'vdso'
  if (path === '[vsyscall]' || path === '[uprobes]') return 'none'
  return 'jit'
}
