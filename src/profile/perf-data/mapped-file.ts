// The files that code comes from, each known by what identifies it: build-id, else device and inode, else path.
// A path alone would not do: every container image has its own /lib/libc.so.6.
import type { PerfMapping } from '../symbolizer.ts'

export interface MappedFile {
  /** As the target sees it. */
  readonly path: string
  /** Code made at run time; its names belong to one process and change with time. */
  readonly isJit: boolean
  readonly isKernel: boolean
  /** Addresses of it mean the same in every space, so they are its offsets too: kernel and run-time code. */
  readonly isAbsolute: boolean
  /** Lower-case hex; from the mapping, or from the recording's table once that was read. */
  buildId: string | undefined
  /** Name of the one function in it, where the record told it (BPF programs). */
  readonly onlyFunction: string | undefined
  /** Address of file offset 0 where it was first seen; 0 when absolute. */
  base: number
  /** Smallest and largest offset (in bytes from `base`) that was mapped. */
  from: number
  to: number
  readonly id: number
}

/** A mapping with the file it belongs to. */
export interface MappedRange extends PerfMapping {
  /** First address after it. */
  readonly end: number
  readonly file: MappedFile
  /** Its row among the mappings that stacks refer to; -1 = none does. */
  row: number
}

/** Fields of a mapping before its file is known. */
export type RangeSpec = Omit<MappedRange, 'file' | 'end' | 'row'>

let nextId = 1

/** Name of the kernel proper. */
export const kernelText = '[kernel.kallsyms]'
const isKernelText = (path: string): boolean => path.startsWith(kernelText)

/** Memory without a file: perf looks for /tmp/perf-PID.map there (tools/perf/util/map.c, is_anon_memory and is_no_dso_memory). */
const isRunTimeCode = (path: string): boolean =>
  /^(\/\/anon|\/dev\/zero|\/anon_hugepage|\/SYSV|\[heap|\[stack|\[anon)/.test(path) || path === ''

export class MappedFiles {
  private readonly files = new Map<string, MappedFile>()

  /** The mapping with its file: the one seen before, when it is the same. */
  rangeOf(spec: RangeSpec, onlyFunction?: string): MappedRange {
    const named = /^\/tmp\/perf-(\d+)\.map$/.exec(spec.path)
    // A file we wrote names the parent's map where a forked process runs its parent's run-time code.
    if (named) return this.rangeOf({ ...spec, pid: Number(named[1]), path: '//anon' })
    const isJit = !spec.isKernel && isRunTimeCode(spec.path)
    const key = isJit ? `jit ${spec.pid}` : keyOf(spec)
    let file = this.files.get(key)
    if (!file) {
      const isAbsolute = isJit || spec.isKernel
      file = {
        path: isJit ? `/tmp/perf-${spec.pid}.map` : spec.isKernel && isKernelText(spec.path) ? kernelText : spec.path,
        isJit,
        isKernel: spec.isKernel,
        isAbsolute,
        buildId: spec.buildId,
        onlyFunction,
        base: isAbsolute ? 0 : Math.max(0, spec.start - spec.pageOffset),
        from: Number.POSITIVE_INFINITY,
        to: Number.NEGATIVE_INFINITY,
        id: nextId++,
      }
      this.files.set(key, file)
    }
    const offset = file.isAbsolute ? spec.start : spec.pageOffset
    if (offset < file.from) file.from = offset
    if (offset + spec.length > file.to) file.to = offset + spec.length
    return { ...spec, end: spec.start + spec.length, file, row: -1 }
  }

  /** Forgets files that nothing refers to. */
  retain(isUsed: (file: MappedFile) => boolean): void {
    for (const [key, file] of this.files) if (!isUsed(file)) this.files.delete(key)
  }

  get size(): number {
    return this.files.size
  }
}

function keyOf({ path, buildId, device, inode, isKernel, start }: RangeSpec): string {
  // The text of the kernel is recorded as `[kernel.kallsyms]_text` or `_stext`.
  if (isKernel) return isKernelText(path) ? kernelText : path.startsWith('[') ? path : `${path} ${start}`
  if (buildId) return `build ${buildId}`
  return inode ? `inode ${device} ${inode} ${path}` : `path ${path}`
}
