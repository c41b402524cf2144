// Names for a recording that is read later, or on another machine than it was made on. A file counts only when it is
// the one that was mapped: by build-id, or on the same machine by device and inode. Whatever is not, is counted.
import { statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import type { PerfMapping, SymbolFrame } from '../profile/symbolizer.ts'
import { type CodeSymbolizer, codeSymbolizer, defaultMaxBytes, nodePaths } from './code-symbolizer.ts'
import { JitCode } from './jit-code.ts'
import type { KernelSymbols } from './kallsyms.ts'
import { KernelNames, readKallsyms, readKernelBuildId, readVmlinux } from './kernel-symbols.ts'
import { isSameFile, type NodePaths, openMappedFile } from './mapped-file.ts'
import { ModuleCache } from './module-cache.ts'
import { type OpenFile, openFile } from './open-file.ts'
import { readVdso } from './vdso.ts'

export interface FileSymbolizerOptions {
  /** Folder with executables and debug files: by build-id as in /usr/lib/debug, by path as in a root folder, or flat. */
  readonly symbolsFolder?: string
  /** A copy of /proc/kallsyms of the recorded machine. */
  readonly kallsyms?: string
  /** The recorded machine's uncompressed kernel image. */
  readonly vmlinux?: string
  /** Recorded on this machine: then device and inode identify files, too. Assumed unless said otherwise. */
  readonly sameMachine?: boolean
  /** When the recording ended; processes that started later only have the same number. */
  readonly recordedMs?: number
  readonly node?: Partial<NodePaths>
  readonly maxBytes?: number
  /** Source file and line: of Go, and of C, C++ and Rust where there is debug information. Off unless asked for. */
  readonly lines?: boolean
  /** Calls that the compiler inlined, as frames of their own. On unless switched off, as perf script has none. */
  readonly inlined?: boolean
}

const noFrames: readonly SymbolFrame[] = []

export async function createFileSymbolizer(options: FileSymbolizerOptions = {}): Promise<CodeSymbolizer> {
  const node = nodePaths(options.node)
  const files = new RecordedFiles(options, node)
  const kernel = new RecordedKernel(options, `${node.proc}/kallsyms`)
  const { inlined = true, lines = false } = options
  return codeSymbolizer({
    modules: new ModuleCache({
      open: (mapping) => files.open(mapping),
      debugRoots: () => [...(options.symbolsFolder ? [options.symbolsFolder] : []), node.root],
      maxBytes: options.maxBytes ?? defaultMaxBytes,
      detail: { lines, inlined, debugInfo: inlined || lines },
    }),
    newJit: (pid) => {
      const { symbolsFolder, recordedMs, sameMachine = true } = options
      return new JitCode(pid, node, { folder: symbolsFolder, sameMachine, recordedMs })
    },
    kernel,
    vdso: (options.sameMachine ?? true) ? readVdso() : undefined,
    notes: () => [...kernel.notes, ...files.notes],
    losses: () => files.losses,
    isAskedOnce: true,
  })
}

class RecordedFiles {
  private readonly options: FileSymbolizerOptions
  private readonly node: NodePaths
  /** Paths whose file is another one now. */
  private readonly replaced = new Set<string>()
  private readonly byPath = new Set<string>()

  constructor(options: FileSymbolizerOptions, node: NodePaths) {
    this.options = options
    this.node = node
  }

  get losses() {
    return this.replaced.size === 0
      ? []
      : [{ what: 'files replaced since they were recorded, so not used for names', count: this.replaced.size }]
  }

  get notes(): readonly string[] {
    return [
      ...Array.from(this.replaced, (path) => `${path} is not the file that was recorded: its functions have no names.`),
      ...Array.from(
        this.byPath,
        (path) => `${path} was taken by its path: the recording does not say which file it was.`,
      ),
    ]
  }

  open(mapping: PerfMapping): OpenFile | undefined {
    return this.fromSymbolsFolder(mapping) ?? this.fromBuildIdCache(mapping) ?? this.fromMachine(mapping)
  }

  private fromSymbolsFolder(mapping: PerfMapping): OpenFile | undefined {
    const { symbolsFolder } = this.options
    if (!symbolsFolder) return undefined
    const { buildId } = mapping
    const path = mapping.path.replace(/ \(deleted\)$/, '')
    const names = [path, basename(path)]
    if (buildId) names.unshift(`.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}`, buildId)
    for (const name of names) {
      const file = openFile(join(symbolsFolder, name), { followLinks: true })
      // Somebody put it there for this recording, so without a build-id to compare it is believed.
      if (file && (!buildId || isSameFile(file, mapping))) return file
      file?.close()
    }
    return undefined
  }

  /** Copies that `perf record` made: ~/.debug/.build-id/ab/cdef…/elf. */
  private fromBuildIdCache(mapping: PerfMapping): OpenFile | undefined {
    const { buildId } = mapping
    if (!buildId) return undefined
    const folder = join(homedir(), '.debug/.build-id', buildId.slice(0, 2), buildId.slice(2))
    const file = openFile(join(folder, 'elf'), { followLinks: true })
    if (!file || isSameFile(file, mapping)) return file
    file.close()
    return undefined
  }

  private fromMachine(mapping: PerfMapping): OpenFile | undefined {
    const sameMachine = this.options.sameMachine ?? true
    const path = mapping.path.replace(/ \(deleted\)$/, '')
    const isKnown = mapping.buildId !== undefined || (sameMachine && mapping.inode)
    if (isKnown) {
      const file = openMappedFile(mapping, this.node)
      // runc runs from a mount of its own, of which the kernel says "/".
      if (!file && statSync(`${this.node.root}${path}`, { throwIfNoEntry: false })?.isFile()) this.replaced.add(path)
      return file
    }
    if (!sameMachine) return undefined
    const file = openFile(`${this.node.root}${path}`, { followLinks: true })
    if (file) this.byPath.add(path)
    return file
  }
}

class RecordedKernel {
  private readonly options: FileSymbolizerOptions
  private readonly path: string
  private names: KernelNames | undefined
  private buildId: string | undefined
  /** Symbols are those of the running kernel, which need not be the recorded one. */
  private isRunning = false
  private isRead = false
  notes: readonly string[] = []

  constructor(options: FileSymbolizerOptions, path: string) {
    this.options = options
    this.path = path
  }

  get bytes(): number {
    return this.names?.bytes ?? 0
  }

  framesAt(address: number, mapping: PerfMapping): readonly SymbolFrame[] {
    if (!this.isRead) this.read()
    const { names } = this
    if (!names) return noFrames
    const shift = this.shiftOf(mapping, names.symbols)
    return shift === undefined ? noFrames : names.framesAt(address - shift)
  }

  /** How far the recorded kernel was loaded from where the symbols say (KASLR); undefined when it is another kernel. */
  private shiftOf(mapping: PerfMapping, symbols: KernelSymbols): number | undefined {
    if (mapping.buildId && this.buildId && mapping.buildId !== this.buildId && isMainKernel(mapping)) {
      this.notes = ['Kernel functions have no names: the symbols are of another kernel than the recorded one.']
      return undefined
    }
    // The record's offset is the address of _text (perf's machine__get_running_kernel_start).
    const hasText = isMainKernel(mapping) && mapping.path.endsWith('_text') && mapping.pageOffset !== 0
    if (!hasText || symbols.textStart === undefined) return this.isRunning ? 0 : undefined
    const shift = mapping.pageOffset - symbols.textStart
    if (shift === 0 || !this.isRunning || mapping.buildId) return shift
    this.notes = [
      'Kernel functions have no names: the recorded kernel was loaded at another address, so it may be another one. Pass its /proc/kallsyms or vmlinux.',
    ]
    return undefined
  }

  private read(): void {
    this.isRead = true
    const { kallsyms, vmlinux } = this.options
    const image = vmlinux ? readVmlinux(vmlinux) : undefined
    const symbols = image ?? readKallsyms(kallsyms ?? this.path)
    this.isRunning = !image && !kallsyms
    this.buildId = image ? image.buildId : this.isRunning ? readKernelBuildId() : undefined
    if (symbols) this.names = new KernelNames(symbols)
    else
      this.notes = [
        `Kernel functions have no names: ${vmlinux ?? kallsyms ?? this.path} has no symbols that can be read.`,
      ]
  }
}

const isMainKernel = (mapping: PerfMapping): boolean => mapping.path.startsWith('[kernel')
