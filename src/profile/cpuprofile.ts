// V8's CPU profiles: what `node --cpu-prof`, the inspector's Profiler.stop and Chrome's developer tools save.
//   {"nodes": [{"id": 1, "callFrame": {"functionName": "(root)", "scriptId": "0", "url": "", "lineNumber": -1,
//      "columnNumber": -1}, "hitCount": 0, "children": [2], "positionTicks": [{"line": 4, "ticks": 2}]}],
//    "startTime": 1000, "endTime": 4000, "samples": [2, 2], "timeDeltas": [100, 1100]}
// Times are microseconds of a clock that began anywhere. Ids are neither dense nor ordered; some producers write
// `parent` instead of `children`. Lines and columns of callFrame count from 0, those of positionTicks from 1.
// timeDeltas[i] is the time since sample i - 1 (of the first: since startTime), so a sample lasts until the next one.
// Deltas may be negative, for samples of two CPUs are not in order; time then stands still until it is caught up with.
// Before 2016 the nodes were a tree `head` with the fields of callFrame in them, and `timestamps` stood for timeDeltas;
// the npm modules v8-profiler still write that.
// Format: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile
import { Failure } from '../model/errors.ts'
import { isArray, isObject, type Json, readJson } from './bounded-json.ts'
import { readRemarks } from './carried-losses.ts'
import type { Loss } from './profile.ts'
import { headText } from './text-lines.ts'

export interface V8Node {
  readonly functionName: string
  readonly url: string
  /** From 1; 0 = unknown. */
  readonly line: number
  readonly column: number
  /** Index into the nodes; -1 for the root. */
  readonly parent: number
  /** Samples that V8 counted here; the only ones when the profile has no samples. */
  readonly hitCount: number
  /** Samples per source line, lines from 1. */
  readonly lineTicks: readonly { readonly line: number; readonly ticks: number }[]
}

/** One thread's profile. */
export interface V8Profile {
  readonly nodes: readonly V8Node[]
  /** Index of the node of each sample. */
  readonly samples: Int32Array
  /** When each sample was taken, microseconds since the start; never falling. */
  readonly offsetsUs: Float64Array
  /** How long each sample lasted, in microseconds. */
  readonly durationsUs: Float64Array
  /** Source line of each sample, from 1, 0 = unknown; only traces have them. */
  readonly sampleLines?: Float64Array
  /** From start to end. */
  readonly lengthUs: number
  /** Samples whose node is not in the file. */
  readonly lostSamples: number
  /** Samples that were earlier than the one before. */
  readonly backwards: number
  readonly thread?: { readonly pid: number; readonly tid: number; readonly name?: string }
}

/** What a file holds: one profile, or one per thread of a trace. */
export interface V8File {
  readonly profiles: readonly V8Profile[]
  readonly sizeBytes: number
  /** Bytes at the end of a file that was cut off. */
  readonly lostBytes: number
  /** What a file that we wrote says of the profile that it was made from. */
  readonly comments?: readonly string[]
  readonly losses?: readonly Loss[]
}

