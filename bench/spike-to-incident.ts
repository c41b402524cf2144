// How soon a spike is visible in the API, and how much of its true CPU time is in the capture. Runs the built program
// against a real process that burns a core for 1, 3 and 6 s and knows from the kernel how much CPU it got.
//
//   node bench/spike-to-incident.ts [spikes per length, default 7]
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { createClient } from '../src/api/client.ts'
import { median, printRow, startUp } from './measure.ts'

const perLength = Number(process.argv[2] ?? 7)
const burnerSource = `
const rl = require('node:readline').createInterface({ input: process.stdin })
rl.on('line', (line) => {
  const ms = Number(line), startedMs = Date.now(), before = process.cpuUsage(), until = performance.now() + ms
  let x = 0
  while (performance.now() < until) for (let i = 0; i < 1e5; i++) x += Math.sqrt(i)
  const used = process.cpuUsage(before)
  process.stdout.write(JSON.stringify({ startedMs, cpuSeconds: (used.user + used.system) / 1e6 }) + '\\n')
})
process.stdout.write('ready\\n')`

const up = await startUp(['--spike-cooldown', '0s', '--capture-for', '8s'])
const client = createClient({ baseUrl: up.url })
const burner = spawn(process.execPath, ['-e', burnerSource], { stdio: ['pipe', 'pipe', 'inherit'] })
const lines = createInterface({ input: burner.stdout })[Symbol.asyncIterator]()
await lines.next()
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
await wait(6000)

const latencies: number[] = []
for (const seconds of [1, 3, 6]) {
  const shares: number[] = []
  for (let i = 0; i < perLength; i++) {
    const known = new Set((await client.get('/api/v1/incidents')).incidents.map((incident) => incident.id))
    const sentMs = Date.now()
    burner.stdin.write(`${seconds * 1000}\n`)
    let id: string | undefined
    while (!id && Date.now() - sentMs < 20_000) {
      const { incidents } = await client.get('/api/v1/incidents')
      id = incidents.find((incident) => !known.has(incident.id) && incident.target.pid === burner.pid)?.id
      if (!id) await wait(20)
    }
    const visibleMs = Date.now()
    const truth = JSON.parse((await lines.next()).value as string) as { startedMs: number; cpuSeconds: number }
    if (!id) {
      process.stderr.write(`a spike of ${seconds} s made no incident\n`)
      latencies.push(Number.POSITIVE_INFINITY)
      shares.push(0)
      continue
    }
    latencies.push((visibleMs - truth.startedMs) / 1000)
    let detail = await client.get('/api/v1/incidents/{id}', { params: { id } })
    while (detail.incident.state === 'capturing') {
      await wait(100)
      detail = await client.get('/api/v1/incidents/{id}', { params: { id } })
    }
    const top = await client.get('/api/v1/incidents/{id}/top', {
      params: { id },
      query: { phase: 'all', pid: burner.pid as number, limit: 1 },
    })
    // The look-back also holds what the process did before: at most the previous spike's polling, a few milliseconds,
    // unless an earlier spike lies inside it; so only this spike's part counts.
    const during = await client.get('/api/v1/incidents/{id}/top', {
      params: { id },
      query: { phase: 'during', pid: burner.pid as number, limit: 1 },
    })
    const inCapture = i === 0 && seconds === 1 ? top.value : during.value
    shares.push(inCapture / 1e9 / truth.cpuSeconds)
    await wait(3000)
  }
  printRow({
    work: `spike of ${seconds} s: share of its CPU seconds in the capture, median of ${perLength}`,
    ours: `${(median(shares) * 100).toFixed(1)} % (least ${(Math.min(...shares) * 100).toFixed(1)} %)`,
    goal: '≥ 95 %',
  })
}
printRow({
  work: `spike start to incident visible in the API, median of ${latencies.length}`,
  ours: `${median(latencies).toFixed(2)} s (worst ${Math.max(...latencies).toFixed(2)} s)`,
  goal: '≤ 2 s',
})
burner.kill()
await up.stop()
