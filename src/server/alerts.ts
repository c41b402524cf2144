// Alerts and spikes put together: taken in, decided about by the same rules and limits, and brought to captures.
import type { Logger } from 'pino'
import type { HookAnswer } from '../api/shapes.ts'
import type { AlertMessage } from '../model/alert.ts'
import type { Capture } from '../model/capture.ts'
import type { Incident } from '../model/incident.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Firing } from '../trigger/rule-limits.ts'
import type { AgentHub } from './agents.ts'
import { createAlertDesk } from './alert-desk.ts'
import { createAlertIntake } from './alert-intake.ts'
import type { CaptureDesk } from './captures.ts'
import type { DocumentKeeper } from './documents.ts'
import { createRecentIncidents } from './recent-incidents.ts'
import type { RuleBook } from './rule-book.ts'
import { createRuleLimiter } from './rule-limiter.ts'
import { createRuleSteps } from './rule-steps.ts'
import { createSpikeDesk } from './spike-desk.ts'

export interface AlertsOptions {
  readonly catalog: Catalog
  readonly agents: AgentHub
  readonly captures: () => Pick<CaptureDesk, 'begin'>
  readonly documents: () => DocumentKeeper
  readonly rules: RuleBook
  readonly log: Logger
}

export interface Alerts {
  /** Resolves when everything new is on disk; nothing has been captured by then. @throws Failure OVERLOADED */
  take(message: AlertMessage): Promise<HookAnswer>
  /** To be called with every capture that is stored. */
  note(capture: Capture): void
  /** To be called with every incident that is stored. */
  noteIncident(incident: Incident): void
  /** To be called when an agent has been let in. */
  noteAgent(): void
  readonly firings: readonly Firing[]
  resume(): Promise<void>
  close(): Promise<void>
}

export function createAlerts({ rules: book, ...options }: AlertsOptions): Alerts {
  const rules = () => book.rules
  const limiter = createRuleLimiter(options)
  const steps = createRuleSteps({ ...options, limiter })
  const spikes = createSpikeDesk({ ...options, rules, limiter, steps })
  const keep: typeof intake.replace = (record, refusals) => intake.replace(record, refusals)
  const incidents = createRecentIncidents(options)
  const desk = createAlertDesk({ ...options, rules, incidents, limiter, steps, keep })
  const intake = createAlertIntake({ catalog: options.catalog, onQueued: desk.queue, onResolved: desk.end })
  return {
    take: (message) => intake.take(message),
    note: (capture) => {
      limiter.note(capture)
      steps.note(capture)
    },
    noteIncident: (incident) => {
      incidents.note(incident)
      spikes.note(incident)
    },
    noteAgent: () => desk.retry(),
    get firings() {
      return limiter.firings
    },
    resume: async () => {
      await limiter.resume()
      await incidents.resume()
      await desk.resume()
      await spikes.resume()
      await intake.resume()
    },
    close: async () => {
      steps.close()
      await desk.close()
      await spikes.close()
    },
  }
}
