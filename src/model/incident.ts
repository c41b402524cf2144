// Everything about one target's episode, on one time axis.
import { z } from 'zod'
import { RuleDecision } from './decision.ts'
import { Target } from './target.ts'
import { Trigger } from './trigger.ts'

export const incidentVersion = 1

export const incidentStates = ['capturing', 'complete', 'partial', 'failed'] as const
export type IncidentState = (typeof incidentStates)[number]

/** A row of "which function": share is of the spike's samples in this target, 0 to 1. */
export const TopRow = z.object({
  function: z.string(),
  module: z.string().optional(),
  selfShare: z.number(),
  totalShare: z.number(),
})
export type TopRow = z.infer<typeof TopRow>

/** A thread of the target that burned, and how much of the target's CPU during the spike was its. */
export const BusyThread = z.object({
  /** In the host's namespace, as `top -H` there shows it. */
  pid: z.number().int(),
  tid: z.number().int(),
  name: z.string(),
  share: z.number(),
})
export type BusyThread = z.infer<typeof BusyThread>

/** An alert as far as it explains an incident; the whole of it is among the alerts. */
export const IncidentAlert = z.object({
  id: z.string(),
  name: z.string(),
  receivedMs: z.number(),
  startsMs: z.number().optional(),
  resolvedMs: z.number().optional(),
  summary: z.string().optional(),
  url: z.string().optional(),
  /** How its target was found. */
  because: z.string().optional(),
  /** The rule that decided about it. */
  rule: z.string().optional(),
})
export type IncidentAlert = z.infer<typeof IncidentAlert>

/** So that evidence is there for the meeting on Monday: kept whatever its age and the budget. */
export const Pin = z.object({
  atMs: z.number(),
  /** As they call themselves: a token says that somebody may, not who it is. */
  by: z.string().optional(),
})

export const Note = z.object({
  id: z.string(),
  atMs: z.number(),
  by: z.string().optional(),
  text: z.string(),
  /** When its text was changed last; absent while it is as it was written. */
  editedMs: z.number().optional(),
})
export type Note = z.infer<typeof Note>

export const Incident = z.object({
  version: z.literal(incidentVersion),
  id: z.string(),
  node: z.string(),
  target: Target,
  trigger: Trigger,
  state: z.enum(incidentStates),
  /** What kind of capture somebody asked for, where it began with that. */
  asked: z.string().optional(),
  /** When the rise began, as far as the usage series shows. */
  onsetMs: z.number(),
  /** When it was noticed. */
  noticedMs: z.number(),
  /** When usage fell back, absent while it lasts. */
  endedMs: z.number().optional(),
  /** When the last artifact of the first capture was stored. */
  evidenceMs: z.number().optional(),
  /** The quiet part before the rise that "before" in the diff means. */
  baseline: z.object({ fromMs: z.number(), toMs: z.number() }).optional(),
  /** Busiest functions of the target during the spike, heaviest self first; filled when evidence is complete. */
  top: z.array(TopRow).default([]),
  /** Its busiest threads during the spike, busiest first; absent without samples of it. */
  threads: z.array(BusyThread).optional(),
  message: z.string().optional(),
  /** Alerts of the same episode, oldest first; absent when there were none. */
  alerts: z.array(IncidentAlert).optional(),
  /** What the rules decided to capture of a spike, besides what the agent captures by itself; absent until they did. */
  decision: RuleDecision.optional(),
  pin: Pin.optional(),
  /** What people wrote about it, oldest first; absent when they wrote nothing. */
  notes: z.array(Note).optional(),
})
export type Incident = z.infer<typeof Incident>
