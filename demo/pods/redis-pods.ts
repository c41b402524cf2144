// The scenario of the Go timer bug (golang/go issue 51654): a Deployment of nine redis pods, each with an exporter that
// reaches its redis by TLS, a scraper, and one exporter of the nine that takes a whole CPU for six seconds.
//
//   const redis = await startRedisPods()
//   await redis.spike(redis.pods[4].name)
//   await redis.close()
import { join } from 'node:path'
import { type RunningPod, startTestNode, type TestNode } from '../../test/node-tool/node.ts'
import type { DebianPackage } from '../../test/node-tool/packages.ts'
import type { ContainerSpec, PodSpec } from '../../test/node-tool/pod-config.ts'
import { type Certificates, makeCertificates } from './certificates.ts'
import { hammer, startScraper } from './scraper.ts'

export interface RedisPods {
  /** Where the container runtime of these pods listens: the agent's `--cri-socket`. */
  readonly criSocket: string
  readonly pods: readonly RunningPod[]
  /** `10.123.45.7:9121`, where the exporter of a pod answers. */
  exporterAddress(pod: RunningPod): string
  /**
   * Drives the exporter of one pod to its limit of one CPU, and nobody else.
   * @param forMs as long as the bug's own spikes when absent: 6 s
   * @returns how many scrapes it answered meanwhile
   */
  spike(podName: string, forMs?: number): Promise<number>
  /** Ends the pods and leaves nothing behind. */
  close(): Promise<void>
}

export interface RedisPodsOptions {
  readonly signal?: AbortSignal
  /** All nine when absent. */
  readonly count?: number
  /** False where something else scrapes them. */
  readonly isScraped?: boolean
}

/** What it needs besides a test node's own; `whyNoNode` takes it. */
export const redisPackages: readonly DebianPackage[] = ['redis-server', 'prometheus-redis-exporter', 'openssl']

const namespace = 'redis'
const templateHash = '6d4b75cb6d'
const suffixes = ['4x8hn', '7qkzw', '9ldfv', 'c5m2t', 'gj6rp', 'hs4xb', 'n7wq8', 'r2vkd', 'z9tcg']
const exporterPort = 9121
/** The user of the exporter in the report of the bug; it need not exist on the node. */
const exporterUid = 59_000
const spikeMs = 6000
const scrapeEveryMs = 5000
/** Pods that start at the same time: more would only queue for two cores. */
const startsAtOnce = 3

/**
 * Starts the node, the pods and the scraper; resolves when every exporter sees its redis.
 * @throws Error with the reason when this machine cannot run containers (`whyNoNode`), or the signal's when it is
 * aborted; nothing is left behind then
 */
export async function startRedisPods(options: RedisPodsOptions = {}): Promise<RedisPods> {
  const { isScraped = true } = options
  const node = await startTestNode(redisPackages)
  try {
    const pods = await startPods(node, options)
    await Promise.all(pods.map(untilUp))
    const scraper = isScraped ? startScraper(pods.map(metricsUrl), scrapeEveryMs) : undefined
    return {
      criSocket: node.socket,
      pods,
      exporterAddress: ({ ip }) => `${ip}:${exporterPort}`,
      spike: (podName, forMs = spikeMs) => {
        const pod = pods.find((each) => each.name === podName)
        if (!pod) throw new Error(`no pod ${podName} among ${pods.map((each) => each.name).join(', ')}`)
        return hammer(metricsUrl(pod), forMs)
      },
      close: async () => {
        scraper?.close()
        await node.close()
      },
    }
  } catch (error) {
    await node.close()
    throw error
  }
}

const metricsUrl = (pod: RunningPod): string => `http://${pod.ip}:${exporterPort}/metrics`

