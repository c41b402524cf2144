// V8's sampling heap profiles: `node --heap-prof`, HeapProfiler.stopSampling; what was allocated and still lives.
//   {"head": {"callFrame": {"functionName": "(root)", …}, "selfSize": 0, "id": 1, "children": [
//      {"callFrame": {…}, "selfSize": 82000, "id": 36, "children": []}]},
//    "samples": [{"size": 82000, "nodeId": 36, "ordinal": 1890}]}
import { Failure } from '../model/errors.ts'
import { cutOff, isArray, isObject, type Json, type JsonObject, readJson } from './bounded-json.ts'
import { ProfileBuilder } from './builder.ts'
import { finite } from './cpuprofile.ts'
import { anonymousName, root } from './cpuprofile-profile.ts'
import type { Profile } from './profile.ts'
import { StackBudget } from './stack-budget.ts'
import { headText } from './text-lines.ts'

export function matchesHeapProfile(head: Uint8Array): boolean {
  const text = headText(head)
  return /^\s*\{/.test(text) && /"head"\s*:\s*\{/.test(text) && text.includes('"selfSize"')
}

/**
 * Sample types `inuse_objects`/`count` (sampled ones, where the file lists them) and `inuse_space`/`bytes`.
 * The order of allocation (`ordinal`) is not kept.
 * @throws Failure NOT_A_PROFILE when it is not JSON of this form
 */
export function parseHeapProfile(bytes: Uint8Array): Profile {
  const file = readJson(bytes)
  const { json } = file
  if (!isObject(json) || !isObject(json.head)) throw new Failure('NOT_A_PROFILE', 'There is no tree `head` in it.')
  const budget = new StackBudget(bytes.length)
  const sampled = countSamples(json.samples)
  const builder = new ProfileBuilder([
    { type: 'inuse_objects', unit: 'count' },
    { type: 'inuse_space', unit: 'bytes' },
  ])
  const open: { node: JsonObject; path: Path | undefined }[] = [{ node: json.head, path: undefined }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { node } = next
    const frame = isObject(node.callFrame) ? node.callFrame : {}
    const isRoot = frame.functionName === root
    const path = isRoot ? next.path : { location: internFrame(builder, frame), below: next.path }
    const size = Math.max(0, finite(node.selfSize))
    const count = sampled.get(node.id as number) ?? 0
    sampled.delete(node.id as number)
    if (size > 0 || count > 0) builder.addSample(builder.internStack(locationsOf(path, budget)), [count, size])
    for (const child of isArray(node.children) ? node.children : []) {
      if (isObject(child)) open.push({ node: child, path })
    }
  }
  builder.addLoss('samples whose node is missing', sampled.size)
  builder.addLosses([cutOff(file)])
  return builder.build()
}

/** A way from the root, leaf first, that shares its tail with its siblings. */
interface Path {
  readonly location: number
  readonly below: Path | undefined
}

function locationsOf(path: Path | undefined, budget: StackBudget): number[] {
  const locations: number[] = []
  for (let at = path; at; at = at.below) {
    budget.spend(1)
    locations.push(at.location)
  }
  return locations
}

function countSamples(samples: Json | undefined): Map<number, number> {
  const counts = new Map<number, number>()
  for (const sample of isArray(samples) ? samples : []) {
    const node = isObject(sample) ? finite(sample.nodeId, -1) : -1
    if (node >= 0) counts.set(node, (counts.get(node) ?? 0) + 1)
  }
  return counts
}

function internFrame(builder: ProfileBuilder, { functionName, url, lineNumber, columnNumber }: JsonObject): number {
  const name = typeof functionName === 'string' ? functionName : ''
  const file = typeof url === 'string' ? url : ''
  const startLine = Math.max(0, finite(lineNumber, -1) + 1)
  const column = Math.max(0, finite(columnNumber, -1) + 1)
  return builder.internFrame(name || anonymousName(file, startLine, column), {
    systemName: name,
    filename: file,
    startLine,
    column,
  })
}
