// Makes this machine a Kubernetes node for a while: a private containerd, images packed from programs that are here,
// and pods run through the Container Runtime Interface as a kubelet would. A system containerd is never touched, and
// nothing is left afterwards: no process, mount, cgroup, interface or file.
//
//   const node = await startTestNode()
//   const image = await node.packImage({ name: 'app' })
//   const pod = await node.runPod({ name: 'app-0', containers: [{ name: 'app', image, command: ['sleep', '60'] }] })
//   … node.socket is what --cri-socket takes …
//   await node.close()
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { GrpcClient } from '../../src/target/grpc.ts'
import { runSchema } from './cri-run.ts'
import { type ImageSpec, packImage } from './image.ts'
import type { KeeperOptions } from './keeper.ts'
import { type DebianPackage, installPackages, nodePackages, whyNoNode } from './packages.ts'
import { asKubelet, type ContainerSpec, type KubeletPod, type PodSpec } from './pod-config.ts'

export interface RunningContainer {
  readonly name: string
  readonly id: string
  /** Of its first process, on the host. */
  readonly pid: number
}

export interface RunningPod {
  /** Of its sandbox. */
  readonly id: string
  /** Of its sandbox's own process (pause), on the host. */
  readonly pid: number
  readonly uid: string
  readonly name: string
  readonly namespace: string
  /** Empty for a pod in the host's network. */
  readonly ip: string
  /** The containers that run now, by name. */
  readonly containers: Readonly<Record<string, RunningContainer>>
  /** Output of a container so far, without the runtime's own prefix on each line. */
  log(container: string): string
  /** Waits for the output to match, at most a minute. */
  untilLog(container: string, pattern: RegExp): Promise<RegExpExecArray>
  exec(container: string, command: readonly string[]): Promise<{ stdout: string; exitCode: number }>
  /** Ends a container, if it is there, and starts it again under a new id, as a kubelet does after a crash. */
  restart(container: string): Promise<RunningContainer>
  /** Ends and removes one container. */
  remove(container: string): Promise<void>
  /** Ends the pod and removes it. */
  stop(): Promise<void>
}

export interface TestNode {
  /** The runtime's socket. */
  readonly socket: string
  /** Everything of this node lies in it. */
  readonly dir: string
  /** Cgroup above /kubepods. */
  readonly cgroup: string
  /** Address of the node on the bridge of its pods. */
  readonly ip: string
  packImage(spec: ImageSpec): Promise<string>
  runPod(spec: PodSpec): Promise<RunningPod>
  /** Kills the runtime; its containers live on. */
  stopRuntime(): Promise<void>
  startRuntime(): Promise<void>
  close(): Promise<void>
}

/** Generous: the first start on a busy machine with cold files took 4 s. */
const startTimeoutMs = 60_000

/**
 * Starts a node; installs Debian packages when they are missing.
 * @throws Error with the reason when this machine cannot be one, or with what containerd said
 */
