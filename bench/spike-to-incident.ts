// How soon a spike is visible in the API, and how much of its true CPU time is in the capture: a real process, idle for
// some seconds, burns a core for 1, 3 and 6 s, and the kernel says how much CPU it got. First a plain process on this
// machine as it is, then one in a container beside 199 others. Needs gcc, and for the second root and containerd.
//
//   node bench/spike-to-incident.ts [spikes per length, default 7] [plain|containers, default both]
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Client, createClient } from '../src/api/client.ts'
import type { Incident } from '../src/model/incident.ts'
import { buildBurner } from '../test/node-tool/burner.ts'
import { startTestNode, type TestNode } from '../test/node-tool/node.ts'
import { whyNoNode } from '../test/node-tool/packages.ts'
import { median, printRow, startUp } from './measure.ts'

const perLength = Number(process.argv[2] ?? 7)
const only = process.argv[3]
const lengths = [1, 3, 6]
/** Longer than the longest spike, so that all of it is in. */
const captureFor = ['--capture-for', '8s']
/** Then it is known and idle, as what spikes has been as a rule. */
const idleMs = 4000
const noticedWithinMs = 20_000
const folder = mkdtempSync(join(tmpdir(), 'spikecam-bench-'))
const burner = buildBurner(folder, 'burner', { functions: 1 })
// Ctrl-C ends the waiting, and what was made is removed all the same.
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
const sleep = (ms: number): Promise<void> => setTimeout(ms, undefined, { signal: stop.signal })

/** Something that burns when told to, and has not burned before. */
interface Burner {
  readonly pid: number
  isMeant(incident: Incident): boolean
  burn(seconds: number): void
  end(): void
}

/** Nanoseconds of CPU of its only thread, as the scheduler counts them. */
const cpuSecondsOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9

/** A pipe with a name: kept open at both ends, it holds what is written until somebody reads. */
function openOrders(path: string): number {
  execFileSync('mkfifo', [path])
  return openSync(path, 'r+')
}

function startPlainBurner(): Burner {
  const path = join(folder, randomUUID())
  const orders = openOrders(path)
  const child = spawn(burner, ['obeys', path], { stdio: ['ignore', 'ignore', 'inherit'] })
  const pid = child.pid as number
  return {
    pid,
    isMeant: ({ target }) => target.pid === pid && target.containerId === undefined,
    burn: (seconds) => void writeSync(orders, `0 ${seconds * 1000}\n`),
    end: () => void child.kill('SIGKILL'),
  }
}

interface Spike {
  /** Infinite when there was no incident. */
  readonly visibleAfterSeconds: number
  /** Of its CPU seconds, in the capture. */
  readonly share: number
}

async function measureSpike(client: Client, burner: Burner, seconds: number): Promise<Spike> {
  const before = cpuSecondsOf(burner.pid)
  const known = new Set((await client.get('/api/v1/incidents')).incidents.map(({ id }) => id))
  const beganMs = Date.now()
  burner.burn(seconds)
  let id: string | undefined
  while (!id && Date.now() - beganMs < noticedWithinMs) {
    const { incidents } = await client.get('/api/v1/incidents')
    id = incidents.find((incident) => !known.has(incident.id) && burner.isMeant(incident))?.id
    if (!id) await sleep(20)
  }
  const visibleAfterSeconds = (Date.now() - beganMs) / 1000
  if (!id) {
    process.stderr.write(`a spike of ${seconds} s made no incident\n`)
    return { visibleAfterSeconds: Number.POSITIVE_INFINITY, share: 0 }
  }
  const params = { id }
  while ((await client.get('/api/v1/incidents/{id}', { params })).incident.state === 'capturing') await sleep(100)
  // All that the capture holds of the process, wherever its borders were seen: it did nothing else.
  const query = { phase: 'all', pid: burner.pid, limit: 1 } as const
  const top = await client.get('/api/v1/incidents/{id}/top', { params, query })
  const share = top.value / 1e9 / (cpuSecondsOf(burner.pid) - before)
  process.stderr.write(`${seconds} s: visible after ${visibleAfterSeconds} s, ${(share * 100).toFixed(1)} % captured\n`)
  return { visibleAfterSeconds, share }
}

