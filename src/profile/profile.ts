// One profile in memory: pprof's profile.proto as columns. Every format is read into this and written from it.
// Vocabulary and meaning are those of https://github.com/google/pprof/blob/main/proto/profile.proto:
//   sample -> stack -> locations (leaf first) -> lines (innermost inlined function first) -> function
// Columns are typed arrays because a profile of a busy node has millions of frames and an object for each would
// cost more than the work itself. Everything is immutable once built; transforms return new profiles that share columns.

/** `{ type: 'cpu', unit: 'nanoseconds' }` */
export interface ValueType {
  readonly type: string
  readonly unit: string
}

/** Strings by index; index 0 is always "". Decoders may decode lazily. */
export interface StringTable {
  readonly length: number
  get(index: number): string
}

/** Functions by index; columns of string indexes. `startLine` 0 = unknown. */
export interface FunctionTable {
  readonly length: number
  readonly name: Int32Array
  /** Mangled name as in the symbol table; the same as `name` where there is none. */
  readonly systemName: Int32Array
  readonly filename: Int32Array
  readonly startLine: Float64Array
}

/** A mapped file. Kernel code has file `[kernel.kallsyms]` or `[module]`, JIT code `/tmp/perf-PID.map` or `[jit]`. */
export interface Mapping {
  readonly start: bigint
  readonly limit: bigint
  readonly offset: bigint
  readonly file: string
  readonly buildId: string
  readonly hasFunctions: boolean
  readonly hasFilenames: boolean
  readonly hasLineNumbers: boolean
  readonly hasInlineFrames: boolean
}

/**
 * Locations by index. Lines of location i are rows lineOffsets[i] .. lineOffsets[i+1] of `lines`,
 * innermost inlined function first, the physical function last; no rows = not symbolised.
 */
export interface LocationTable {
  readonly length: number
  /** Index into `mappings`, -1 = none. */
  readonly mapping: Int32Array
  readonly address: BigUint64Array
  readonly isFolded: Uint8Array
  readonly lineOffsets: Uint32Array
}

export interface LineTable {
  readonly function: Int32Array
  /** 0 = unknown. */
  readonly line: Float64Array
  readonly column: Float64Array
}

/** Stack i is locations[offsets[i] .. offsets[i+1]], leaf first. Stacks need not be unique. */
export interface StackTable {
  readonly length: number
  readonly offsets: Uint32Array
  readonly locations: Uint32Array
}

/** `str` and `num` exclude each other, as in pprof. Reserved keys we write: pid, tid, comm, cgroup, container, phase. */
export interface Label {
  readonly key: string
  readonly str?: string
  readonly num?: bigint
  readonly unit?: string
}

export interface SampleTable {
  readonly length: number
  readonly stack: Uint32Array
  /** One column per sample type. BigInt64 keeps 64-bit values exact; hot loops read it through `int64Reader`. */
  readonly values: readonly BigInt64Array[]
  /** Index into `labelSets`; set 0 is the empty set. */
  readonly labels: Uint32Array
  /** When it was taken: milliseconds since `startMs`. Absent in formats that do not know. */
  readonly offsetMs?: Float64Array
}

/** Something that could not be read or kept: `{ what: 'samples lost by the kernel', count: 12 }`. */
export interface Loss {
  readonly what: string
  readonly count: number
  /** The input was cut off or damaged here: what comes behind is not in the profile. */
  readonly isCut?: boolean
}

export interface Profile {
  readonly sampleTypes: readonly ValueType[]
  /** Index into `sampleTypes` of the column to show first. */
  readonly defaultType: number
  readonly strings: StringTable
  readonly functions: FunctionTable
  readonly mappings: readonly Mapping[]
  readonly locations: LocationTable
  readonly lines: LineTable
  readonly stacks: StackTable
  readonly samples: SampleTable
  readonly labelSets: readonly (readonly Label[])[]
  readonly timeNanos: bigint
  readonly durationNanos: bigint
  readonly periodType: ValueType | undefined
  readonly period: bigint
  readonly comments: readonly string[]
  readonly dropFrames: string
  readonly keepFrames: string
  readonly docUrl: string
  readonly losses: readonly Loss[]
}
