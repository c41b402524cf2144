// A flight recording as a profile: every event that has a stack is a sample, one column per kind of event.
import { ProfileBuilder } from './builder.ts'
import { stableMethodName } from './java-frame.ts'
import { chunkLosses, innerText, readChunks, spanOf, threadOf } from './jfr.ts'
import type { JfrChunk } from './jfr-chunk.ts'
import type { JfrObject, JfrValue } from './jfr-fields.ts'
import type { JfrField } from './jfr-metadata.ts'
import type { Label, Profile, ValueType } from './profile.ts'

interface Measure {
  readonly event: string
  readonly type: ValueType
  /** Field with the value; 1 per event where absent. */
  readonly value?: string
  /** Values that are ticks become nanoseconds. */
  readonly isTicks?: boolean
  /** Field with the thread; `eventThread` where absent. */
  readonly thread?: string
  /** Field with the class that is allocated or locked. */
  readonly class?: string
}

const count = 'count'
const nanoseconds = 'nanoseconds'
const bytes = 'bytes'

/** In the order in which the first that occurs is shown first. */
const measures: readonly Measure[] = [
  { event: 'jdk.ExecutionSample', type: { type: 'samples', unit: count }, thread: 'sampledThread' },
  { event: 'jdk.CPUTimeSample', type: { type: 'cpu', unit: nanoseconds }, value: 'samplingPeriod', isTicks: true },
  { event: 'profiler.WallClockSample', type: { type: 'wall', unit: count }, value: 'samples', thread: 'sampledThread' },
  {
    event: 'jdk.ObjectAllocationSample',
    type: { type: 'alloc_space', unit: bytes },
    value: 'weight',
    class: 'objectClass',
  },
  {
    event: 'jdk.ObjectAllocationInNewTLAB',
    type: { type: 'alloc_tlab', unit: bytes },
    value: 'tlabSize',
    class: 'objectClass',
  },
  {
    event: 'jdk.ObjectAllocationOutsideTLAB',
    type: { type: 'alloc_outside_tlab', unit: bytes },
    value: 'allocationSize',
    class: 'objectClass',
  },
  {
    event: 'jdk.JavaMonitorEnter',
    type: { type: 'monitor', unit: nanoseconds },
    value: 'duration',
    isTicks: true,
    class: 'monitorClass',
  },
  {
    event: 'jdk.ThreadPark',
    type: { type: 'park', unit: nanoseconds },
    value: 'duration',
    isTicks: true,
    class: 'parkedClass',
  },
  { event: 'jdk.NativeMethodSample', type: { type: 'native', unit: count }, thread: 'sampledThread' },
]

/** What perf calls the kernel, so that frames of async-profiler's type Kernel are coloured alike. */
const kernelFile = '[kernel.kallsyms]'
/** Signature that async-profiler gives to functions that are not Java; their class is the file they are in. */
const nativeSignature = '()L;'

/**
 * One sample per event with its time; types that do not occur are left out. Labels `comm` (thread), `tid`,
 * `java_thread`, `state` and `class` (what was allocated or locked).
 * @throws Failure NOT_A_PROFILE when it is no recording
 */
export function parseJfrProfile(file: Uint8Array): Profile {
  const chunks = readChunks(file)
  const present = measures.filter(({ event }) => chunks.some((chunk) => chunk.countOf(event) > 0))
  const shown = present.length > 0 ? present : measures.slice(0, 1)
  const builder = new ProfileBuilder(shown.map(({ type }) => type))
  builder.defaultType = 0
  const { startMs, durationMs } = spanOf(chunks)
  builder.timeNanos = BigInt64Array.from(chunks, ({ startNanos }) => startNanos).sort()[0] as bigint
  builder.durationNanos = BigInt(Math.round(durationMs * 1e6))
  const period = samplingPeriodNanos(chunks)
  if (period !== undefined) {
    builder.periodType = { type: 'cpu', unit: nanoseconds }
    builder.period = BigInt(period)
  }
  for (const chunk of chunks) {
    const reader = new StackReader(chunk, builder)
    for (const [column, measure] of shown.entries())
      addSamples(reader, measure, { startMs, column, width: shown.length })
    builder.addLoss('stacks that the JVM cut at its depth limit', reader.truncated)
    builder.addLoss('samples without a stack', reader.missing)
  }
  builder.addLosses(chunkLosses(file, chunks))
  return builder.build()
}

