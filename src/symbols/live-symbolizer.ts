// Names for what runs on this machine now: kernel, vdso, executables that are held open, and JIT code.
import type { Loss } from '../profile/profile.ts'
import type { PerfMapping, SymbolFrame, Symbolizer } from '../profile/symbolizer.ts'
import { demangle } from './demangle.ts'
import type { Executable } from './executable.ts'
import { JitCode } from './jit-code.ts'
import type { KernelSymbols } from './kallsyms.ts'
import { readKernelSymbols, readVdso } from './kernel-symbols.ts'
import type { NodePaths } from './mapped-file.ts'
import { ModuleCache } from './module-cache.ts'

export interface SymbolizerOptions {
  /** Where the node's /proc and root folder are; `/proc` and `/` unless we run in a container of our own. */
  readonly node?: Partial<NodePaths>
  /** Bound for symbol tables and names of executables, bytes. */
  readonly maxBytes?: number
  /** Source file and line of Go code; every address is then a place of its own. Off unless asked for. */
  readonly lines?: boolean
  /** Calls that Go inlined, as frames of their own. On unless switched off, as perf script has none. */
  readonly inlined?: boolean
}

export interface SymbolizerStats {
  /** Files and processes with code that are known. */
  readonly modules: number
  /** Memory for tables and names, roughly. */
  readonly bytes: number
  /** Addresses asked for that have no name. */
  readonly misses: number
}

export interface LiveSymbolizer extends Symbolizer {
  noticed(mapping: PerfMapping): void
  /** @param callers 1 where an ip is a return address: it is then looked up one byte earlier, inside the call */
  symbolize(mapping: PerfMapping, ips: Float64Array, callers?: Uint8Array): readonly (readonly SymbolFrame[])[]
  /** What is missing and why, in sentences. */
  readonly notes: readonly string[]
  readonly losses: readonly Loss[]
  stats(): SymbolizerStats
  /** Closes all files. */
  close(): void
}

/** 290 000 symbols of 43 files, all that a busy node sampled, took 4 MB; the rest is names. */
const defaultMaxBytes = 48 << 20
/** Processes whose JIT code is known; nodes run at most some hundred JVMs and Nodes. */
const maxJitProcesses = 512
/** Modules and BPF programs come and go; reading all kernel symbols again takes 0.1 s, so at most once a minute. */
const kernelRereadMs = 60_000
const noFrames: readonly SymbolFrame[] = []

/** Reads the kernel's symbols; everything else is opened when it is first seen. */
export async function createSymbolizer(options: SymbolizerOptions = {}): Promise<LiveSymbolizer> {
  const node = { proc: options.node?.proc ?? '/proc', root: options.node?.root?.replace(/\/$/, '') ?? '' }
  const detail = { lines: options.lines ?? false, inlined: options.inlined ?? true }
  return new MachineSymbolizer(node, new ModuleCache(node, { maxBytes: options.maxBytes ?? defaultMaxBytes, detail }))
}

class MachineSymbolizer implements LiveSymbolizer {
  private readonly node: NodePaths
  private readonly modules: ModuleCache
  private readonly jit = new Map<number, JitCode>()
  private readonly vdso: Executable | undefined
  private kernel: KernelSymbols | undefined
  private kernelReadMs: number
  private readonly kernelFrames = new Map<number, readonly SymbolFrame[]>()
  private misses = 0
  readonly notes: string[] = []

  constructor(node: NodePaths, modules: ModuleCache) {
    this.node = node
    this.modules = modules
    this.vdso = readVdso()
    this.kernel = readKernelSymbols(node.proc)
    this.kernelReadMs = Date.now()
    if (!this.kernel) {
      this.notes.push(
        'Kernel functions have no names: /proc/kallsyms hides its addresses. Run as root, or run: sysctl kernel.kptr_restrict=0',
      )
    }
  }

  get losses(): readonly Loss[] {
    let dropped = 0
    for (const code of this.jit.values()) dropped += code.dropped
    return dropped === 0 ? [] : [{ what: 'lines of perf maps that could not be read', count: dropped }]
  }