export async function startTestNode(packages: readonly DebianPackage[] = []): Promise<TestNode> {
  const wanted = [...nodePackages, ...packages]
  const reason = whyNoNode(wanted)
  if (reason) throw new Error(reason)
  installPackages(wanted)

  const dir = mkdtempSync(join(tmpdir(), 'spikecam-node-'))
  const id = randomBytes(3).toString('hex')
  const options: KeeperOptions = { dir, cgroup: `/spikecam-node-${id}`, bridge: `spk${id}`, subnet: freeSubnet() }
  const keeper = spawn(process.execPath, [join(import.meta.dirname, 'keeper.ts'), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  const ended = new Promise<void>((resolve) => keeper.once('exit', () => resolve()))
  keeper.stdin.on('error', () => undefined) // `ended` tells
  const answers = createInterface({ input: keeper.stdout })[Symbol.asyncIterator]()
  const answer = async (): Promise<void> => {
    if ((await answers.next()).done) throw new Error('the keeper of the test node ended')
  }
  const tell = async (command: string): Promise<void> => {
    keeper.stdin.write(`${command}\n`)
    await answer()
  }
  const socket = join(dir, 'containerd.sock')
  const client = new GrpcClient(socket, runSchema)
  const images = new Map<string, Promise<string>>()
  const close = async (): Promise<void> => {
    client.close()
    keeper.stdin.end()
    await ended
  }
  try {
    await answer()
    await untilReady(client, join(dir, 'containerd.log'))
    await importImage(dir, socket, { name: 'pause', command: ['/bin/sleep', '2147483647'] })
  } catch (error) {
    await close()
    throw error
  }

  return {
    socket,
    dir,
    cgroup: options.cgroup,
    ip: `${options.subnet}.1`,
    packImage: (spec) => {
      const packed = images.get(spec.name) ?? importImage(dir, socket, spec)
      images.set(spec.name, packed)
      return packed
    },
    runPod: (spec) => runPod(client, asKubelet(spec, options.cgroup, join(dir, 'logs'))),
    stopRuntime: () => tell('stop-runtime'),
    startRuntime: async () => {
      await tell('start-runtime')
      await untilReady(client, join(dir, 'containerd.log'))
    },
    close,
  }
}

/** A network of 254 addresses that no route of this machine leads to. */
function freeSubnet(): string {
  // Destinations in /proc/net/route are little-endian hex: 0A7B2D00 is written 002D7B0A.
  const taken = new Set(
    readFileSync('/proc/net/route', 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t')[1]?.slice(2)),
  )
  const hex = (value: number): string => value.toString(16).padStart(2, '0').toUpperCase()
  for (;;) {
    const [second, third] = [100 + Math.floor(Math.random() * 100), Math.floor(Math.random() * 256)]
    if (!taken.has(`${hex(third)}${hex(second)}0A`)) return `10.${second}.${third}`
  }
}

async function untilReady(client: GrpcClient, log: string): Promise<void> {
  const deadline = Date.now() + startTimeoutMs
  for (;;) {
    try {
      const { status } = (await client.call('Status')) as { status?: { conditions: { status: boolean }[] } }
      if (status?.conditions.every((condition) => condition.status)) return
    } catch {
      // the socket is not there yet
    }
    if (Date.now() > deadline) {
      throw new Error(`containerd is not ready:\n${readFileSync(log, 'utf8').slice(-2000)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

async function importImage(dir: string, socket: string, spec: ImageSpec): Promise<string> {
  mkdirSync(join(dir, 'images'), { recursive: true })
  const archive = join(dir, 'images', `${spec.name}.tar`)
  const reference = packImage(spec, archive)
  await new Promise<void>((resolve, reject) => {
    const ctr = spawn('ctr', ['-a', socket, '-n', 'k8s.io', 'images', 'import', '--no-unpack', archive], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let text = ''
    ctr.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
    ctr.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`ctr images import: ${text.trim()}`))))
  })
  rmSync(archive)
  return reference
}

/** Pods are made a few hundred milliseconds each; a loaded machine has taken ten times that. */
const podTimeoutMs = 60_000
/** A JVM from cold files, beside four other test files, takes several seconds. */
const logTimeoutMs = 60_000

async function runPod(client: GrpcClient, pod: KubeletPod): Promise<RunningPod> {
  const call = (method: string, request: Record<string, unknown>): Promise<Record<string, unknown>> =>
    client.call(method, request, { timeoutMs: podTimeoutMs })
  const { podSandboxId } = (await call('RunPodSandbox', { config: pod.config })) as { podSandboxId: string }
  const { status, info } = (await call('PodSandboxStatus', { podSandboxId, verbose: true })) as {
    status: { network?: { ip: string } }
    info: Record<string, string>
  }
  const containers: Record<string, RunningContainer> = {}
  const attempts = new Map<string, number>()
  const specOf = (name: string): ContainerSpec => {
    const found = pod.spec.containers.find((each) => each.name === name)
    if (!found) throw new Error(`pod ${pod.spec.name} has no container ${name}`)
    return found
  }

  const start = async (spec: ContainerSpec): Promise<RunningContainer> => {
    const attempt = attempts.get(spec.name) ?? 0
    attempts.set(spec.name, attempt + 1)
    const { containerId } = (await call('CreateContainer', {
      podSandboxId,
      config: pod.containerConfig(spec, attempt),
      sandboxConfig: pod.config,
    })) as { containerId: string }
    await call('StartContainer', { containerId })
    const { info } = (await call('ContainerStatus', { containerId, verbose: true })) as { info: Record<string, string> }
    const running = { name: spec.name, id: containerId, pid: pidIn(info) }
    await untilExecuted(running.pid)
    containers[spec.name] = running
    return running
  }
  const remove = async (name: string): Promise<void> => {
    const containerId = containers[name]?.id
    delete containers[name]
    await call('StopContainer', { containerId, timeout: 0 })
    await call('RemoveContainer', { containerId })
  }
  const log = (name: string): string => {
    const path = `${pod.logDirectory}/${name}/${(attempts.get(name) ?? 1) - 1}.log`
    return readFileSync(path, 'utf8').replace(/^\S+ (stdout|stderr) [FP] /gm, '')
  }
  for (const spec of pod.spec.containers) await start(spec)

  return {
    id: podSandboxId,
    pid: pidIn(info),
    uid: pod.uid,
    name: pod.spec.name,
    namespace: pod.namespace,
    ip: status.network?.ip ?? '',
    containers,
    log,
    untilLog: async (name, pattern) => {
      const deadline = Date.now() + logTimeoutMs
      for (;;) {
        const match = pattern.exec(log(name))
        if (match) return match
        if (Date.now() > deadline) throw new Error(`${name} did not say ${pattern}, only: ${log(name)}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    exec: async (name, command) => {
      const answer = await call('ExecSync', {
        containerId: containers[name]?.id,
        cmd: command,
        timeout: podTimeoutMs / 1000,
      })
      return { stdout: new TextDecoder().decode(answer.stdout as Uint8Array), exitCode: answer.exitCode as number }
    },
    restart: async (name) => {
      if (containers[name]) await remove(name)
      return start(specOf(name))
    },
    remove,
    stop: async () => {
      await call('StopPodSandbox', { podSandboxId })
      await call('RemovePodSandbox', { podSandboxId })
    },
  }
}

/**
 * runc answers once its own process inside the container, `runc:[2:INIT]`, is told to go on; that one becomes the
 * program a moment later. Until then whoever looks at the process sees a Go program.
 */
async function untilExecuted(pid: number): Promise<void> {
  while (commOf(pid)?.startsWith('runc:[')) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Undefined when it has ended already. */
function commOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8')
  } catch {
    return undefined
  }
}

/** containerd's verbose status: JSON under the key `info`. */
const pidIn = (info: Readonly<Record<string, string>>): number => (JSON.parse(info.info ?? '{}') as { pid: number }).pid
