// The main walk through the real program: a process burns, an incident opens by itself, its evidence names the function.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerEvent } from '../../src/api/shapes.ts'
import { perfVersion } from '../../src/capture/perf.ts'
import type { Incident } from '../../src/model/incident.ts'
import { until } from '../running-server.ts'
import { type Burner, type Program, startBurner, startUp, untilWatching } from './program.ts'

const run = promisify(execFile)
const canRecord = process.getuid?.() === 0 && (await perfVersion()) !== undefined
const why = 'needs root and perf'

let up: Program
let burner: Burner
const beganMs = Date.now()
beforeAll(async () => {
  if (!canRecord) return
  // Half a core, so that the burner fires also where a neighbour takes part of its core.
  const rule = ['--spike-cooldown', '0s', '--spike-level', '50%', '--spike-hold', '400ms', '--spike-jump', '1000%']
  burner = await startBurner()
  up = await startUp(['--capture-for', '3s', ...rule])
  await untilWatching(up)
})
afterAll(async () => {
  burner?.stop()
  await up?.stop()
})

const incidentOf = (pid: number, state?: Incident['state']) => (event: ServerEvent) =>
  event.type === 'incident' &&
  event.incident.target.pid === pid &&
  (state === undefined || (event.incident.state === state && event.incident.top.length > 0))

const idOf = (event: ServerEvent): string | undefined => (event.type === 'incident' ? event.incident.id : undefined)

test.runIf(canRecord)('a spike becomes an incident that names the function, with the seconds before it', async () => {
  const complete = up.event(incidentOf(burner.pid, 'complete'))
  const cpuSeconds = await burner.burnUntil(up.event(incidentOf(burner.pid)), 2500)
  const burnedMs = Date.now()
  const { incident } = (await complete) as Extract<ServerEvent, { type: 'incident' }>
  expect(incident.top[0]?.function).toContain('burnInNamedFunction')
  // V8's own threads did the rest, if they did anything.
  expect(incident.threads?.[0]).toMatchObject({ pid: burner.pid, tid: burner.pid })
  expect(incident.trigger).toMatchObject({ kind: 'spike', rule: 'cpu-spike' })
  // How soon it is noticed is measured by bench/spike-to-incident.ts: on a starved machine looks are late.
  expect(incident.onsetMs).toBeGreaterThan(beganMs)
  expect(incident.onsetMs).toBeLessThan(Math.min(burnedMs, incident.noticedMs))

  const { client } = up
  const detail = await client.get('/api/v1/incidents/{id}', { params: { id: incident.id } })
  const capture = detail.captures[0]!
  expect(capture).toMatchObject({ state: 'complete', deepHz: 99, ringHz: 49 })
  expect(capture.fromMs).toBeLessThan(incident.onsetMs)
  expect(capture.quality?.samples).toBeGreaterThan(0)
  expect(detail.artifacts.map((artifact) => artifact.name.replace(/^.*_UTC\./, '')).sort()).toEqual([
    'node.49hz.perf.data',
    'node.99hz.perf.data',
    'node.pb.gz',
    'node.usage.json',
    `pid_${burner.pid}.context.json`,
  ])
  // The process measured its own CPU time: the evidence must hold the most of it, and no more. How nearly all is measured
  // by bench/spike-to-incident.ts on a quiet machine: on a starved virtual one timers are late and samples fewer. It was
  // started before the recorder, so what it took to start is not in the look-back.
  const query = { phase: 'all', pid: burner.pid, limit: 1 } as const
  const top = await client.get('/api/v1/incidents/{id}/top', { params: { id: incident.id }, query })
  expect(top.value / 1e9 / cpuSeconds).toBeGreaterThan(0.5)
  expect(top.value / 1e9 / cpuSeconds).toBeLessThan(1.1)

  const series = await client.get('/api/v1/incidents/{id}/series', { params: { id: incident.id } })
  expect(series.series.map((each) => each.name).sort()).toEqual(['machine', 'target'])
  const target = series.series.find((each) => each.name === 'target')!
  // Readings that come closely may share a slot; of what it used while it was over the threshold most is there.
  const { cores } = incident.trigger.spike!
  expect(Math.max(...target.cores.map((value) => value ?? 0))).toBeGreaterThan(cores / 2)
})

