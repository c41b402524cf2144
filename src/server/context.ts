// What the parts of the server share.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Logger } from 'pino'
import type { Access } from './access.ts'
import type { AgentHub } from './agents.ts'
import type { Alerts } from './alerts.ts'
import type { Analyst } from './analyst.ts'
import type { CaptureDesk } from './captures.ts'
import type { EventHub } from './events.ts'
import type { HookAccessOptions } from './hook-access.ts'
import type { RuleBook } from './rule-book.ts'
import type { Store } from './store.ts'

export interface ServerContext {
  readonly version: string
  readonly startedMs: number
  readonly store: Store
  readonly access: Access
  readonly events: EventHub
  readonly agents: AgentHub
  readonly analyst: Analyst
  readonly captures: CaptureDesk
  readonly alerts: Alerts
  readonly rules: RuleBook
  /** Page of an incident, or of all of them, as people reach it. */
  readonly linkOf: (incidentId?: string) => string
  readonly hookAccess: HookAccessOptions
  /** Folder of the built UI; absent: only the API. */
  readonly uiDir: string | undefined
  /** True where people reach the server by https. */
  readonly isSecure: boolean
  readonly log: Logger
}

export type App = OpenAPIHono
