// The pods and containers of this node as the runtime last told them, and those that ended lately, since what is
// looked at may be gone by the time a name is wanted for it.
import { containerOfPath } from './container-cgroup.ts'
import type { Cri } from './cri.ts'
import type { CriContainer, CriSandbox } from './cri-proto.ts'
import { type Container, type ContainerDetails, containerOf, detailsOf, type Pod, podOf } from './pods.ts'

/** Ended containers are remembered as long as a ring could still hold samples of them, and twice that. */
const rememberMs = 10 * 60_000
/** A crash loop over many pods must not fill the memory: 2 000 containers are about 4 MB. */
const maxRemembered = 2000
/** Status calls at a time: a start with 500 containers takes half a second and leaves the runtime some air. */
const statusCallsAtOnce = 8

interface Entry {
  container: Container
  readonly details: ContainerDetails & { cgroup?: string }
  /** When it was missed in the list. */
  goneMs?: number
}

export class PodStore {
  readonly #cgroupOfPid: (pid: number) => string | undefined
  readonly #pods = new Map<string, { pod: Pod; goneMs?: number }>()
  readonly #containers = new Map<string, Entry>()
  readonly #byCgroup = new Map<string, string>()

  /** @param cgroupOfPid where a process is placed now: asked once about the first process of each container */
  constructor(cgroupOfPid: (pid: number) => string | undefined) {
    this.#cgroupOfPid = cgroupOfPid
  }

  /** Those that are there now, whatever their state; ended ones are not among them. */
  containers(): Container[] {
    return [...this.#containers.values()].filter((entry) => entry.goneMs === undefined).map((entry) => entry.container)
  }

  pods(): Pod[] {
    return [...this.#pods.values()].filter((entry) => entry.goneMs === undefined).map((entry) => entry.pod)
  }

  /** Also one that ended within the last minutes. */
  container(id: string): Container | undefined {
    return this.#containers.get(id)?.container
  }

  pod(sandboxId: string): Pod | undefined {
    return this.#pods.get(sandboxId)?.pod
  }

  podByUid(uid: string): Pod | undefined {
    for (const { pod } of this.#pods.values()) if (pod.uid === uid) return pod
    return undefined
  }

  /** Container or, for the pause process, only the pod of a cgroup path as /proc/PID/cgroup shows it. */
  byCgroup(path: string): { container?: Container; pod?: Pod } {
    const named = containerOfPath(path)
    if (named) {
      const container = this.container(named.id)
      const pod = container?.pod ?? this.pod(named.id) ?? (named.podUid ? this.podByUid(named.podUid) : undefined)
      if (pod) return container ? { container, pod } : { pod }
    }
    // A runtime may name its folders otherwise; then the first process of the container says which one it is.
    for (let folder = path; folder.length > 1; folder = folder.slice(0, folder.lastIndexOf('/'))) {
      const container = this.container(this.#byCgroup.get(folder) ?? '')
      if (container) return { container, pod: container.pod }
    }
    return {}
  }

  /** Asks the runtime for its lists, and for the status of what is new in them. */
  async refresh(cri: Cri, nowMs = performance.now()): Promise<void> {
    const [sandboxes, containers] = await Promise.all([cri.sandboxes(), cri.containers()])
    await inTurns(sandboxes, (sandbox) => this.#meetPod(cri, sandbox))
    await inTurns(containers, (container) => this.#meetContainer(cri, container))
    this.#forgetEnded(new Set(sandboxes.map((each) => each.id)), new Set(containers.map((each) => each.id)), nowMs)
  }

  async #meetPod(cri: Cri, sandbox: CriSandbox): Promise<void> {
    const entry = this.#pods.get(sandbox.id)
    delete entry?.goneMs
    const known = entry?.pod
    const isReady = sandbox.state === 'SANDBOX_READY'
    if (known && known.isReady === isReady && (known.ips.length > 0 || known.hostNetwork)) return
    if (known && !isReady) this.#pods.set(sandbox.id, { pod: { ...known, isReady } })
    else this.#pods.set(sandbox.id, { pod: podOf(sandbox, await unlessGone(cri.sandboxStatus(sandbox.id))) })
  }

  async #meetContainer(cri: Cri, listed: CriContainer): Promise<void> {
    const pod = this.#pods.get(listed.podSandboxId)?.pod
    if (!pod) return // its sandbox came between the two lists: the next ones have both
    const known = this.#containers.get(listed.id)
    const renewed = containerOf(listed, pod, known?.details ?? {})
    if (known && known.container.state === renewed.state) {
      known.container = renewed
      return
    }
    const answer = await unlessGone(cri.containerStatus(listed.id))
    const details: ContainerDetails = answer ? detailsOf(answer.status, answer.info) : (known?.details ?? {})
    const cgroup = (details.pid && this.#cgroupOfPid(details.pid)) || known?.details.cgroup
    const entry: Entry = {
      container: containerOf(listed, pod, cgroup ? { ...details, cgroup } : details),
      details: cgroup ? { ...details, cgroup } : details,
    }
    this.#containers.set(listed.id, entry)
    if (cgroup && cgroup !== '/') this.#byCgroup.set(cgroup, listed.id)
  }

  #forgetEnded(pods: ReadonlySet<string>, containers: ReadonlySet<string>, nowMs: number): void {
    for (const [id, entry] of this.#pods) {
      if (pods.has(id)) continue
      entry.goneMs ??= nowMs
      if (nowMs - entry.goneMs > rememberMs) this.#pods.delete(id)
    }
    let remembered = this.#containers.size - containers.size
    for (const [id, entry] of this.#containers) {
      if (containers.has(id)) continue
      entry.goneMs ??= nowMs
      entry.container = { ...entry.container, state: 'exited' }
      if (nowMs - entry.goneMs <= rememberMs && remembered <= maxRemembered) continue
      this.#containers.delete(id)
      if (entry.details.cgroup) this.#byCgroup.delete(entry.details.cgroup)
      remembered--
    }
  }
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: statusCallsAtOnce }, worker))
}

/** Between a list and the question about one of its rows that row may go: that is no failure of the runtime. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    const status = (error as { details?: { grpcStatus?: string } }).details?.grpcStatus
    if (status === undefined) throw error // no answer at all
    return undefined
  }
}
