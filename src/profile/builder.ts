// Collects samples from any format and gives a Profile: equal strings, functions, locations, stacks and label sets
// become one row each, so an importer may intern freely per line that it reads.
//
//   const builder = new ProfileBuilder([{ type: 'samples', unit: 'count' }])
//   const leaf = builder.internFrame('parse', { module: '/usr/bin/app' })
//   const root = builder.internFrame('main', { module: '/usr/bin/app' })
//   builder.addSample(builder.internStack([leaf, root]), [1])
//   const profile = builder.build()
import { Float64Column, Int64Column, Uint32Column } from './columns.ts'
import { functionColumns, highWordOf, locationColumns, lowWord } from './interned-tables.ts'
import { Losses } from './losses.ts'
import type { Label, Loss, Mapping, Profile, ValueType } from './profile.ts'
import { RowInterner } from './row-interner.ts'
import { TextNumbers } from './string-table.ts'

export interface FunctionSpec {
  readonly name: string
  /** Mangled name; `name` where absent. */
  readonly systemName?: string
  readonly filename?: string
  readonly startLine?: number
}

export interface LineSpec {
  /** From `internFunction`. */
  readonly function: number
  readonly line?: number
  readonly column?: number
}

export interface LocationSpec {
  /** From `internMapping`; -1 or absent = none. */
  readonly mapping?: number
  readonly address?: bigint
  /** Innermost inlined function first; absent or empty = not symbolised. */
  readonly lines?: readonly LineSpec[]
  readonly isFolded?: boolean
}

export interface FrameSpec extends Omit<FunctionSpec, 'name'> {
  /** Path of the mapped file that it lies in. */
  readonly module?: string
  readonly line?: number
  readonly column?: number
}

export interface SampleSpec {
  /** From `internLabels`; 0 = none. */
  readonly labels?: number
  /** Milliseconds since the profile's start. */
  readonly offsetMs?: number
}

const wide = new BigInt64Array(1)
const wideWords = new Uint32Array(wide.buffer)

/** Low and high word of a 64-bit integer of either signedness. */
function split(value: bigint): [number, number] {
  wide[0] = BigInt.asIntN(64, value)
  return [wideWords[0] as number, wideWords[1] as number]
}

export class ProfileBuilder {
  timeNanos = 0n
  durationNanos = 0n
  periodType: ValueType | undefined
  period = 0n
  dropFrames = ''
  keepFrames = ''
  docUrl = ''
  /** Index into the sample types of the column to show first. */
  defaultType: number
  readonly comments: string[] = []

  private readonly sampleTypes: readonly ValueType[]
  private readonly strings = new TextNumbers()
  /** Rows of functions and locations are those of interned-tables.ts. */
  private readonly functions = new RowInterner()
  private readonly mappings: Mapping[] = []
  private readonly mappingIds = new Map<string, number>()
  private readonly locations = new RowInterner()
  private readonly frames = new Map<string, number>()
  private readonly stacks = new RowInterner()
  private readonly labelRows = new RowInterner()
  private readonly labelSets: (readonly Label[])[] = [[]]
  private readonly sampleStacks = new Uint32Column()
  private readonly sampleLabels = new Uint32Column()
  private readonly sampleValues: Int64Column[]
  private offsets: Float64Column | undefined
  private readonly losses = new Losses()

  /** @param sampleTypes one per value of each sample; the last is the default to show, as in pprof */
  constructor(sampleTypes: readonly ValueType[]) {
    this.sampleTypes = sampleTypes
    this.defaultType = Math.max(0, sampleTypes.length - 1)
    this.sampleValues = sampleTypes.map(() => new Int64Column())
    this.labelRows.internList([])
  }

  /** How many samples were added so far. */
  get sampleCount(): number {
    return this.sampleStacks.length
  }

  internString(text: string): number {
    return this.strings.intern(text)
  }

  internFunction({ name, systemName = name, filename = '', startLine = 0 }: FunctionSpec): number {
    const row = [this.internString(name), this.internString(systemName), this.internString(filename)]
    row.push(lowWord(startLine), highWordOf(startLine))
    return this.functions.internList(row)
  }

  internMapping(spec: Partial<Mapping>): number {
    const mapping: Mapping = {
      start: 0n,
      limit: 0n,
      offset: 0n,
      file: '',
      buildId: '',
      hasFunctions: false,
      hasFilenames: false,
      hasLineNumbers: false,
      hasInlineFrames: false,
      ...spec,
    }
    const key = `${mapping.start} ${mapping.limit} ${mapping.offset} ${mapping.buildId} ${mapping.file}`
    let id = this.mappingIds.get(key)
    if (id === undefined) {
      id = this.mappings.length
      this.mappings.push(mapping)
      this.mappingIds.set(key, id)
    }
    return id
  }