export function matchesCpuProfile(head: Uint8Array): boolean {
  const text = headText(head)
  if (!/^\s*\{/.test(text) || text.includes('"traceEvents"')) return false
  // Lists of numbers first: the nodes may lie beyond the head.
  if (/^[^[]*"(?:samples|timeDeltas)"\s*:\s*\[\s*-?\d/.test(text)) return true
  if (/^[^[]*"head"\s*:\s*\{/.test(text)) return text.includes('"hitCount"')
  return /"nodes"\s*:\s*\[\s*\{/.test(text) && text.includes('"callFrame"')
}

/** @throws Failure NOT_A_PROFILE when it is not JSON of this form, TOO_LARGE for a JSON bomb */
export function parseV8CpuProfile(bytes: Uint8Array): V8File {
  const { json, lostBytes } = readJson(bytes)
  const nodes = isObject(json) ? (isArray(json.nodes) ? json.nodes : flattenHead(json.head)) : undefined
  if (!isObject(json) || !nodes) throw new Failure('NOT_A_PROFILE', 'There is no list `nodes` in it.')
  const timestamps = isArray(json.timestamps) ? json.timestamps : undefined
  // Start and end were seconds then, while timestamps were microseconds already.
  const scale = isArray(json.nodes) ? 1 : 1e6
  const startUs = finite(json.startTime) * scale
  const profile = assembleV8Profile({
    nodes,
    samples: isArray(json.samples) ? json.samples : [],
    deltas: timestamps
      ? timestamps.map((time, i) => finite(time) - (i === 0 ? startUs : finite(timestamps[i - 1])))
      : isArray(json.timeDeltas)
        ? json.timeDeltas
        : [],
    startUs,
    endUs: finite(json.endTime) * scale,
  })
  return { profiles: [profile], sizeBytes: bytes.length, lostBytes, ...readRemarks(json) }
}

/** The nodes of a nested tree, with `parent` instead of `children`. */
function flattenHead(head: Json | undefined): Json[] | undefined {
  if (!isObject(head)) return undefined
  const nodes: Json[] = []
  const open: { node: Json; parent: Json }[] = [{ node: head, parent: null }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { node, parent } = next
    if (!isObject(node)) continue
    const { children, ...fields } = node
    nodes.push({ ...fields, parent })
    for (const child of isArray(children) ? children : []) open.push({ node: child, parent: node.id ?? null })
  }
  return nodes
}

export interface V8Parts {
  readonly nodes: readonly Json[]
  /** Node ids. */
  readonly samples: readonly Json[]
  readonly deltas: readonly Json[]
  readonly lines?: readonly Json[]
  readonly startUs: number
  readonly endUs: number
  readonly thread?: V8Profile['thread']
}

/** A profile of the lists that `.cpuprofile` files and traces both have. */
export function assembleV8Profile({ nodes, samples, deltas, lines, startUs, endUs, thread }: V8Parts): V8Profile {
  const { list, indexOf } = readNodes(nodes)
  const kept: number[] = []
  const times: number[] = []
  const sampleLines: number[] = []
  let now = 0
  let latest = 0
  let backwards = 0
  for (let i = 0; i < samples.length; i++) {
    now += finite(deltas[i])
    if (now < latest) backwards++
    latest = Math.max(latest, now)
    const node = indexOf.get(samples[i] as number)
    if (node === undefined) continue
    kept.push(node)
    times.push(latest)
    sampleLines.push(finite(lines?.[i]))
  }
  // Without an end the last sample has no duration, which is less wrong than a guess.
  const lengthUs = Math.max(latest, endUs - startUs)
  // So is it in a file that was cut off in the middle of its times.
  const endOfLast = deltas.length < samples.length ? latest : lengthUs
  return {
    nodes: list,
    samples: Int32Array.from(kept),
    offsetsUs: Float64Array.from(times),
    durationsUs: Float64Array.from(times, (time, i) => (times[i + 1] ?? endOfLast) - time),
    ...(lines && { sampleLines: Float64Array.from(sampleLines) }),
    lengthUs,
    lostSamples: samples.length - kept.length,
    backwards,
    ...(thread && { thread }),
  }
}

function readNodes(nodes: readonly Json[]): { list: V8Node[]; indexOf: Map<number, number> } {
  const objects = nodes.filter((node) => isObject(node))
  const indexOf = new Map<number, number>()
  for (const [i, node] of objects.entries()) if (typeof node.id === 'number') indexOf.set(node.id, i)
  const parents = new Int32Array(objects.length).fill(-1)
  for (const [i, node] of objects.entries()) {
    if (typeof node.parent === 'number') parents[i] = indexOf.get(node.parent) ?? -1
    for (const child of isArray(node.children) ? node.children : []) {
      const index = indexOf.get(child as number)
      if (index !== undefined) parents[index] = i
    }
  }
  breakCycles(parents)
  const list = objects.map((node, i) => {
    // Profiles before 2016 have the fields of callFrame in the node itself, with lines from 1.
    const frame = isObject(node.callFrame) ? node.callFrame : node
    const base = isObject(node.callFrame) ? 1 : 0
    return {
      functionName: text(frame.functionName),
      url: text(frame.url),
      line: Math.max(0, finite(frame.lineNumber, -base) + base),
      column: Math.max(0, finite(frame.columnNumber, -base) + base),
      parent: parents[i] as number,
      hitCount: Math.max(0, finite(node.hitCount)),
      lineTicks: lineTicks(node.positionTicks),
    }
  })
  return { list, indexOf }
}

/** A parent that is a descendant would make an endless stack: such nodes become roots. */
function breakCycles(parents: Int32Array): void {
  /** 0 = not seen, 1 = on the way up from the node at hand, 2 = known to end. */
  const state = new Uint8Array(parents.length)
  for (let start = 0; start < parents.length; start++) {
    let node = start
    while (node >= 0 && state[node] === 0) {
      state[node] = 1
      const parent = parents[node] as number
      if (parent >= 0 && state[parent] === 1) parents[node] = -1
      node = parents[node] as number
    }
    for (node = start; node >= 0 && state[node] === 1; node = parents[node] as number) state[node] = 2
  }
}

function lineTicks(value: Json | undefined): V8Node['lineTicks'] {
  return (isArray(value) ? value : []).flatMap((entry) => {
    if (!isObject(entry)) return []
    const ticks = finite(entry.ticks)
    return ticks > 0 ? [{ line: Math.max(0, finite(entry.line)), ticks }] : []
  })
}

/** Numbers as numbers; everything else, and what is beyond 2^53, as the fallback: sums of it must stay numbers. */
export function finite(value: Json | undefined, fallback = 0): number {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : fallback
}

/** Whole nanoseconds for a profile's duration, which has 64 bits. */
export function wholeNanos(nanos: number): bigint {
  return BigInt.asIntN(64, BigInt(Math.round(Math.min(nanos, Number.MAX_SAFE_INTEGER))))
}

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '')
