// Pods and containers as the rest of the program knows them, made from what the runtime says.
import type { CriContainer, CriContainerState, CriContainerStatus, CriSandbox, CriSandboxStatus } from './cri-proto.ts'
import { workloadOf } from './workload.ts'

export interface Pod {
  /** Of the sandbox, 64 hex digits; a pod gets a new one when its network is set up anew. */
  readonly id: string
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Empty while unknown, and for a pod in the host's network. */
  readonly ips: readonly string[]
  readonly hostNetwork: boolean
  /** True when its containers see each other's processes. */
  readonly sharesPids: boolean
  /** `deploy/cart`: see workload.ts. */
  readonly workload: string
  readonly isReady: boolean
  readonly createdMs: number
}

export const containerStates = ['created', 'running', 'exited', 'unknown'] as const
export type ContainerState = (typeof containerStates)[number]

export interface Container {
  readonly id: string
  readonly name: string
  readonly pod: Pod
  /** As in the pod's specification where the runtime keeps that, else its digest. */
  readonly image: string
  readonly imageRef: string
  /** Restarts before this one. */
  readonly attempt: number
  readonly state: ContainerState
  /** First process, on the host; absent when it does not run, or the runtime does not say. */
  readonly pid?: number
  /** Cgroup of that process as /proc shows it: right whatever naming scheme the runtime uses. */
  readonly cgroup?: string
  readonly startedMs?: number
  readonly finishedMs?: number
  readonly exitCode?: number
  /** Why it ended, such as `OOMKilled`. */
  readonly reason?: string
  readonly cpuRequestCores?: number
  readonly cpuLimitCores?: number
  readonly memoryLimitBytes?: number
}

/** Whole manifests that kubectl leaves on a pod; as large as everything else together, and of no use here. */
const droppedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'
/**
 * Kubernetes lets a pod have 256 KiB of them, and an answer about all pods of a node has 4 MB: what nobody reads here is
 * cut, and says so. Those that are read (`spikecam.dev/…`) are a port, a path, a name.
 */
const maxAnnotationLetters = 1024
const nsPerMs = 1e6

function shortened(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(annotations).filter(([key]) => key !== droppedAnnotation)
  return Object.fromEntries(
    kept.map(([key, text]) => {
      const isLong = text.length > maxAnnotationLetters
      return [key, isLong ? `${text.slice(0, maxAnnotationLetters)}… (${text.length} letters)` : text]
    }),
  )
}

export function podOf(sandbox: CriSandbox, status: CriSandboxStatus | undefined): Pod {
  const annotations = shortened(sandbox.annotations)
  const name = sandbox.metadata?.name ?? sandbox.id
  const options = status?.linux?.namespaces?.options
  const network = status?.network
  return {
    id: sandbox.id,
    name,
    namespace: sandbox.metadata?.namespace ?? 'default',
    uid: sandbox.metadata?.uid ?? '',
    labels: sandbox.labels,
    annotations,
    ips: [network?.ip ?? '', ...(network?.additionalIps.map((each) => each.ip) ?? [])].filter(Boolean),
    hostNetwork: options?.network === 'NODE',
    sharesPids: options?.pid === 'POD',
    workload: workloadOf({ name, labels: sandbox.labels, annotations }),
    isReady: sandbox.state === 'SANDBOX_READY',
    createdMs: Math.round(sandbox.createdAt / nsPerMs),
  }
}

const states: Record<CriContainerState, ContainerState> = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
  CONTAINER_UNKNOWN: 'unknown',
}

/** What the verbose status adds to the list: see `detailsOf`. */
export type ContainerDetails = Pick<
  Container,
  'pid' | 'startedMs' | 'finishedMs' | 'exitCode' | 'reason' | 'cpuRequestCores' | 'cpuLimitCores' | 'memoryLimitBytes'
> & { readonly image?: string }

export function containerOf(
  listed: CriContainer,
  pod: Pod,
  details: ContainerDetails & { cgroup?: string },
): Container {
  const image = details.image || listed.image?.userSpecifiedImage || listed.image?.image || listed.imageRef
  return {
    id: listed.id,
    name: listed.metadata?.name ?? listed.labels['io.kubernetes.container.name'] ?? listed.id.slice(0, 12),
    pod,
    imageRef: listed.imageRef,
    attempt: listed.metadata?.attempt ?? 0,
    state: states[listed.state] ?? 'unknown',
    ...details,
    image,
  }
}

interface RuntimeSpec {
  readonly linux?: {
    readonly resources?: {
      readonly cpu?: { readonly shares?: number; readonly quota?: number; readonly period?: number }
      readonly memory?: { readonly limit?: number }
    }
  }
}

/**
 * Details of one container from its verbose status. `info` is JSON under one key, or several, of the runtime's choosing:
 *
 *   containerd   info: {"pid":4242,"runtimeSpec":{"linux":{"resources":{"cpu":{"shares":51,"quota":20000,…
 *   CRI-O        info: {"pid":4242,"runtimeSpec":{…}}
 */
export function detailsOf(
  status: CriContainerStatus | undefined,
  info: Readonly<Record<string, string>>,
): ContainerDetails {
  const known: { pid?: number; runtimeSpec?: RuntimeSpec } = {}
  for (const [key, text] of Object.entries(info)) {
    try {
      const value: unknown = JSON.parse(text)
      if (key === 'pid') known.pid = Number(value)
      else if (typeof value === 'object') Object.assign(known, value)
    } catch {
      // a runtime of another habit: what it says in the status itself is still used
    }
  }
  const cpu = known.runtimeSpec?.linux?.resources?.cpu
  const memory = known.runtimeSpec?.linux?.resources?.memory?.limit
  const isRunning = status?.state === 'CONTAINER_RUNNING'
  const ended = status !== undefined && status.finishedAt > 0
  return {
    ...(isRunning && known.pid ? { pid: known.pid } : {}),
    ...(status?.startedAt ? { startedMs: Math.round(status.startedAt / nsPerMs) } : {}),
    ...(ended ? { finishedMs: Math.round(status.finishedAt / nsPerMs), exitCode: status.exitCode } : {}),
    ...(ended && status.reason ? { reason: status.reason } : {}),
    ...(status?.image ? { image: status.image.userSpecifiedImage || status.image.image } : {}),
    // The kubelet's shares are 1024 per core and at least 2, which stands for "nothing requested".
    ...(cpu?.shares && cpu.shares > 2 ? { cpuRequestCores: Number((cpu.shares / 1024).toFixed(3)) } : {}),
    ...(cpu?.quota && cpu.quota > 0 ? { cpuLimitCores: cpu.quota / (cpu.period || 100_000) } : {}),
    ...(memory && memory > 0 ? { memoryLimitBytes: memory } : {}),
  }
}