  internLocation({ mapping = -1, address = 0n, lines = [], isFolded = false }: LocationSpec): number {
    const [low, high] = split(address)
    const row = [mapping, low, high, isFolded ? 1 : 0]
    for (const { function: fn, line = 0, column = 0 } of lines) {
      row.push(fn, lowWord(line), highWordOf(line), lowWord(column), highWordOf(column))
    }
    return this.locations.internList(row)
  }

  /** A location without an address that stands for one function: what formats with only names have. */
  internFrame(name: string, { module = '', line = 0, column = 0, ...fn }: FrameSpec = {}): number {
    const key = `${name}\n${module}\n${fn.systemName ?? ''}\n${fn.filename ?? ''}\n${fn.startLine ?? 0} ${line} ${column}`
    let id = this.frames.get(key)
    if (id === undefined) {
      id = this.internLocation({
        mapping: module ? this.internMapping({ file: module, hasFunctions: true }) : -1,
        lines: [{ function: this.internFunction({ name, ...fn }), line, column }],
      })
      this.frames.set(key, id)
    }
    return id
  }

  /** Labels in any order; sets with the same labels are one set, as pprof compares them. */
  internLabels(labels: readonly Label[]): number {
    const sorted = labels.toSorted(compareLabels)
    const row: number[] = []
    for (const { key, str, num, unit } of sorted) {
      row.push(this.internString(key), str === undefined ? 0 : this.internString(str) + 1)
      row.push(...split(num ?? 0n), this.internString(unit ?? ''))
    }
    const id = this.labelRows.internList(row)
    if (id === this.labelSets.length) this.labelSets.push(sorted)
    return id
  }

  /** @param locations from `internLocation` or `internFrame`, leaf first */
  internStack(locations: readonly number[] | Uint32Array): number {
    return locations instanceof Uint32Array
      ? this.stacks.intern(locations, 0, locations.length)
      : this.stacks.internList(locations)
  }

  /**
   * @param stack from `internStack`
   * @param values one per sample type; integers (fractions are rounded)
   */
  addSample(stack: number, values: readonly (number | bigint)[], { labels = 0, offsetMs }: SampleSpec = {}): void {
    if (offsetMs !== undefined && !this.offsets) {
      this.offsets = new Float64Column()
      for (let i = 0; i < this.sampleStacks.length; i++) this.offsets.push(Number.NaN)
    }
    this.offsets?.push(offsetMs ?? Number.NaN)
    this.sampleStacks.push(stack)
    this.sampleLabels.push(labels)
    for (let i = 0; i < this.sampleValues.length; i++) {
      const value = values[i] ?? 0
      this.sampleValues[i]!.push(typeof value === 'bigint' ? value : Math.round(value))
    }
  }

  /** Something could not be read or kept: `addLoss('lines that are not perf script', 3)`. */
  addLoss(what: string, count = 1): void {
    this.losses.add({ what, count })
  }

  /** What somebody else counted already. */
  addLosses(losses: readonly Loss[]): void {
    this.losses.addAll(losses)
  }

  /** The profile so far; the builder may go on and build again. */
  build(): Profile {
    const stackRows = this.stacks.rows()
    return {
      sampleTypes: this.sampleTypes,
      defaultType: this.defaultType,
      strings: this.strings.toTable(),
      functions: functionColumns(this.functions),
      mappings: [...this.mappings],
      ...locationColumns(this.locations),
      stacks: { length: this.stacks.length, offsets: stackRows.offsets, locations: stackRows.values },
      samples: {
        length: this.sampleStacks.length,
        stack: this.sampleStacks.toArray(),
        values: this.sampleValues.map((column) => column.toArray()),
        labels: this.sampleLabels.toArray(),
        ...(this.offsets && { offsetMs: this.offsets.toArray() }),
      },
      labelSets: [...this.labelSets],
      timeNanos: this.timeNanos,
      durationNanos: this.durationNanos,
      periodType: this.periodType,
      period: this.period,
      comments: [...this.comments],
      dropFrames: this.dropFrames,
      keepFrames: this.keepFrames,
      docUrl: this.docUrl,
      losses: this.losses.toList(),
    }
  }
}

/** By key, text before numbers; equal keys keep their order (the sort is stable), for it means something in pprof. */
export function compareLabels(a: Label, b: Label): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1
  return (a.str === undefined ? 1 : 0) - (b.str === undefined ? 1 : 0)
}
