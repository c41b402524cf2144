// From a process to its container by the cgroup path alone: no runtime socket, no Kubernetes API.
//
//   4:cpuacct:/kubepods/burstable/pod2c48913c-b29f-11e7-9350-020968147796/1be3a4c…64 hex      cgroupfs driver
//   0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod2c48…slice/cri-containerd-1be3a4c….scope
//   0::/system.slice/docker-1be3a4c….scope        0::/machine.slice/libpod-1be3a4c….scope/container

export interface ContainerCgroup {
  /** 64 hex digits. */
  readonly id: string
  /** Where the kubelet put it: the pod's UID with dashes; a static pod's is 32 hex digits without. */
  readonly podUid?: string
  /** Path up to and including the container's own folder, below the hierarchy's root. */
  readonly path: string
}

const containerSegment = /^(?:([a-z-]+)-)?([0-9a-f]{64})(?:\.scope)?$/
/** The monitor of a container (CRI-O, podman) has a scope of its own named after it, and is not in it. */
const monitor = /conmon$/
const podSegment =
  /(?:^|-)pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/
/** What becomes of systemd's names when kubelet and runtime disagree on the driver: one folder, `SLICE:PREFIX:ID`. */
const mixedDrivers = /^([^:]+):[a-z-]*:([0-9a-f]{64})$/

/**
 * The container a cgroup path lies in, or undefined when it lies in none. Where several are nested it is the first one
 * below the innermost pod (a cluster within a container, or containers that a pod runs itself), or the outermost one
 * where there is no pod.
 */
export function containerOfPath(path: string): ContainerCgroup | undefined {
  const segments = path.split('/')
  let podUid: string | undefined
  let found: ContainerCgroup | undefined
  for (let i = 0; i < segments.length; i++) {
    const mixed = mixedDrivers.exec(segments[i] as string)
    const pod = podSegment.exec(mixed?.[1] ?? (segments[i] as string))
    if (pod) {
      podUid = (pod[1] as string).replaceAll('_', '-')
      found = undefined
    }
    if (found) continue
    const container = containerSegment.exec(segments[i] as string)
    const id = mixed?.[2] ?? (container && !monitor.test(container[1] ?? '') ? container[2] : undefined)
    if (id) found = { id, path: segments.slice(0, i + 1).join('/'), ...(podUid ? { podUid } : {}) }
  }
  return found
}

/** Paths of a process by controller, from /proc/PID/cgroup; the v2 path stands under the key ''. */
export function parseProcCgroup(text: string): Map<string, string> {
  const paths = new Map<string, string>()
  for (const line of text.split('\n')) {
    const first = line.indexOf(':')
    const second = line.indexOf(':', first + 1)
    if (first < 0 || second < 0) continue
    // A path may hold colons, so only the first two count.
    for (const controller of line.slice(first + 1, second).split(',')) paths.set(controller, line.slice(second + 1))
  }
  return paths
}

/** Where the hierarchies are mounted that are read here. */
export interface CgroupMounts {
  /** cgroup v2. */
  readonly unified?: string
  /** The v1 hierarchy with the cpuacct controller. */
  readonly cpuacct?: string
  /** The v1 hierarchy with the cpu controller, on most machines the same one. */
  readonly cpu?: string
  readonly memory?: string
  readonly pids?: string
}

/**
 * Finds the hierarchies in /proc/self/mountinfo (proc_pid_mountinfo(5)); works on v1, v2 and hybrid machines.
 *
 *   31 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
 *   24 1 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
 */
export function parseCgroupMounts(mountinfo: string): CgroupMounts {
  const mounts: { unified?: string; cpuacct?: string; cpu?: string; memory?: string; pids?: string } = {}
  for (const line of mountinfo.split('\n')) {
    const [head = '', tail = ''] = line.split(' - ')
    const mountPoint = head.split(' ')[4]
    const [type, , options = ''] = tail.split(' ')
    if (!mountPoint) continue
    if (type === 'cgroup2') mounts.unified ??= mountPoint
    else if (type === 'cgroup') {
      const controllers = options.split(',')
      for (const name of ['cpuacct', 'cpu', 'memory', 'pids'] as const) {
        if (controllers.includes(name)) mounts[name] ??= mountPoint
      }
    }
  }
  return mounts
}
