// Alerts put together: taken in, decided about, and brought to captures.
import type { Logger } from 'pino'
import type { HookAnswer } from '../api/shapes.ts'
import type { AlertMessage } from '../model/alert.ts'
import type { Capture } from '../model/capture.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Firing } from '../trigger/rule-limits.ts'
import type { AgentHub } from './agents.ts'
import { createAlertDesk } from './alert-desk.ts'
import { createAlertIntake } from './alert-intake.ts'
import type { CaptureDesk } from './captures.ts'
import type { DocumentKeeper } from './documents.ts'
import type { RuleBook } from './rule-book.ts'

export interface AlertsOptions {
  readonly catalog: Catalog
  readonly agents: AgentHub
  readonly captures: () => Pick<CaptureDesk, 'begin'>
  readonly documents: () => DocumentKeeper
  readonly rules: RuleBook
  readonly log: Logger
}

export interface Alerts {
  /** Resolves when everything new is on disk; nothing has been captured by then. @throws Failure REFUSED */
  take(message: AlertMessage): Promise<HookAnswer>
  /** To be called with every capture that is stored. */
  note(capture: Capture): void
  readonly firings: readonly Firing[]
  resume(): Promise<void>
  close(): Promise<void>
}

export function createAlerts({ rules, ...options }: AlertsOptions): Alerts {
  const desk = createAlertDesk({ ...options, rules: () => rules.rules, keep: (record) => intake.replace(record) })
  const intake = createAlertIntake({ catalog: options.catalog, onQueued: desk.queue, onResolved: desk.end })
  return {
    take: (message) => intake.take(message),
    note: desk.note,
    get firings() {
      return desk.firings
    },
    resume: async () => {
      await desk.resume()
      await intake.resume()
    },
    close: () => desk.close(),
  }
}