function addSamples(
  reader: StackReader,
  { event, value, isTicks, thread = 'eventThread', class: classField }: Measure,
  { startMs, column, width }: { startMs: number; column: number; width: number },
): void {
  const { chunk, builder } = reader
  const values = new Array<number>(width).fill(0)
  const fields = ['startTime', 'stackTrace', thread, 'state', value ?? '', classField ?? '']
  const types = fields.map((name) => chunk.typeNamed(event)?.fields.find((field) => field.name === name)?.typeId ?? -1)
  const toNanos = 1e9 / chunk.ticksPerSecond
  chunk.eachRow(event, fields, (row) => {
    const stack = reader.stack(types[1] as number, row[1] as number)
    const amount = value === undefined ? 1 : (row[4] as number)
    values[column] = Math.max(0, isTicks ? Math.round(amount * toNanos) : amount)
    const offsetMs = chunk.timeMs(row[0] as number) - startMs
    const labels = reader.labels(types, row)
    builder.addSample(stack, values, { labels, offsetMs })
  })
}

/** `20 ms` of the setting `period` of jdk.ExecutionSample. */
function samplingPeriodNanos(chunks: readonly JfrChunk[]): number | undefined {
  for (const chunk of chunks) {
    const id = chunk.typeNamed('jdk.ExecutionSample')?.id
    for (const setting of chunk.events('jdk.ActiveSetting')) {
      const match =
        setting.id === id && setting.name === 'period' && /^(\d{1,9}) ?(ns|us|ms|s)$/.exec(String(setting.value))
      if (match) return Number(match[1]) * { ns: 1, us: 1e3, ms: 1e6, s: 1e9 }[match[2] as 'ns' | 'us' | 'ms' | 's']
    }
  }
  return undefined
}

/** Turns a chunk's constants into rows of the builder, each once. */
class StackReader {
  readonly chunk: JfrChunk
  readonly builder: ProfileBuilder
  /** Samples whose stack the JVM cut off. */
  truncated = 0
  missing = 0
  private readonly stacks = new Map<number, { id: number; isTruncated: boolean }>()
  /** Per method key: function, and location per line. */
  private readonly methods = new Map<number, MethodNames & { locations: Map<string, number> }>()
  private readonly frameKinds = new Map<number, string>()
  private readonly labelIds = new Map<string, number>()

  constructor(chunk: JfrChunk, builder: ProfileBuilder) {
    this.chunk = chunk
    this.builder = builder
  }

  stack(typeId: number, key: number): number {
    let known = this.stacks.get(key)
    if (!known) {
      known = this.readStack(typeId, key)
      this.stacks.set(key, known)
    }
    if (known.isTruncated) this.truncated++
    if (known.id < 0) {
      this.missing++
      return this.builder.internStack([this.builder.internFrame('[no stack]')])
    }
    return known.id
  }

  /** Labels of a row [time, stack, thread, state, value, class]. */
  labels(types: readonly number[], row: Float64Array): number {
    const key = `${row[2]} ${row[3]} ${row[5]}`
    let id = this.labelIds.get(key)
    if (id === undefined) {
      const [thread, state, type] = [2, 3, 5].map((at) =>
        this.chunk.fields.constant(types[at] as number, row[at] as number),
      )
      id = this.builder.internLabels(labelsOf(thread, state, type))
      this.labelIds.set(key, id)
    }
    return id
  }

  /** Stack trace: truncated, frames {method, lineNumber, bytecodeIndex, type}; read without making objects. */
  private readStack(typeId: number, key: number): { id: number; isTruncated: boolean } {
    const { chunk } = this
    const fields = chunk.types.get(typeId)?.fields ?? []
    const frames: { method: number; methodType: number; line: number; kind: number; kindType: number }[] = []
    let isTruncated = false
    const input = chunk.fields.enterConstant(typeId, key)
    if (!input) return { id: -1, isTruncated }
    for (const field of fields) {
      if (field.name === 'truncated' && field.kind === 'boolean') isTruncated = input.byte() !== 0
      else if (field.name === 'frames' && field.isArray) {
        const frameFields = chunk.types.get(field.typeId)?.fields ?? []
        for (let left = input.length(); left > 0 && input.at < input.bytes.length; left--)
          frames.push(this.readFrame(frameFields))
      } else chunk.fields.skip(field)
    }
    // Constants are decoded elsewhere in the bytes, so not before all frames are read.
    const locations = frames.map((frame) => this.location(frame))
    return { id: locations.length > 0 ? this.builder.internStack(locations) : -1, isTruncated }
  }

