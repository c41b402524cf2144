// What Prometheus sees of the server; counted where it happens, or asked for when it scrapes.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { AgentHub } from './agents.ts'
import type { EventHub } from './events.ts'
import type { Store } from './store.ts'

export interface Metrics {
  /** @param route as in the route table; few different ones, whatever is asked for */
  request(labels: { method: string; route: string; status: number }, seconds: number): void
  /** Prometheus text format. */
  print(): Promise<string>
  readonly contentType: string
}

export interface MetricsSources {
  readonly version: string
  readonly store: Store
  readonly agents: Pick<AgentHub, 'list'>
  readonly events: Pick<EventHub, 'listeners'>
}

export function createMetrics({ version, store, agents, events }: MetricsSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  // Among them nodejs_eventloop_lag_*: whether something keeps the server from answering.
  collectDefaultMetrics({ register: registry })

  new Gauge({ name: 'spikecam_build_info', help: 'Version of the server', labelNames: ['version'], registers }).set(
    { version },
    1,
  )
  const requests = new Counter({
    name: 'spikecam_http_requests_total',
    help: 'HTTP requests by method, route and status',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'spikecam_http_request_seconds',
    help: 'Time until an HTTP answer began',
    labelNames: ['route'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  })
  const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await read())
      },
    })
  }
  gauge('spikecam_incidents', 'Incidents in the catalog', async () => (await store.catalog.counts()).incidents)
  new Gauge({
    name: 'spikecam_captures',
    help: 'Captures in the catalog by state',
    labelNames: ['state'],
    registers,
    async collect() {
      this.reset()
      for (const [state, count] of Object.entries((await store.catalog.counts()).captures)) this.set({ state }, count)
    },
  })
  new Gauge({
    name: 'spikecam_notices',
    help: 'Notifications by state; failed ones were given up',
    labelNames: ['state'],
    registers,
    async collect() {
      this.reset()
      for (const [state, count] of Object.entries((await store.catalog.counts()).notices)) this.set({ state }, count)
    },
  })
  gauge('spikecam_artifacts', 'Artifacts whose bytes are held', async () => {
    const { artifacts, evicted } = await store.catalog.counts()
    return artifacts - evicted
  })
  gauge(
    'spikecam_artifacts_evicted',
    'Artifacts dropped for their age or the budget',
    async () => (await store.catalog.counts()).evicted,
  )
  gauge('spikecam_artifact_bytes', 'Bytes of artifacts on disk', () => store.blobs.usage().bytes)
  gauge('spikecam_catalog_bytes', 'Bytes of the catalog on disk', () => store.catalog.sizeBytes())
  gauge(
    'spikecam_data_free_bytes',
    'Free bytes where the data folder is',
    async () => (await store.guard.space()).freeBytes,
  )
  gauge('spikecam_agents_connected', 'Connected agents', () => agents.list().filter((agent) => agent.connected).length)
  gauge(
    'spikecam_agents_recording',
    'Connected agents that record',
    () => agents.list().filter((agent) => agent.connected && agent.status?.recording).length,
  )
  gauge('spikecam_event_listeners', 'Listeners of /api/v1/events', () => events.listeners)

  return {
    request: ({ method, route, status }, seconds) => {
      requests.inc({ method, route, status })
      durations.observe({ route }, seconds)
    },
    print: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
