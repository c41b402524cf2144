// The container runtime's API as calls with types, and finding where it listens.
import { existsSync } from 'node:fs'
import { Failure } from '../model/errors.ts'
import {
  type CriContainer,
  type CriContainerStatus,
  type CriSandbox,
  type CriSandboxStatus,
  criSchema,
} from './cri-proto.ts'
import { GrpcClient, isUnimplemented } from './grpc.ts'

/** Where runtimes listen by default: containerd, CRI-O, k3s and RKE2, k0s, MicroK8s, cri-dockerd. */
const usualSockets = [
  '/run/containerd/containerd.sock',
  '/run/crio/crio.sock',
  '/run/k3s/containerd/containerd.sock',
  '/run/k0s/containerd.sock',
  '/var/snap/microk8s/common/run/containerd.sock',
  '/run/cri-dockerd.sock',
]

export class Cri {
  readonly socket: string
  /** `containerd 1.6.20` */
  readonly runtime: string
  readonly #client: GrpcClient

  constructor(socket: string, runtime: string, client: GrpcClient) {
    this.socket = socket
    this.runtime = runtime
    this.#client = client
  }

  async sandboxes(): Promise<readonly CriSandbox[]> {
    return ((await this.#client.call('ListPodSandbox')) as unknown as { items: CriSandbox[] }).items
  }

  async containers(): Promise<readonly CriContainer[]> {
    return ((await this.#client.call('ListContainers')) as unknown as { containers: CriContainer[] }).containers
  }

  async sandboxStatus(podSandboxId: string): Promise<CriSandboxStatus | undefined> {
    const answer = await this.#client.call('PodSandboxStatus', { podSandboxId })
    return (answer as { status?: CriSandboxStatus }).status
  }

  /** @returns with `info`, JSON whose form is the runtime's own: containerd and CRI-O give `pid` and `runtimeSpec` */
  async containerStatus(containerId: string): Promise<{ status?: CriContainerStatus; info: Record<string, string> }> {
    const answer = await this.#client.call('ContainerStatus', { containerId, verbose: true })
    return answer as unknown as { status?: CriContainerStatus; info: Record<string, string> }
  }

  /**
   * Calls back at every change of a container until the runtime ends the stream or `signal` fires.
   * @returns false at once where the runtime has no events (containerd before 1.7, CRI-O unless configured)
   */
  async events(onEvent: () => void, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#client.stream('GetContainerEvents', {}, onEvent, { signal })
      return true
    } catch (error) {
      if (isUnimplemented(error) || signal.aborted) return false
      throw error
    }
  }

  close(): void {
    this.#client.close()
  }
}

export interface FindCriOptions {
  /** A path, or `unix://` and a path; without it the usual places are tried. */
  readonly criSocket?: string
  /** Where PID 1's root folder shows the host's sockets to an agent in a pod. */
  readonly hostRoot?: string
}

/**
 * Connects to the container runtime. Of several that answer, the one that runs most pods is taken: Docker's containerd
 * may answer beside the one that the kubelet uses.
 * @throws Failure CRI_UNREACHABLE naming what was tried
 */
export async function findCri({ criSocket, hostRoot = '/proc/1/root' }: FindCriOptions = {}): Promise<Cri> {
  const sockets = criSocket
    ? [criSocket.replace(/^unix:\/\//, '')]
    : usualSockets
        .map((path) => [path, `${hostRoot}${path}`].find((each) => existsSync(each)))
        .filter((path) => path !== undefined)
  const reasons: string[] = []
  const found: { cri: Cri; pods: number }[] = []
  for (const socket of sockets) {
    const client = new GrpcClient(socket, criSchema)
    try {
      const version = (await client.call('Version')) as { runtimeName: string; runtimeVersion: string }
      const runtime = `${version.runtimeName} ${version.runtimeVersion.replace(/[~+].*$/, '')}`
      const cri = new Cri(socket, runtime, client)
      found.push({ cri, pods: sockets.length > 1 ? (await cri.sandboxes()).length : 0 })
    } catch (error) {
      client.close()
      const why = error instanceof Error ? error.message : String(error)
      reasons.push(isUnimplemented(error) ? `${socket} has its CRI plugin switched off` : why)
    }
  }
  const [best, ...others] = found.sort((a, b) => b.pods - a.pods)
  for (const { cri } of others) cri.close()
  if (best) return best.cri
  if (sockets.length === 0) {
    throw new Failure('CRI_UNREACHABLE', 'there is no container runtime at any of the usual places', {
      details: { looked: usualSockets },
    })
  }
  throw new Failure('CRI_UNREACHABLE', `no container runtime answers: ${reasons.join('; ')}`)
}