  private readFrame(fields: readonly JfrField[]): Parameters<StackReader['location']>[0] {
    const frame = { method: 0, methodType: -1, line: 0, kind: 0, kindType: -1 }
    for (const field of fields) {
      if (field.name === 'method') {
        frame.method = this.chunk.fields.readNumber(field)
        frame.methodType = field.typeId
      } else if (field.name === 'lineNumber') frame.line = this.chunk.fields.readNumber(field)
      else if (field.name === 'type' && field.kind === 'pool') {
        frame.kind = this.chunk.fields.readNumber(field)
        frame.kindType = field.typeId
      } else this.chunk.fields.skip(field)
    }
    return frame
  }

  private location(frame: {
    method: number
    methodType: number
    line: number
    kind: number
    kindType: number
  }): number {
    const line = Math.max(0, frame.line)
    let method = this.methods.get(frame.method)
    if (!method) {
      method = { ...methodNames(this.chunk.fields.constant(frame.methodType, frame.method)), locations: new Map() }
      this.methods.set(frame.method, method)
    }
    const place = `${line} ${frame.kind}`
    let location = method.locations.get(place)
    if (location === undefined) {
      const isKernel = this.frameKind(frame.kindType, frame.kind) === 'Kernel'
      location = this.builder.internFrame(method.name, {
        systemName: method.systemName,
        line,
        module: isKernel ? kernelFile : method.module,
      })
      method.locations.set(place, location)
    }
    return location
  }

  private frameKind(typeId: number, key: number): string {
    let kind = this.frameKinds.get(key)
    if (kind === undefined) {
      kind = innerText(this.chunk.fields.constant(typeId, key))
      this.frameKinds.set(key, kind)
    }
    return kind
  }
}

const isObject = (value: JfrValue): value is JfrObject => typeof value === 'object' && !Array.isArray(value)

interface MethodNames {
  readonly name: string
  readonly systemName: string
  /** Of native code: the library; '' for Java. */
  readonly module: string
}

/** `java.lang.Thread.run`; the system name keeps signature and hidden-class suffix: `java.lang.Thread.run()V`. */
function methodNames(value: JfrValue): MethodNames {
  if (!isObject(value)) return { name: '[unknown]', systemName: '[unknown]', module: '' }
  const type = isObject(value.type) ? innerText(value.type.name) : ''
  const method = innerText(value.name)
  const signature = innerText(value.descriptor)
  if (signature === nativeSignature) return { name: method, systemName: method, module: type }
  const whole = type ? `${type.replaceAll('/', '.')}.${method}` : method
  // With all slashes made dots, `Dumpee$$Lambda/0x0001.run` has become `Dumpee$$Lambda.0x0001.run`.
  const name = stableMethodName(whole.replace(/\.(0x[0-9a-f]+|\d+)\.([^.]*)$/, '/$1.$2'))
  return { name, systemName: `${whole}${signature}`, module: '' }
}

function labelsOf(thread: JfrValue, state: JfrValue, type: JfrValue): Label[] {
  const { name, osThreadId, javaThreadId } = threadOf(thread)
  const labels: Label[] = []
  if (thread !== undefined) labels.push({ key: 'comm', str: name })
  if (osThreadId > 0) labels.push({ key: 'tid', num: BigInt(osThreadId) })
  if (javaThreadId > 0) labels.push({ key: 'java_thread', num: BigInt(javaThreadId) })
  if (state !== undefined) labels.push({ key: 'state', str: innerText(state) })
  if (isObject(type)) labels.push({ key: 'class', str: innerText(type.name).replaceAll('/', '.') })
  return labels
}
