// Names for what runs on this machine now: kernel, vdso, executables that are held open, and JIT code.
import type { SymbolFrame } from '../profile/symbolizer.ts'
import { type CodeSymbolizer, codeSymbolizer, defaultMaxBytes, nodePaths } from './code-symbolizer.ts'
import { JitCode } from './jit-code.ts'
import { KernelNames, readKallsyms } from './kernel-symbols.ts'
import { type NodePaths, openMappedFile } from './mapped-file.ts'
import { ModuleCache } from './module-cache.ts'
import { readVdso } from './vdso.ts'

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

export type LiveSymbolizer = CodeSymbolizer

/** Modules and BPF programs come and go; reading all kernel symbols again takes 0.1 s, so at most once a minute. */
const kernelRereadMs = 60_000
const noFrames: readonly SymbolFrame[] = []

/** Reads the kernel's symbols now; everything else is opened when it is first seen. */
export async function createSymbolizer(options: SymbolizerOptions = {}): Promise<LiveSymbolizer> {
  const node = nodePaths(options.node)
  const kernel = new LiveKernel(`${node.proc}/kallsyms`)
  return codeSymbolizer({
    modules: new ModuleCache({
      open: (mapping) => openMappedFile(mapping, node),
      debugRoots: (mapping) => [`${node.proc}/${mapping.pid}/root`, node.root],
      maxBytes: options.maxBytes ?? defaultMaxBytes,
      detail: { lines: options.lines ?? false, inlined: options.inlined ?? true },
    }),
    newJit: (pid) => new JitCode(pid, node),
    kernel,
    vdso: readVdso(),
    notes: () => kernel.notes,
    losses: () => [],
    isAskedOnce: false,
  })
}

class LiveKernel {
  private readonly path: string
  private names: KernelNames | undefined
  private readMs = 0

  constructor(path: string) {
    this.path = path
    this.read()
  }

  get bytes(): number {
    return this.names?.bytes ?? 0
  }

  get notes(): readonly string[] {
    if (this.names) return []
    return [
      `Kernel functions have no names: ${this.path} hides its addresses. Run as root, or run: sysctl kernel.kptr_restrict=0`,
    ]
  }

  framesAt(address: number): readonly SymbolFrame[] {
    const frames = this.names?.framesAt(address) ?? noFrames
    const isNew = this.names !== undefined && frames.length === 0 && address < 0
    if (!isNew || Date.now() - this.readMs < kernelRereadMs) return frames
    this.read()
    return this.names?.framesAt(address) ?? noFrames
  }

  private read(): void {
    this.readMs = Date.now()
    const symbols = readKallsyms(this.path)
    if (symbols) this.names = new KernelNames(symbols)
  }
}
