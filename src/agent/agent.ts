// The node side: records always, notices spikes, captures their evidence and brings it to the server.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { ServerMessage } from '../api/messages.ts'
import { apiServerOf, secretReader } from '../capture/kube-secret.ts'
import { closeLeftInspectors } from '../capture/node-inspector.ts'
import { openedInspectors } from '../capture/node-opened.ts'
import { createDwarfProbe } from '../capture/perf-dwarf.ts'
import { createProbeSet } from '../capture/plan-probes.ts'
import { asFailure, type Failure, failures } from '../model/errors.ts'
import type { Vitals } from '../model/inventory.ts'
import { printTarget, type Target } from '../model/target.ts'
import { collectGarbage } from '../ring/collect-garbage.ts'
import { Recorder, type RecorderOptions, type RecorderStatus } from '../ring/recorder.ts'
import { UsageRing } from '../ring/usage-ring.ts'
import { openCgroupView } from '../target/cgroup-view.ts'
import { CpuUsage } from '../target/cpu-usage.ts'
import { type Inventory, startInventory } from '../target/inventory.ts'
import type { CaptureLimits } from '../trigger/limits.ts'
import type { SpikeRule } from '../trigger/spike.ts'
import { answerQuestion } from './answers.ts'
import { monotonicMs, WallClock } from './clock.ts'
import { startDelivery } from './deliver.ts'
import { Episodes } from './episodes.ts'
import { identify, watchTarget } from './identify.ts'
import { openLink } from './link.ts'
import { MemoryBudget } from './memory-budget.ts'
import { openOrderBook } from './order-book.ts'
import { createProbes } from './probes.ts'
import { Scout } from './scout.ts'
import { Spool } from './spool.ts'
import { uploadBytes } from './upload.ts'
import { readVitals } from './vitals.ts'

export interface AgentOptions {
  readonly serverUrl: string
  readonly token?: string
  /** Name of this node, as the server shows it. */
  readonly node: string
  readonly version: string
  /** The program file, which is also its own worker. */
  readonly program: URL
  /** Socket of the container runtime; found by itself without. */
  readonly criSocket?: string
  /** Folder for what could not be delivered yet. */
  readonly dataDir: string
  readonly recorder: RecorderOptions
  readonly rule: SpikeRule
  readonly usageIntervalMs: number
  readonly lookBackMs: number
  readonly forMs: number
  readonly limits: CaptureLimits
  readonly log: Logger
}

export interface Agent {
  /** Resolves once perf records, or rejects with the reason why it does not. */
  readonly recording: Promise<void>
  /** Ends captures early, keeps their evidence, delivers for at most `graceMs`, and stops perf. */
  close(graceMs?: number): Promise<void>
}

/** Under which keys the usage of a target is kept; that of a pod is the sum of its containers'. */
function seriesKeys({ kind, containerId, pid, startTicks, pod, namespace }: Target, inventory: Inventory): string[] {
  if (containerId) return [`c:${containerId}`]
  if (kind === 'container' && pod !== undefined) {
    const own = inventory.containers().filter((each) => each.pod.name === pod && each.pod.namespace === namespace)
    if (own.length > 0) return own.map(({ id }) => `c:${id}`)
  }
  return [pid === undefined ? 'machine' : `p:${pid}:${startTicks}`]
}

/** Of this process, without perf's 13 MB: the goal for both is 150 MB. */
const memoryBudgetBytes = 137e6
/** Also the heart-beat: the server calls an agent gone after a few of these. */
const statusEveryMs = 5000