test.runIf(canRecord)('go tool pprof and perf open the evidence straight from the server', async (context) => {
  const { incidents } = await up.client.get('/api/v1/incidents')
  const id = incidents.find((incident) => incident.target.pid === burner.pid)!.id
  const { artifacts } = await up.client.get('/api/v1/incidents/{id}', { params: { id } })
  let script = ''
  for (const artifact of artifacts.filter(({ name }) => name.endsWith('.perf.data'))) {
    const content = await up.client.bytes('/api/v1/artifacts/{id}/content', { params: { id: artifact.id } })
    const file = join(up.data, artifact.name)
    await writeFile(file, new Uint8Array(await content.arrayBuffer()))
    const args = ['script', '-i', file, '--no-inline', '-F', 'pid,time,ip,sym']
    script += (await run('perf', args, { maxBuffer: 256e6 })).stdout
  }
  expect(new RegExp(`^ *${burner.pid} .*:`, 'm').test(script)).toBe(true)
  expect(script.includes('burnInNamedFunction')).toBe(true)
  try {
    await run('go', ['version'])
  } catch {
    return context.skip('needs go')
  }
  const { stdout } = await run('go', ['tool', 'pprof', '-top', `${up.url}/api/v1/incidents/${id}/pprof?phase=during`])
  const first = stdout.split('\n').findIndex((line) => line.includes('flat%'))
  expect(stdout.split('\n')[first + 1]).toContain('burnInNamedFunction')
})

test.runIf(canRecord)(
  'perf killed in the middle of a capture: the capture is partial and keeps what there was',
  async () => {
    // Of the spike before this one everything has been told by then, also its end: another can begin.
    const { incidents } = await up.client.get('/api/v1/incidents')
    const before = incidents.find((incident) => incident.target.pid === burner.pid)
    const params = { id: before!.id }
    await until(
      () => up.client.get('/api/v1/incidents/{id}', { params }),
      ({ incident }) => incident.endedMs !== undefined,
    )
    const opened = up.event((event) => incidentOf(burner.pid)(event) && idOf(event) !== before!.id)
    const partial = up.event(incidentOf(burner.pid, 'partial'))
    const burning = burner.burnUntil(opened, 2500)
    await opened
    // The one that always records, and that of the capture, which begins only then.
    const perfs = async (): Promise<number[]> => childrenNamed(up.child.pid as number, 'perf')
    for (const pid of await until(perfs, (all) => all.length === 2)) process.kill(pid, 'SIGKILL')
    await burning
    const { incident } = (await partial) as Extract<ServerEvent, { type: 'incident' }>
    expect(incident.message).toMatch(/perf/)
    const recording = up.event((event) => event.type === 'agent' && event.agent.status?.recording === true)
    await recording // it was started again
  },
)

test.runIf(canRecord)('killed without warning, it comes back with every incident that was told', async () => {
  const before = (await up.client.get('/api/v1/incidents')).incidents.map((incident) => incident.id)
  expect(before.length).toBeGreaterThanOrEqual(2)
  const gone = once(up.child, 'exit')
  up.child.kill('SIGKILL')
  await gone
  const again = await startUp([], up.data)
  try {
    const after = (await again.client.get('/api/v1/incidents')).incidents.map((incident) => incident.id)
    expect(after).toEqual(expect.arrayContaining(before))
    for (const id of before) {
      const { artifacts } = await again.client.get('/api/v1/incidents/{id}', { params: { id } })
      for (const artifact of artifacts) {
        const content = await again.client.bytes('/api/v1/artifacts/{id}/content', { params: { id: artifact.id } })
        expect((await content.arrayBuffer()).byteLength).toBe(artifact.sizeBytes)
      }
    }
  } finally {
    await again.stop()
  }
})

test.skipIf(canRecord)(`spikes are recorded by the real program (${why})`, (context) => context.skip(why))

function childrenNamed(pid: number, name: string): number[] {
  return readdirSync('/proc')
    .filter((each) => /^\d+$/.test(each))
    .filter((each) => {
      try {
        const stat = readFileSync(`/proc/${each}/stat`, 'latin1')
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        return parent === pid && stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')) === name
      } catch {
        return false // ended between the listing and the read
      }
    })
    .map(Number)
}
