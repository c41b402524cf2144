// CPU profiles inside a Chrome trace, as the Performance panel and Tracing with the category
// disabled-by-default-v8.cpu_profiler save them: one `Profile` event per thread and pieces that follow it.
//   {"traceEvents": [
//     {"name": "thread_name", "ph": "M", "pid": 7, "tid": 9, "args": {"name": "CrRendererMain"}},
//     {"name": "Profile", "id": "0x1", "pid": 7, "tid": 9, "args": {"data": {"startTime": 2218410254}}},
//     {"name": "ProfileChunk", "id": "0x1", "pid": 7, "tid": 12, "args": {"data": {"cpuProfile": {"nodes": [{"id": 2,
//       "parent": 1, "callFrame": {…}}], "samples": [2, 2]}, "timeDeltas": [341, 187], "lines": [0, 29]}}}]}
// or the bare list of events. Pieces belong together by pid and id; their tid is that of V8's own writer thread.
import { Failure } from '../model/errors.ts'
import { isArray, isObject, type Json, type JsonObject, readJson } from './bounded-json.ts'
import { assembleV8Profile, finite, type V8File, type V8Parts } from './cpuprofile.ts'
import { headText } from './text-lines.ts'

export function matchesChromeTrace(head: Uint8Array): boolean {
  const text = headText(head)
  return /^\s*\{[^{}]*"traceEvents"\s*:/.test(text) || (/^\s*\[\s*\{/.test(text) && /"ph"\s*:\s*"[A-Za-z]"/.test(text))
}

type Open = {
  -readonly [Key in keyof V8Parts]: V8Parts[Key] extends readonly (infer Item)[] | undefined ? Item[] : V8Parts[Key]
}

/**
 * The profiles in a trace, one per thread.
 * @throws Failure NOT_A_PROFILE when it has none
 */
export function parseTraceProfiles(bytes: Uint8Array): V8File {
  const { json, lostBytes } = readJson(bytes)
  const events = isObject(json) ? json.traceEvents : json
  const profiles = new Map<string, Open>()
  const names = new Map<string, string>()
  for (const event of isArray(events) ? events : []) {
    if (!isObject(event) || !isObject(event.args)) continue
    const { name, args } = event
    if (name === 'thread_name' && typeof args.name === 'string') names.set(`${event.pid} ${event.tid}`, args.name)
    const data = isObject(args.data) ? args.data : {}
    if (name === 'Profile' || name === 'ProfileChunk' || name === 'CpuProfile') addPiece(profiles, event, data)
  }
  const found = [...profiles.values()].filter((profile) => profile.samples.length > 0)
  if (found.length === 0) {
    throw new Failure(
      'NOT_A_PROFILE',
      'This looks like a Chrome trace without a CPU profile; record it with the category disabled-by-default-v8.cpu_profiler.',
    )
  }
  const assembled = found.map(({ thread, ...parts }) => {
    const name = thread && names.get(`${thread.pid} ${thread.tid}`)
    return assembleV8Profile({ ...parts, ...(thread && { thread: { ...thread, ...(name && { name }) } }) })
  })
  return { profiles: assembled, sizeBytes: bytes.length, lostBytes }
}

function addPiece(profiles: Map<string, Open>, event: JsonObject, data: JsonObject): void {
  const key = `${event.pid} ${event.id ?? event.tid}`
  let profile = profiles.get(key)
  if (!profile) {
    const thread = { pid: finite(event.pid), tid: finite(event.tid) }
    profile = { nodes: [], samples: [], deltas: [], lines: [], startUs: 0, endUs: 0, thread }
    profiles.set(key, profile)
  }
  const piece = isObject(data.cpuProfile) ? data.cpuProfile : {}
  // Only the first event names the thread that was sampled.
  if (event.name === 'Profile') profile.thread = { pid: finite(event.pid), tid: finite(event.tid) }
  profile.startUs = finite(data.startTime) || finite(piece.startTime) || profile.startUs
  profile.endUs = finite(data.endTime) || finite(piece.endTime) || profile.endUs
  const samples = isArray(piece.samples) ? piece.samples : []
  const deltas = isArray(data.timeDeltas) ? data.timeDeltas : isArray(piece.timeDeltas) ? piece.timeDeltas : []
  const lines = isArray(data.lines) ? data.lines : isArray(piece.lines) ? piece.lines : []
  for (const node of isArray(piece.nodes) ? piece.nodes : []) profile.nodes.push(node)
  for (let i = 0; i < samples.length; i++) {
    profile.samples.push(samples[i] as Json)
    profile.deltas.push(deltas[i] ?? 0)
    profile.lines?.push(lines[i] ?? 0)
  }
}
