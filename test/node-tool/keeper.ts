// Owns a private containerd and takes everything down when whoever started it ends, in whatever way: it holds the
// other end of a pipe that closes even at SIGKILL, and it has a session of its own, so Ctrl-C does not reach it.
//
//   node keeper.ts '{"dir":"/tmp/spikecam-node-1a2b","cgroup":"/spikecam-node-1a2b","bridge":"spk1a2b","subnet":"10.123.45"}'
//   stdin   lines `stop-runtime`, `start-runtime`; end of file: clean up and exit
//   stdout  one line per command when it is done; `ready` after the start
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { giveWeight, removeCgroup, trackingMount } from './cgroups.ts'
import { pluginFolder } from './packages.ts'

export interface KeeperOptions {
  readonly dir: string
  readonly cgroup: string
  readonly bridge: string
  /** First three numbers of an IPv4 network of 254 pods. */
  readonly subnet: string
}

/**
 * Above what containerd, its shims and CNI write to whatever their configuration says (/run/containerd, /var/lib/cni);
 * covered by our own in a mount namespace. Folders that are always there: one made and removed for it would, when
 * removed, take the mount from under another node that covers it at the same time.
 */
const covered = ['/run', '/var/lib']

/**
 * More than run on two cores while tests, a build and a browser do. With the weight of one, a container which is to be
 * seen spiking would not get the CPU for it on a machine that is building or testing something else.
 */
const busyProcesses = 16

const options = JSON.parse(process.argv[2] ?? '') as KeeperOptions
const { dir, cgroup, bridge, subnet } = options
const busybox = (...args: string[]): void => void execFileSync('busybox', args, { stdio: 'pipe' })
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const say = (line: string): void => void process.stdout.write(`${line}\n`)

let holder: ChildProcess | undefined
let runtime: ChildProcess | undefined

function writeConfigurations(): void {
  for (const name of ['cni', 'logs', 'covered/0', 'covered/1']) mkdirSync(join(dir, name), { recursive: true })
  writeFileSync(
    join(dir, 'containerd.toml'),
    `version = 2
root = "${dir}/root"
state = "${dir}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "${dir}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "${dir}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "spikecam.test/pause:1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${pluginFolder()}"
  conf_dir = "${dir}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
`,
  )
  // Not isGateway: the plugin would switch on IP forwarding for the whole machine. The bridge gets its address here.
  writeFileSync(
    join(dir, 'cni', '10-spikecam.conflist'),
    JSON.stringify({
      cniVersion: '0.4.0',
      name: bridge,
      plugins: [
        {
          type: 'bridge',
          bridge,
          ipam: {
            type: 'host-local',
            dataDir: join(dir, 'ipam'),
            ranges: [[{ subnet: `${subnet}.0/24` }]],
            routes: [{ dst: '0.0.0.0/0' }],
          },
        },
      ],
    }),
  )
}

/** Starts a program inside our cgroup, so that whatever descends from it is found again. */
function startInCgroup(command: string): ChildProcess {
  const procs = join(trackingMount(), cgroup, 'runtime', 'cgroup.procs')
  const child = spawn('/bin/sh', ['-c', `echo $$ > ${procs} && exec ${command}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  child.stderr?.resume()
  return child
}

async function startHolder(): Promise<void> {
  mkdirSync(join(trackingMount(), cgroup, 'runtime'), { recursive: true })
  giveWeight(cgroup, busyProcesses)
  // Every mount of this node lives in one namespace that dies with its processes: nothing to unmount, ever.
  const mounts = covered.map((folder, i) => `mount --bind ${dir}/covered/${i} ${folder}`).join(' && ')
  const script = `${mounts} && touch ${dir}/mounted && exec sleep 2147483647`
  holder = startInCgroup(`unshare --mount --propagation private -- sh -c '${script}'`)
  while (!existsSync(join(dir, 'mounted'))) {
    if (holder.exitCode !== null) throw new Error('the mount namespace could not be made')
    await wait(10)
  }
}

function startRuntime(): void {
  const log = `${dir}/containerd.log`
  runtime = startInCgroup(
    `nsenter --mount=/proc/${holder?.pid}/ns/mnt -- sh -c 'exec containerd -c ${dir}/containerd.toml >>${log} 2>&1'`,
  )
}

async function stopRuntime(): Promise<void> {
  if (!runtime || runtime.exitCode !== null || runtime.signalCode !== null) return
  const gone = new Promise((resolve) => runtime?.once('exit', resolve))
  runtime.kill('SIGKILL') // as a crash would: the shims and their containers live on
  await gone
}

async function removeNetwork(): Promise<void> {
  const brif = `/sys/class/net/${bridge}/brif`
  const ports = existsSync(brif) ? readdirSync(brif) : []
  if (existsSync(`/sys/class/net/${bridge}`)) busybox('ip', 'link', 'del', bridge)
  // The kernel takes down a network namespace, and our ends of its cables with it, a moment after its last process.
  for (let i = 0; i < 250 && ports.some((port) => existsSync(`/sys/class/net/${port}`)); i++) await wait(20)
}

async function cleanUp(): Promise<void> {
  await stopRuntime()
  const left = await removeCgroup(cgroup)
  await removeNetwork()
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  if (left.length > 0) process.stderr.write(`spikecam test node: not removed: ${left.join(' ')}\n`)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.stdout.on('error', () => undefined) // whoever listened is gone; the end of stdin says the same

let failed = false
try {
  writeConfigurations()
  busybox('ip', 'link', 'add', 'name', bridge, 'type', 'bridge')
  busybox('ip', 'address', 'add', `${subnet}.1/24`, 'dev', bridge)
  busybox('ip', 'link', 'set', bridge, 'up')
  await startHolder()
  startRuntime()
  say('ready')
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'stop-runtime') await stopRuntime()
    else if (line === 'start-runtime') startRuntime()
    say(line)
  }
} catch (error) {
  failed = true
  process.stderr.write(`spikecam test node: ${error instanceof Error ? error.message : error}\n`)
}
await cleanUp()
process.exit(failed ? 1 : 0)
