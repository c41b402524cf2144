// One request carried out: what was asked, what each probe did, which artifacts came of it.
import { z } from 'zod'
import { type Runtime, Target } from './target.ts'
import { Trigger } from './trigger.ts'

/** Version of the stored shape below; raise it with a step in `upgradeCapture` and a fixture of the old form. */
export const captureVersion = 1

export const mediaTypes = {
  pprof: 'application/vnd.google.pprof+gzip',
  perfData: 'application/vnd.linux.perf.data',
  perfScript: 'text/vnd.linux.perf-script+gzip',
  folded: 'text/vnd.flamegraph.folded',
  svg: 'image/svg+xml',
  usage: 'application/vnd.spikecam.usage+json',
  context: 'application/vnd.spikecam.context+json',
  cpuprofile: 'application/vnd.v8.cpuprofile+json',
  heapprofile: 'application/vnd.v8.heapprofile+json',
  jfr: 'application/vnd.openjdk.jfr',
  hprof: 'application/vnd.openjdk.hprof',
  threads: 'application/vnd.spikecam.threads+json',
  json: 'application/json',
  goTrace: 'application/vnd.go.trace',
  text: 'text/plain; charset=utf-8',
} as const

/** What can be asked for; `bundle` is everything that fits the process. */
export const captureKinds = [
  'cpu',
  'threads',
  'goroutines',
  'heap',
  'allocs',
  'mutex',
  'block',
  'trace',
  'context',
  'bundle',
] as const
export type CaptureKind = (typeof captureKinds)[number]

/** Kinds that only programs of some languages have; the others are of everything. As the plan of the agent has it. */
export const runtimesOfKind: Readonly<Partial<Record<CaptureKind, readonly Runtime[]>>> = {
  threads: ['jvm', 'python'],
  goroutines: ['go'],
  heap: ['go', 'jvm', 'node'],
  allocs: ['go', 'jvm', 'node'],
  mutex: ['go', 'jvm'],
  block: ['go', 'jvm'],
  trace: ['go', 'jvm'],
}

export const isCaptureKind = (text: string): text is CaptureKind => (captureKinds as readonly string[]).includes(text)

/** Kinds that have the stacks of the ring, from before they were asked for; the others begin then. */
export const kindsWithRing: readonly string[] = ['cpu', 'bundle']

/**
 * How long each kind looks unless somebody says otherwise. What is there at once (a dump, a heap) is taken at once; its
 * time is the window for CPU per thread.
 */
export const defaultForMs: Readonly<Record<CaptureKind, number>> = {
  cpu: 30_000,
  threads: 2000,
  goroutines: 1000,
  heap: 10_000,
  allocs: 10_000,
  mutex: 10_000,
  block: 10_000,
  // A Go trace of a busy program has some 100 kB per second and core, and `go tool trace` wants it all in memory.
  trace: 5000,
  context: 1000,
  bundle: 30_000,
}

/** How a probe is to do it, where who asks knows better than what looking around would find. */
export const ProbeOptions = z.object({
  /** Stack samples per second and CPU while it runs; what the agent is set to without. */
  hz: z.number().int().min(1).max(10_000).optional(),
  /** How stacks of the target are walked: `fp` by frame pointers, `dwarf` by debug information, at a cost. */
  stacks: z.enum(['fp', 'dwarf']).optional(),
  /** Why a guard (such as memory head-room for a heap dump) is to be overridden, in the words of who asks; recorded. */
  force: z.string().min(1).max(500).optional(),
  /** Go: where the program serves pprof, in its own network; it is looked for without. */
  pprofPort: z.number().int().min(1).max(65_535).optional(),
  /** Go: path of the index, `/debug/pprof/` without. */
  pprofPath: z.string().startsWith('/').max(500).optional(),
  /** Go: found by trying without. */
  pprofScheme: z.enum(['http', 'https']).optional(),
  /** Go: PEM files for TLS, by their path in the file system of the target, on the node as `agent:/PATH`, or as `secret:KEY`. */
  pprofCa: z.string().max(1000).optional(),
  pprofCert: z.string().max(1000).optional(),
  pprofKey: z.string().max(1000).optional(),
  /** Go: a Secret with them, `NAMESPACE/NAME` or a name in the namespace of the target; the agent reads it when asked. */
  pprofSecret: z.string().max(320).optional(),
  /** Go: name that the program's certificate must have, where it is not the address that is connected to. */
  pprofServerName: z.string().max(253).optional(),
  /** Go: take any certificate of the program; said in the result. */
  pprofSkipVerify: z.boolean().optional(),
  /** Java: how many threads the table of the busiest has; 50 without. */
  busiestThreads: z.number().int().min(1).max(10_000).optional(),
  /** Java: dumps of all threads, spread over the time of the capture; 2 without. */
  threadSnapshots: z.number().int().min(1).max(20).optional(),
  /** Python: only threads that hold the interpreter's lock. */
  gil: z.boolean().optional(),
  /** Python: stop the process for each look, for stacks that are whole; it runs on while it is looked at without. */
  blocking: z.boolean().optional(),
})
export type ProbeOptions = z.infer<typeof ProbeOptions>