async function startPods(node: TestNode, { signal, count }: RedisPodsOptions): Promise<RunningPod[]> {
  const certificates = makeCertificates(join(node.dir, 'tls'))
  const [redisImage, exporterImage] = await Promise.all([
    node.packImage({
      name: 'redis',
      programs: ['/usr/bin/redis-server', '/usr/bin/redis-cli'],
      files: { '/etc/redis.conf': redisConf(certificates), '/bin/warm-up': warmUp(certificates) },
    }),
    node.packImage({ name: 'redis-exporter', programs: ['/usr/bin/prometheus-redis-exporter'] }),
  ])
  const specs = suffixes.slice(0, count).map((suffix) => redisPod(suffix, certificates, { redisImage, exporterImage }))
  const pods: RunningPod[] = []
  const queue = specs.entries()
  const worker = async (): Promise<void> => {
    for (const [i, spec] of queue) {
      signal?.throwIfAborted()
      const pod = await node.runPod(spec)
      await pod.untilLog('redis', /Ready to accept connections/)
      await pod.exec('redis', ['/bin/warm-up'])
      pods[i] = pod
    }
  }
  await Promise.all(Array.from({ length: startsAtOnce }, worker))
  return pods
}

function redisPod(
  suffix: string,
  certificates: Certificates,
  { redisImage, exporterImage }: { redisImage: string; exporterImage: string },
): PodSpec {
  const tls = [{ hostPath: certificates.dir, containerPath: '/tls', readonly: true }]
  const redis: ContainerSpec = {
    name: 'redis',
    image: redisImage,
    command: ['/usr/bin/redis-server', '/etc/redis.conf'],
    mounts: tls,
    cpuRequest: 0.1,
  }
  const exporter: ContainerSpec = {
    name: 'redis-exporter',
    image: exporterImage,
    command: [
      '/usr/bin/prometheus-redis-exporter',
      `-web.listen-address=:${exporterPort}`,
      '-redis.addr=rediss://127.0.0.1:6379',
      `-tls-ca-cert-file=/tls/${certificates.ca}`,
      `-tls-client-cert-file=/tls/${certificates.certificate}`,
      `-tls-client-key-file=/tls/${certificates.key}`,
    ],
    env: { REDIS_PASSWORD: 'demo' },
    mounts: tls,
    uid: exporterUid,
    cpuRequest: 0.1,
    cpuLimit: 1,
  }
  return {
    name: `redis-${templateHash}-${suffix}`,
    namespace,
    labels: { app: 'redis', 'app.kubernetes.io/name': 'redis', 'pod-template-hash': templateHash },
    annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(exporterPort) },
    containers: [redis, exporter],
  }
}

/** TLS only: the plain port is off, and clients need a certificate. */
const redisConf = ({ ca, certificate, key }: Certificates): string => `port 0
tls-port 6379
tls-ca-cert-file /tls/${ca}
tls-cert-file /tls/${certificate}
tls-key-file /tls/${key}
tls-auth-clients yes
requirepass demo
save ""
dir /tmp
`

/**
 * Calls every command of redis once, without arguments. A redis in use has statistics on most of its commands, each of
 * which the exporter turns into metrics; on a fresh one a scrape would be mostly the handshake.
 */
const warmUp = ({ ca, certificate, key }: Certificates): string => `#!/bin/sh
cli="redis-cli --tls --cacert /tls/${ca} --cert /tls/${certificate} --key /tls/${key}"
export REDISCLI_AUTH=demo
$cli command list | grep -vE '^(shutdown|debug|monitor|.*subscribe|p?sync|quit|reset|multi|failover|.*of|auth|hello|wait.*|flush.*)$' >/tmp/commands
$cli </tmp/commands >/dev/null 2>&1
true
`

/** The first scrape that reaches redis; TLS mistakes show as `redis_up 0` and nowhere else. */
async function untilUp(pod: RunningPod): Promise<void> {
  const deadline = Date.now() + 60_000
  let text = ''
  while (Date.now() < deadline) {
    try {
      text = await (await fetch(metricsUrl(pod))).text()
      if (/^redis_up 1$/m.test(text)) return
    } catch {
      // it does not listen yet
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(
    `${pod.name}: the exporter does not reach its redis:\n${pod.log('redis-exporter')}${pod.log('redis')}`,
  )
}