/**
 * Starts the agent. It never gives up: without a server it spools, without perf it tries again and says why.
 * @throws Failure DATA_NOT_WRITABLE
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { log, node } = options
  const clock = new WallClock()
  const startedMs = clock.nowMs()
  const onLoss = (what: string): void => log.warn(what)
  const spool = await Spool.open(join(options.dataDir, 'spool'), { onLoss })
  const spooled = spool.waiting().flatMap(({ message }) => (message.type === 'capture' ? [message.capture.id] : []))
  const orders = await openOrderBook(join(options.dataDir, 'orders.jsonl'), { known: spooled, onLoss })
  if (spool.size > 0) log.info({ items: spool.size }, 'delivering what an earlier run left')

  let told: RecorderStatus | undefined
  let settle: ((status: RecorderStatus) => void) | undefined
  const recording = new Promise<void>((resolve, reject) => {
    settle = (status) => {
      if (status.recording) resolve()
      else if (status.message && status.message !== 'starting') reject(new Error(status.message))
    }
  })
  recording.catch(() => undefined) // whoever waits for it hears it; others see it in the log and the status
  const recorder = new Recorder(options.program, options.recorder, (status) => {
    settle?.(status)
    if (status.recording !== told?.recording || status.message !== told?.message) {
      if (status.recording)
        log.info({ event: status.event, hz: options.recorder.ringHz }, status.message ?? 'recording')
      else log.warn(status.message ?? 'not recording')
      told = status
      report()
    }
    told = status
  })

  const inventory = startInventory({ node, log, ...(options.criSocket ? { criSocket: options.criSocket } : {}) })
  const usage = new CpuUsage({ node, onContainer: (id) => inventory.notice(id) })
  const usageRing = new UsageRing({ stepMs: options.usageIntervalMs, keepMs: options.recorder.keepMs + 60_000 })
  const cgroups = openCgroupView()
  const opened = openedInspectors(join(options.dataDir, 'inspectors'))
  // Beside the start: a process that hangs may take half a minute to answer.
  void closeLeftInspectors(opened).then((swept) => {
    for (const { isClosed, message } of swept) log[isClosed ? 'info' : 'warn'](message)
  })
  const annotationsOf = ({ pid }: Pick<Target, 'pid'>): Readonly<Record<string, string>> | undefined =>
    pid === undefined ? undefined : inventory.containerOf({ pid })?.pod.annotations
  const episodes = new Episodes({
    node,
    version: options.version,
    ringHz: options.recorder.ringHz,
    recorder,
    spool,
    clock,
    probes: createProbes({
      probes: createProbeSet({ annotationsOf, readSecret: secretReader(apiServerOf(process.env)), opened }),
      annotationsOf,
      dwarf: createDwarfProbe({
        perf: options.recorder.perf,
        event: options.recorder.event,
        hz: options.recorder.deepHz,
        cgroups,
      }),
      cgroups,
      nowMs: () => clock.nowMs(),
    }),
    describe: (target) => inventory.describe(target),
    lookBackMs: options.lookBackMs,
    forMs: options.forMs,
    limits: options.limits,
    series: (key, fromMs, toMs) =>
      [
        ...(key === 'machine' ? [] : [usageRing.sum(key.split('+'), 'target', { fromMs, toMs })]),
        usageRing.slice('machine', 'machine', { fromMs, toMs }),
      ].filter((series) => series !== undefined),
    onIncident: (incident) =>
      log.info(
        { incident: incident.id, state: incident.state, target: printTarget(incident.target) },
        incident.trigger.reason,
      ),
  })
  const problem = (what: string) => (error: unknown) => log.error({ err: error }, what)
  const scout = new Scout({
    usage: {
      tick: (nowMs) => usage.tick(nowMs),
      follows: (key) => usage.follows(key),
      limits: (key, nowMs) => usage.limits(key, nowMs),
      waitedSeconds: (key) => usage.waitedSeconds(key),
      target: (key) => {
        const target = usage.target(key)
        return target && inventory.describe(target)
      },
    },
    ring: usageRing,
    rule: options.rule,
    ownPids: () => [process.pid, ...recorder.status.perfPids],
    events: {
      near: () => recorder.hurry(),
      start: (sighting) => void episodes.begin(sighting).catch(problem('an incident could not be kept')),
      end: (key, end) => void episodes.end(key, end).catch(problem('the end of an incident could not be kept')),
      suppressed: (_key, why, target) =>
        log.info({ target: target && printTarget(target) }, `spike not captured: ${why}`),
    },
  })

  const vitals = (target: Target): Vitals =>
    readVitals(target, {
      ring: usageRing,
      usage,
      cgroups,
      cpus: availableParallelism(),
      keysOf: (each) => seriesKeys(each, inventory),
      monotonicMs,
      annotationsOf,
    })

  /** Ended by a person while the order was still being noted. */
  const stoppedEarly = new Set<string>()
  const onMessage = (message: ServerMessage): void => {
    if (message.type === 'stored' || message.type === 'missing' || message.type === 'rejected')
      delivery.answered(message)
    else if (message.type === 'ask') {
      const { request, question } = message
      answerQuestion(question, { node, inventory, usage, monotonicMs, vitals }).then(
        (answer) => link.send({ type: 'answer', request, answer }),
        (error: unknown) => {
          const failure = asFailure(error)
          if (failure.code === 'INTERNAL') log.error({ err: error }, 'a question could not be answered')
          link.send({ type: 'no-answer', request, code: failure.code, message: failure.message })
        },
      )
    } else if (message.type === 'stop-capture') {
      if (!episodes.stop(message.captureId)) stoppedEarly.add(message.captureId)
    } else if (message.type === 'start-capture') void carryOut(message).catch(problem('a capture could not be kept'))
  }
  const carryOut = async (message: Extract<ServerMessage, { type: 'start-capture' }>): Promise<void> => {
    const { captureId, incidentId, rule, reason, triggerKind, captureKind, target, lookBackMs, forMs } = message
    if (!(await orders.take(captureId))) {
      log.info({ capture: captureId }, 'told again, and left alone: it is being taken, or was')
      return
    }
    const probeOptions = message.options ?? {}
    const found = identify(target, inventory)
    const order = {
      captureId,
      ...(incidentId ? { incidentId } : {}),
      target: found,
      trigger: { kind: triggerKind, rule, reason, ...(probeOptions.force ? { forced: probeOptions.force } : {}) },
      kind: captureKind,
      lookBackMs,
      forMs,
      deep: episodes.mayGoDeep(found),
      isOwn: false,
      options: probeOptions,
    }
    const whyGone = watchTarget(found, { usage, inventory })
    const done = episodes.capture(order, seriesKeys(found, inventory).join('+'), whyGone ? { whyGone } : {})
    if (stoppedEarly.delete(captureId)) episodes.stop(captureId)
    await done
  }
  const link = openLink({
    serverUrl: options.serverUrl,
    ...(options.token ? { token: options.token } : {}),
    hello: { node, version: options.version, startedMs },
    onMessage,
    onState: (connected: boolean, why?: Failure) => {
      if (connected) {
        log.info({ server: options.serverUrl }, 'connected to the server')
        delivery.wake()
        report()
      } else log.warn({ spooled: spool.size, advice: why && failures[why.code].advice }, `${why?.message}; spooling`)
    },
  })
  const delivery = startDelivery({
    spool,
    link,
    upload: (bytes, sha256) =>
      uploadBytes(options.serverUrl, { bytes, sha256, ...(options.token ? { token: options.token } : {}) }),
    onProblem: (failure, item) => log.warn({ item: item.key }, `not delivered yet: ${failure.message}`),
  })

  const report = (): void => {
    const { status } = recorder
    const cpu = process.cpuUsage()
    link.send({
      type: 'status',
      nowMs: clock.nowMs(),
      recording: status.recording,
      ...(status.message ? { message: status.message } : {}),
      ...(status.event ? { event: status.event } : {}),
      ringHz: options.recorder.ringHz,
      ringSeconds: options.recorder.keepMs / 1000,
      ringBytes: status.ringBytes,
      targets: usage.size,
      samples: status.samples,
      lostSamples: status.lostSamples,
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      rssBytes: process.memoryUsage.rss(),
      spooled: spool.size,
    })
  }
  const memory = new MemoryBudget({
    budgetBytes: memoryBudgetBytes,
    rssBytes: () => process.memoryUsage.rss(),
    trim: () => {
      collectGarbage()
      void recorder.trim().catch(() => undefined) // a recorder that ended has given back everything
    },
    nowMs: monotonicMs,
  })
  let isBlind = false
  /** A look that fails is followed by the next one: the recorder goes on in any case. */
  const look = (): void => {
    try {
      scout.tick(monotonicMs())
      isBlind = false
    } catch (error) {
      if (!isBlind) log.error({ err: error }, 'CPU usage could not be looked at; trying again')
      isBlind = true
    }
  }
  const timers = [
    setInterval(() => memory.check(), statusEveryMs),
    setInterval(look, options.usageIntervalMs),
    setInterval(report, statusEveryMs),
    setInterval(() => usageRing.sweep(monotonicMs()), 60_000),
  ]
  log.info({ node, cpus: availableParallelism() }, 'agent started')

  return {
    recording,
    close: async (graceMs = 5000) => {
      for (const timer of timers) clearInterval(timer)
      await episodes.close()
      let grace: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        grace = setTimeout(resolve, link.connected ? graceMs : 0)
      })
      await Promise.race([delivery.idle(), late])
      clearTimeout(grace)
      delivery.close()
      link.close()
      await recorder.close()
      usage.close()
      inventory.close()
      if (spool.size > 0) log.warn({ items: spool.size }, 'not delivered; the next start delivers it')
    },
  }
}