/** Immutable bytes in the blob store, addressed by what they are. */
export const Artifact = z.object({
  id: z.string(),
  captureId: z.string(),
  /** File name shown at download: host, time and scope in it. */
  name: z.string(),
  mediaType: z.string(),
  sizeBytes: z.number().int(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** The probe that made it. */
  probe: z.string(),
  createdMs: z.number(),
  /** When its bytes were dropped, for their age or to keep within the budget; what it was stays known. */
  evictedMs: z.number().optional(),
})
export type Artifact = z.infer<typeof Artifact>

export const ProbeResult = z.object({
  probe: z.string(),
  /** The process that was looked at, where the capture is of more than one. */
  of: z.string().optional(),
  /** What it was asked for, where that is not the kind of the capture: a bundle asks for several. */
  kind: z.string().optional(),
  outcome: z.enum(['ok', 'partial', 'failed', 'skipped', 'empty']),
  /** A code of `errors.ts` when failed. */
  code: z.string().optional(),
  /** Why it was skipped, is empty or failed; one sentence. */
  message: z.string().optional(),
  startedMs: z.number().optional(),
  endedMs: z.number().optional(),
  /** End of the tool's stderr, bounded. */
  stderrTail: z.string().optional(),
})
export type ProbeResult = z.infer<typeof ProbeResult>

/** Shown beside every picture; each loss is counted, never hidden. */
export const Quality = z.object({
  samples: z.number().int(),
  /** Samples the kernel or perf reported as lost. */
  lostSamples: z.number().int(),
  /** Samples whose call chain was cut at the kernel's depth limit. */
  truncatedStacks: z.number().int(),
  /** Share (0 to 1) of frames without a function name. */
  unsymbolizedShare: z.number(),
  /** Event that really was sampled, such as `cpu-clock`; said when it is a fall-back. */
  event: z.string(),
  /** True when the wanted event (hardware cycles) was not to be had. */
  eventFallback: z.boolean().default(false),
  /** Spans in which nothing was recorded. */
  gaps: z.array(z.object({ fromMs: z.number(), toMs: z.number(), reason: z.string() })).default([]),
  notes: z.array(z.string()).default([]),
})
export type Quality = z.infer<typeof Quality>

export const captureStates = [
  'recording',
  'uploading',
  'complete',
  'partial',
  'failed',
  'refused',
  'cancelled',
] as const
export type CaptureState = (typeof captureStates)[number]

export const Capture = z.object({
  version: z.literal(captureVersion),
  id: z.string(),
  incidentId: z.string().optional(),
  node: z.string(),
  target: Target,
  trigger: Trigger,
  kind: z.string(),
  state: z.enum(captureStates),
  requestedMs: z.number(),
  /** First and last moment that the evidence covers. */
  fromMs: z.number(),
  toMs: z.number(),
  /** Where the ring's samples end and the deep ones begin. */
  boundaryMs: z.number().optional(),
  ringHz: z.number().optional(),
  deepHz: z.number().optional(),
  probes: z.array(ProbeResult).default([]),
  quality: Quality.optional(),
  /** Why it was refused or failed, or how far it is. */
  message: z.string().optional(),
  /** What the agent was told, so that it can be told again; absent where it was not told but saw a spike itself. */
  order: z.object({ lookBackMs: z.number(), forMs: z.number(), options: ProbeOptions.optional() }).optional(),
})
export type Capture = z.infer<typeof Capture>

/**
 * Reads a stored capture of any version into today's shape, one step per version.
 * @throws Failure-free: throws ZodError when the document is of no known version; callers say which row it was
 */
export function upgradeCapture(document: unknown): Capture {
  return Capture.parse(document)
}
