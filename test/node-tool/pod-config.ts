// A pod as people describe it, and as the requests that a kubelet makes of it: labels, annotations, cgroup parent,
// CPU shares and quota, log paths.
import { randomUUID } from 'node:crypto'

export interface ContainerSpec {
  readonly name: string
  /** A reference that `packImage` gave. */
  readonly image: string
  readonly command?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly mounts?: readonly {
    readonly hostPath: string
    readonly containerPath: string
    readonly readonly?: boolean
  }[]
  /** In cores. */
  readonly cpuLimit?: number
  readonly cpuRequest?: number
  readonly memoryLimitBytes?: number
  readonly uid?: number
  /** No capability, and no way to gain one: what the restricted pod security standard asks for. */
  readonly isRestricted?: boolean
  readonly hasReadOnlyRoot?: boolean
}

export interface PodSpec {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly hostNetwork?: boolean
  /** All containers see each other's processes, and the pause process is PID 1. */
  readonly shareProcessNamespace?: boolean
  readonly hostPid?: boolean
  readonly containers: readonly ContainerSpec[]
}

export interface KubeletPod {
  readonly spec: PodSpec
  readonly uid: string
  readonly namespace: string
  /** The `config` of RunPodSandbox. */
  readonly config: Record<string, unknown>
  readonly logDirectory: string
  /** The `config` of CreateContainer. */
  containerConfig(container: ContainerSpec, attempt: number): Record<string, unknown>
}

/** Quota and shares as the kubelet computes them (its cm/helpers_linux.go): a period of 100 ms, 1024 shares per core. */
const cpuPeriodUs = 100_000
const minShares = 2

/** @param cgroupRoot what stands before /kubepods: a kubelet's --cgroup-root */
export function asKubelet(spec: PodSpec, cgroupRoot: string, logRoot: string): KubeletPod {
  const uid = spec.uid ?? randomUUID()
  const namespace = spec.namespace ?? 'default'
  const logDirectory = `${logRoot}/${namespace}_${spec.name}_${uid}`
  const identity = {
    'io.kubernetes.pod.name': spec.name,
    'io.kubernetes.pod.namespace': namespace,
    'io.kubernetes.pod.uid': uid,
  }
  const namespaceOptions = {
    network: spec.hostNetwork ? 'NODE' : 'POD',
    pid: spec.hostPid ? 'NODE' : spec.shareProcessNamespace ? 'POD' : 'CONTAINER',
    ipc: 'POD',
  }
  return {
    spec,
    uid,
    namespace,
    logDirectory,
    config: {
      metadata: { name: spec.name, uid, namespace, attempt: 0 },
      hostname: spec.hostNetwork ? '' : spec.name,
      logDirectory,
      labels: { ...spec.labels, ...identity },
      annotations: {
        ...spec.annotations,
        'kubernetes.io/config.seen': new Date().toISOString(),
        'kubernetes.io/config.source': 'api',
      },
      linux: { cgroupParent: `${cgroupRoot}${cgroupParent(spec, uid)}`, securityContext: { namespaceOptions } },
    },
    containerConfig: (container, attempt) => ({
      metadata: { name: container.name, attempt },
      image: { image: container.image },
      command: container.command ?? [],
      envs: Object.entries(container.env ?? {}).map(([key, value]) => ({ key, value })),
      mounts: (container.mounts ?? []).map((mount) => ({ ...mount })),
      labels: { 'io.kubernetes.container.name': container.name, ...identity },
      annotations: {
        'io.kubernetes.container.restartCount': String(attempt),
        'io.kubernetes.container.terminationMessagePath': '/dev/termination-log',
        'io.kubernetes.pod.terminationGracePeriod': '30',
      },
      logPath: `${container.name}/${attempt}.log`,
      linux: {
        resources: {
          cpuPeriod: cpuPeriodUs,
          cpuQuota: container.cpuLimit === undefined ? 0 : Math.round(container.cpuLimit * cpuPeriodUs),
          cpuShares: Math.max(minShares, Math.round((container.cpuRequest ?? container.cpuLimit ?? 0) * 1024)),
          memoryLimitInBytes: container.memoryLimitBytes ?? 0,
        },
        securityContext: {
          namespaceOptions,
          ...(container.uid === undefined ? {} : { runAsUser: { value: container.uid } }),
          ...(container.isRestricted ? { capabilities: { dropCapabilities: ['ALL'] }, noNewPrivs: true } : {}),
          readonlyRootfs: container.hasReadOnlyRoot ?? false,
          maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware'],
        },
      },
    }),
  }
}

/** Guaranteed pods lie directly below kubepods, the others below a folder named after their class. */
function cgroupParent(spec: PodSpec, uid: string): string {
  const isGuaranteed = spec.containers.every(
    (each) => each.cpuLimit !== undefined && each.memoryLimitBytes !== undefined && each.cpuRequest === undefined,
  )
  const hasAny = spec.containers.some((each) => each.cpuLimit ?? each.cpuRequest ?? each.memoryLimitBytes)
  return `/kubepods/${isGuaranteed ? '' : hasAny ? 'burstable/' : 'besteffort/'}pod${uid}`
}