async function measureAll(where: string, client: Client, nextBurner: () => Burner): Promise<void> {
  const latencies: number[] = []
  for (const seconds of lengths) {
    const shares: number[] = []
    for (let i = 0; i < perLength; i++) {
      const burner = nextBurner()
      try {
        await sleep(idleMs)
        const spike = await measureSpike(client, burner, seconds)
        latencies.push(spike.visibleAfterSeconds)
        shares.push(spike.share)
      } finally {
        burner.end()
      }
    }
    printRow({
      work: `spike of ${seconds} s${where}: share of its CPU seconds in the capture, median of ${perLength}`,
      ours: `${(median(shares) * 100).toFixed(1)} % (${(Math.min(...shares) * 100).toFixed(1)} to ${(Math.max(...shares) * 100).toFixed(1)} %)`,
      goal: '≥ 95 %',
    })
  }
  printRow({
    work: `spike start to incident visible in the API${where}, median of ${latencies.length}`,
    ours: `${median(latencies).toFixed(2)} s (worst ${Math.max(...latencies).toFixed(2)} s)`,
    goal: '≤ 2 s',
  })
}

const podCount = 20
const containersPerPod = 10

/** 200 containers in 20 pods; the first ones burn when told to, each once, the others sleep. */
async function startContainerBurners(node: TestNode): Promise<() => Burner> {
  const control = join(folder, 'control')
  mkdirSync(control)
  const image = await node.packImage({ name: 'burner', programs: [burner] })
  const orders = Array.from({ length: perLength * lengths.length }, (_, i) => openOrders(join(control, String(i))))
  const burners: Burner[] = []
  for (let pod = 0; pod < podCount; pod++) {
    const specs = Array.from({ length: containersPerPod }, (_, i) => {
      const number = pod * containersPerPod + i
      return {
        name: `app-${i}`,
        image,
        command: number < orders.length ? [burner, 'obeys', `/control/${number}`] : ['sleep', '100000'],
        mounts: [{ hostPath: control, containerPath: '/control' }],
        cpuRequest: 0.01,
      }
    })
    const { containers } = await node.runPod({ name: `app-${pod}`, namespace: 'bench', containers: specs })
    for (const { name } of specs) {
      const { id, pid } = containers[name]!
      const order = orders[burners.length]
      if (order === undefined) break
      burners.push({
        pid,
        isMeant: ({ target }) => target.containerId === id,
        burn: (seconds) => void writeSync(order, `0 ${seconds * 1000}\n`),
        end: () => undefined,
      })
    }
  }
  return () => burners.shift()!
}

try {
  const options = ['--spike-cooldown', '0s', ...captureFor]
  if (only !== 'containers') {
    const up = await startUp(options)
    try {
      await sleep(idleMs)
      await measureAll('', createClient({ baseUrl: up.url }), startPlainBurner)
    } finally {
      await up.stop()
    }
  }
  const why = whyNoNode()
  if (why) process.stderr.write(`not measured with containers: ${why}\n`)
  else if (only !== 'plain') {
    const node = await startTestNode()
    try {
      const nextBurner = await startContainerBurners(node)
      const up = await startUp([...options, '--cri-socket', node.socket])
      try {
        await sleep(idleMs)
        const where = ` beside ${podCount * containersPerPod - 1} containers`
        await measureAll(where, createClient({ baseUrl: up.url }), nextBurner)
      } finally {
        await up.stop()
      }
    } finally {
      await node.close()
    }
  }
} catch (error) {
  if (!stop.signal.aborted) throw error
  process.exitCode = 130
} finally {
  rmSync(folder, { recursive: true, force: true })
}
