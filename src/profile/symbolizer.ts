// The seam between recordings and symbols: a recording knows addresses and mappings, `src/symbols` knows names.
// Addresses are doubles of the *signed* 64-bit value: user addresses are exact as they are, kernel addresses become
// negative numbers that are exact too (0xffffffff81000000 is -2130706432). No BigInt in the hot path.

/** A piece of an address space as PERF_RECORD_MMAP2 tells it (perf_event_open(2)). */
export interface PerfMapping {
  /** Host PID of the space's owner; -1 for the kernel. */
  readonly pid: number
  readonly start: number
  readonly length: number
  /** Offset of `start` in the file, bytes. */
  readonly pageOffset: number
  /** As the target sees it; may end in ` (deleted)`, or be `//anon`, `[vdso]`, `[kernel.kallsyms]_text`, `/memfd:x (deleted)`. */
  readonly path: string
  /**
   * Identity of the file where the record has it; the only safe key besides the build-id (paths repeat in every image).
   * `fe:01`: hex major and minor, as /proc/PID/maps prints them.
   */
  readonly device?: string
  readonly inode?: number
  /** Lower-case hex. */
  readonly buildId?: string
  readonly isKernel: boolean
}

/** A name for one address. Several for one address are inlined calls, innermost first. */
export interface SymbolFrame {
  /** Demangled, as people read it. */
  readonly name: string
  /** As in the symbol table, where it differs. */
  readonly systemName?: string
  readonly file?: string
  readonly line?: number
  readonly startLine?: number
}

/** Names for addresses. Implementations never throw for a file that is gone or damaged: the answer is then empty. */
export interface Symbolizer {
  /**
   * @param ips absolute addresses inside `mapping`, in any order; return addresses are passed as they are, not minus 1
   * @param returns 1 where an ip is a return address: its function is that of the address itself, as in perf, but what
   *   was inlined there is that of the call before it
   * @returns one entry per ip, `[]` where there is no name
   */
  symbolize(mapping: PerfMapping, ips: Float64Array, returns?: Uint8Array): readonly (readonly SymbolFrame[])[]
  /** A mapping was seen: a chance to open the file while the process lives. Cheap; may be called millions of times. */
  noticed?(mapping: PerfMapping): void
}
