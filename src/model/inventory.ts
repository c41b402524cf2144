// Who runs on a node, as it is told to people: processes, containers, pods, and what they use right now.
import { z } from 'zod'
import { runtimes, Target } from './target.ts'

/** Which of what runs is meant; everything that is given must fit. */
export const TargetSelector = z.object({
  /**
   * `pod/cart-0`, `shop/cart-0`, `deploy/cart`, `sts/redis`, `ds/agent`, `container/1be3a4c0`, `pid/4242`, an address,
   * or a bare name of any of these.
   */
  name: z.string().min(1).max(500).optional(),
  /** Only pods of this namespace. */
  namespace: z.string().min(1).max(253).optional(),
  /** Labels as in `kubectl -l`: `app=cart,tier!=test`. */
  labels: z.string().min(1).max(2000).optional(),
  /** One container of the pods, by its name. */
  container: z.string().min(1).max(253).optional(),
  /** One process of them: its PID on the host or in the container, or a part of its command line. */
  process: z.string().min(1).max(500).optional(),
  /** Only on this node. */
  node: z.string().min(1).max(253).optional(),
})
export type TargetSelector = z.infer<typeof TargetSelector>

/** CPU of the last second or so, and what held it back. */
export const LiveUsage = z.object({
  cores: z.number(),
  limitCores: z.number().optional(),
  requestCores: z.number().optional(),
  /** Share of the enforcement periods in which the limit stopped it, 0 to 1. */
  throttledShare: z.number().optional(),
  /** Time its runnable tasks were stopped by the limit, per second. */
  throttledCores: z.number().optional(),
  /** Share of the time in which a task of it waited for a CPU (pressure, `some`). */
  waitingShare: z.number().optional(),
})
export type LiveUsage = z.infer<typeof LiveUsage>

export const ProcessInfo = z.object({
  /** As the node counts it. */
  pid: z.number().int(),
  /** As the process itself and its container see it. */
  containerPid: z.number().int(),
  startTicks: z.number(),
  parent: z.number().int(),
  comm: z.string(),
  /** Secrets are redacted. */
  cmdline: z.string(),
  threads: z.number().int(),
  /** CPU used since it began, seconds. */
  cpuSeconds: z.number(),
  /** CPU of the last second or so; absent for one that was not there yet. */
  cores: z.number().optional(),
  cgroup: z.string(),
  containerId: z.string().optional(),
  runtime: z.enum(runtimes),
  version: z.string().optional(),
  libc: z.string().optional(),
  framePointers: z.string().optional(),
  /** What Go programs say of their own build: module path, version, VCS revision. */
  build: z.record(z.string(), z.unknown()).optional(),
})
export type ProcessInfo = z.infer<typeof ProcessInfo>

export const ContainerInfo = z.object({
  id: z.string(),
  name: z.string(),
  image: z.string(),
  imageRef: z.string(),
  /** Restarts before this one. */
  attempt: z.number().int(),
  state: z.string(),
  pid: z.number().int().optional(),
  cgroup: z.string().optional(),
  startedMs: z.number().optional(),
  finishedMs: z.number().optional(),
  exitCode: z.number().int().optional(),
  reason: z.string().optional(),
  cpuRequestCores: z.number().optional(),
  cpuLimitCores: z.number().optional(),
  memoryLimitBytes: z.number().optional(),
})
export type ContainerInfo = z.infer<typeof ContainerInfo>

export const PodInfo = z.object({
  /** Of its sandbox. */
  id: z.string(),
  name: z.string(),
  namespace: z.string(),
  uid: z.string(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
  ips: z.array(z.string()),
  hostNetwork: z.boolean(),
  sharesPids: z.boolean(),
  workload: z.string(),
  isReady: z.boolean(),
  createdMs: z.number(),
})
export type PodInfo = z.infer<typeof PodInfo>

/**
 * One container and what runs in it; without `container` the own process of a pod (pause), a container that no runtime
 * tells of, or programs outside of containers.
 */
export const InventoryRow = z.object({
  node: z.string(),
  pod: PodInfo.optional(),
  container: ContainerInfo.optional(),
  usage: LiveUsage.optional(),
  processes: z.array(ProcessInfo),
})
export type InventoryRow = z.infer<typeof InventoryRow>

/** A container, or a process outside of containers, and what it uses now. */
export const UsageRow = LiveUsage.extend({ target: Target })
export type UsageRow = z.infer<typeof UsageRow>

/** Something that a selector means, ready to be captured. */
export const TargetCandidate = z.object({ target: Target, cores: z.number() })
export type TargetCandidate = z.infer<typeof TargetCandidate>

/** What a rule wants to know of a target and its node before it decides. */
export const Vitals = z.object({
  /** Cores, over the last two seconds. */
  cores: z.number(),
  limitCores: z.number().optional(),
  requestCores: z.number().optional(),
  /** Cores in its quietest minute of those that the node remembers; absent for one that is younger. */
  baselineCores: z.number().optional(),
  /** Private memory of all its processes. */
  memoryBytes: z.number().optional(),
  runtimes: z.array(z.enum(runtimes)),
  /** Its pod says by annotation where it serves pprof, and it listens there: then it has profiles whatever it is written in. */
  hasPprof: z.literal(true).optional(),
  node: z.object({ cpus: z.number().int(), cores: z.number(), memoryAvailableShare: z.number() }),
})
export type Vitals = z.infer<typeof Vitals>
