// What surrounded a target at the moment of a capture: its processes and threads with their CPU, its cgroup, its
// sockets, and the load of the node. Cheap to collect, so it is part of every capture.
import { z } from 'zod'
import { runtimes } from './target.ts'

/** Pressure stall information: share of time (0 to 1) in which some, or all, tasks waited (kernel: accounting/psi.rst). */
export const Pressure = z.object({
  some10s: z.number(),
  some60s: z.number(),
  full10s: z.number().optional(),
  full60s: z.number().optional(),
})
export type Pressure = z.infer<typeof Pressure>

const Pressures = z.object({ cpu: Pressure.optional(), memory: Pressure.optional(), io: Pressure.optional() })
export type Pressures = z.infer<typeof Pressures>

export const ContextProcess = z.object({
  pid: z.number().int(),
  /** As its container sees it. */
  containerPid: z.number().int(),
  parent: z.number().int(),
  comm: z.string(),
  /** Secrets redacted. */
  cmdline: z.string(),
  runtime: z.enum(runtimes),
  version: z.string().optional(),
  /** As in proc_pid_stat(5): R running, S sleeping, D disk, T stopped, Z zombie. */
  state: z.string(),
  threads: z.number().int(),
  /** CPU over the window, in cores. */
  cores: z.number(),
  /** CPU since it began. */
  cpuSeconds: z.number(),
  rssBytes: z.number(),
  swapBytes: z.number(),
  ageSeconds: z.number(),
  /** Where it stands against its own limit of open files. */
  openFiles: z.number().int().optional(),
  openFilesLimit: z.number().int().optional(),
})
export type ContextProcess = z.infer<typeof ContextProcess>

export const ContextThread = z.object({
  pid: z.number().int(),
  tid: z.number().int(),
  name: z.string(),
  state: z.string(),
  cores: z.number(),
  /** The part of it that was spent in the kernel. */
  systemCores: z.number(),
})
export type ContextThread = z.infer<typeof ContextThread>

export const ContextCgroup = z.object({
  version: z.enum(['v1', 'v2']),
  path: z.string(),
  cpu: z
    .object({
      cores: z.number(),
      limitCores: z.number().optional(),
      requestCores: z.number().optional(),
      /** Over the window: enforcement periods, those in which the limit stopped it, and the time it stood still. */
      periods: z.number(),
      throttledPeriods: z.number(),
      throttledSeconds: z.number(),
    })
    .optional(),
  memory: z
    .object({
      usageBytes: z.number(),
      /** Without the file cache that can be dropped: what the kubelet compares with limits. */
      workingSetBytes: z.number(),
      limitBytes: z.number().optional(),
      swapBytes: z.number().optional(),
      /** Since the cgroup exists: how often the limit was hit, and tasks that were killed for it. */
      limitHits: z.number().optional(),
      oomKills: z.number().optional(),
    })
    .optional(),
  pids: z.object({ current: z.number(), limit: z.number().optional() }).optional(),
  pressure: Pressures,
})
export type ContextCgroup = z.infer<typeof ContextCgroup>

export const ContextSockets = z.object({
  /** TCP; `backlog` are connections that wait to be accepted. */
  listening: z.array(z.object({ address: z.string(), port: z.number().int(), backlog: z.number().int() })),
  /** TCP connections by state, as `ss` names them: `ESTAB`, `TIME-WAIT`, … */
  tcp: z.record(z.string(), z.number().int()),
  udp: z.number().int(),
  unix: z.number().int(),
  /** Most connections first; `direction` by whether the local port is one that it listens on. */
  peers: z.array(
    z.object({
      address: z.string(),
      port: z.number().int(),
      direction: z.enum(['in', 'out']),
      count: z.number().int(),
    }),
  ),
})
export type ContextSockets = z.infer<typeof ContextSockets>

export const ContextNode = z.object({
  kernel: z.string(),
  cpus: z.number().int(),
  /** Over the window. */
  busyCores: z.number(),
  /** Over 1, 5 and 15 minutes. */
  load: z.tuple([z.number(), z.number(), z.number()]),
  memoryBytes: z.number(),
  memoryAvailableBytes: z.number(),
  pressure: Pressures,
})
export type ContextNode = z.infer<typeof ContextNode>

export const TargetContext = z.object({
  version: z.literal(1),
  atMs: z.number(),
  /** Between the two looks that rates come from. */
  windowMs: z.number(),
  /** Whose processes these are: the target's container, itself with its children, or the whole node. */
  scope: z.enum(['container', 'process', 'node']),
  /** Most CPU first; the first ones where there are very many. */
  processes: z.array(ContextProcess),
  processCount: z.number().int(),
  /** Most CPU first, likewise. */
  threads: z.array(ContextThread),
  threadCount: z.number().int(),
  /** `/proc/PID/limits` of the target, as printed there. */
  limits: z.record(z.string(), z.object({ soft: z.string(), hard: z.string() })),
  cgroup: ContextCgroup.optional(),
  sockets: ContextSockets.optional(),
  node: ContextNode,
  /** What is not in it, and why. */
  notes: z.array(z.string()),
})
export type TargetContext = z.infer<typeof TargetContext>