  noticed(mapping: PerfMapping): void {
    if (mapping.isKernel) return
    const kind = kindOfMapping(mapping.path)
    if (kind === 'file') this.modules.noticed(mapping)
    else if (kind === 'jit') this.jitOf(mapping.pid).noticed()
    else if (kind === 'jitdump') this.jitOf(mapping.pid).noticedDump(mapping)
  }

  symbolize(mapping: PerfMapping, ips: Float64Array, callers?: Uint8Array): readonly (readonly SymbolFrame[])[] {
    const find = this.finder(mapping)
    const result = new Array<readonly SymbolFrame[]>(ips.length)
    for (let i = 0; i < ips.length; i++) {
      const frames = find((ips[i] as number) - (callers?.[i] ? 1 : 0))
      if (frames.length === 0) this.misses++
      result[i] = frames
    }
    if (!mapping.isKernel) this.modules.settle(mapping)
    return result
  }

  stats(): SymbolizerStats {
    let bytes = this.modules.bytes + (this.kernel?.bytes ?? 0) + this.kernelFrames.size * 200
    for (const code of this.jit.values()) bytes += code.bytes
    return { modules: this.modules.length + this.jit.size, bytes, misses: this.misses }
  }

  close(): void {
    this.modules.close()
    for (const code of this.jit.values()) code.close()
    this.jit.clear()
  }

  private finder(mapping: PerfMapping): (ip: number) => readonly SymbolFrame[] {
    if (mapping.isKernel) return (ip) => this.kernelFramesAt(ip)
    const kind = kindOfMapping(mapping.path)
    const executable = kind === 'vdso' ? this.vdso : kind === 'file' ? this.modules.get(mapping) : undefined
    if (executable) {
      const toOffset = mapping.pageOffset - mapping.start
      return (ip) => executable.framesAt(ip + toOffset)
    }
    // A memfd or plain file without ELF may be a JIT's second view of its code.
    if (kind === 'vdso' || kind === 'none') return () => noFrames
    const code = this.jitOf(mapping.pid)
    code.refresh()
    return (ip) => code.framesAt(ip)
  }

  private kernelFramesAt(ip: number): readonly SymbolFrame[] {
    const index = this.findKernelSymbol(ip)
    if (index < 0 || !this.kernel) return noFrames
    let frames = this.kernelFrames.get(index)
    if (!frames) {
      const systemName = this.kernel.readName(index)
      const name = demangle(systemName)
      frames = [name === systemName ? { name } : { name, systemName }]
      this.kernelFrames.set(index, frames)
    }
    return frames
  }

  private findKernelSymbol(ip: number): number {
    // Names are not compared: of aliases in kallsyms the last one wins, since only that one reaches to the next.
    const index = this.kernel?.table.find(ip, () => '') ?? -1
    if (index >= 0 || !this.kernel || ip >= 0 || Date.now() - this.kernelReadMs < kernelRereadMs) return index
    this.kernelReadMs = Date.now()
    this.kernel = readKernelSymbols(this.node.proc) ?? this.kernel
    this.kernelFrames.clear()
    return this.kernel.table.find(ip, () => '')
  }

  private jitOf(pid: number): JitCode {
    let code = this.jit.get(pid)
    if (!code) {
      code = new JitCode(pid, this.node)
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

/** What a mapping's path says of its code; the names are those of perf's map.c (is_anon_memory, is_no_dso_memory). */
export function kindOfMapping(path: string): 'file' | 'jit' | 'jitdump' | 'vdso' | 'none' {
  // The runtime maps /tmp/jit-PID.dump as code, only to be seen (jitdump-specification.txt).
  if (/\/jit-\d+\.dump( \(deleted\))?$/.test(path)) return 'jitdump'
  if (path.startsWith('/') && !path.startsWith('//')) {
    return path.startsWith('/dev/zero') || path.startsWith('/anon_hugepage') || path.startsWith('/SYSV')
      ? 'jit'
      : 'file'
  }
  if (path === '[vdso]') return 'vdso'
  if (path === '[vsyscall]' || path === '[uprobes]') return 'none'
  return 'jit'
}
