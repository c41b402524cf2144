// Carries out what a rule decided: one capture after the other, whatever became of the one before, also after a restart
// in between.
import type { Logger } from 'pino'
import { type Capture, type CaptureKind, kindsWithRing } from '../model/capture.ts'
import type { RuleDecision } from '../model/decision.ts'
import { asFailure } from '../model/errors.ts'
import type { Trigger } from '../model/trigger.ts'
import type { Catalog } from '../store/catalog.ts'
import type { CaptureDesk, Opening } from './captures.ts'
import { isActive } from './merge.ts'
import type { RuleLimiter } from './rule-limiter.ts'

/** A decision on its way, with all that its captures have to be told. */
export interface Course {
  readonly decision: RuleDecision
  readonly trigger: Trigger
  /** Captures reach back to a while before this. */
  readonly startsMs: number
  readonly decidedFromMs: number
  /** The incident to open, where it is not there yet. */
  readonly opening?: Opening
  /** Writes down that a step came to nothing, and why. */
  settle(captureId: string, message: string): Promise<void>
}

export interface RuleSteps {
  /** Begins the first step that was not begun; resolves when it is under way or nothing is left. */
  begin(course: Course): Promise<void>
  /** Takes up what an earlier run left of it. */
  resume(course: Course): Promise<void>
  /** To be called with every capture that is stored. */
  note(capture: Capture): void
  /** Nothing is begun after this. */
  close(): void
}

/** Before the alert began to fire: the rule was true for a while by then, and this shows what was normal. */
export const beforeMs = 60_000
/** What waited longer than this is about another state of the world. */
export const mostWaitMs = 10 * 60_000

export interface RuleStepsOptions {
  readonly catalog: Pick<Catalog, 'capture' | 'incident' | 'listCaptures'>
  readonly captures: () => Pick<CaptureDesk, 'begin'>
  readonly limiter: Pick<RuleLimiter, 'release'>
  readonly log: Logger
  readonly nowMs?: () => number
}

export function createRuleSteps({ catalog, captures, limiter, log, nowMs = Date.now }: RuleStepsOptions): RuleSteps {
  /** By the capture that runs now: what goes on when it has ended. */
  const running = new Map<string, Course>()
  /** By incident: what goes on when the agent's own capture of the spike has ended. */
  const waiting = new Map<string, { course: Course; from: number }>()
  let isClosed = false

  const startFrom = async (course: Course, from: number): Promise<void> => {
    const { decision, trigger, opening } = course
    const { target, incidentId, steps } = decision
    if (!target || !incidentId) return
    for (const [index, step] of steps.entries()) {
      if (index < from || step.message !== undefined || isClosed) continue
      const kind = step.kind as CaptureKind
      if (trigger.kind === 'spike' && kindsWithRing.includes(kind)) {
        waiting.set(incidentId, { course, from: index })
        const isOwnOver = (await ownCaptures(incidentId)).some(({ state }) => !isActive(state))
        // Either somebody told us of its end meanwhile and has gone on, or we do, or it is still awaited.
        if (!isOwnOver || !waiting.delete(incidentId)) return
      }
      running.set(step.captureId, course)
      try {
        const isOpen = opening === undefined || (await catalog.incident(incidentId)) !== undefined
        const lookBackMs = Math.max(beforeMs, nowMs() - course.startsMs + beforeMs)
        const order = { id: step.captureId, incidentId, target, trigger, kind, lookBackMs, forMs: step.forMs }
        await captures().begin(order, isOpen ? undefined : opening)
        return
      } catch (error) {
        const { message } = asFailure(error)
        log.warn({ rule: decision.rule, kind }, `not captured: ${message}`)
        if (!running.delete(step.captureId)) return // it is stored as failed, and that news has gone on already
        limiter.release(step.captureId)
        await course.settle(step.captureId, message)
      }
    }
  }

  const ownCaptures = async (incidentId: string): Promise<Capture[]> => {
    const found = await catalog.listCaptures({ incidentId, limit: 100 })
    return found.filter(isOwn)
  }
  const goOn = (course: Course, from: number): void => {
    startFrom(course, from).catch((error) => log.error({ err: error }, 'a step of a rule could not begin'))
  }

  return {
    begin: (course) => startFrom(course, 0),
    resume: async (course) => {
      for (const [index, { captureId, message }] of course.decision.steps.entries()) {
        if (message !== undefined) continue
        const capture = await catalog.capture(captureId)
        if (capture && isActive(capture.state)) {
          running.set(captureId, course)
          return
        }
        if (capture) continue
        if (nowMs() - course.decidedFromMs < mostWaitMs) {
          await startFrom(course, index)
          return
        }
        await course.settle(captureId, 'the server was away when it was to begin, and came back too late for it')
      }
    },
    note: (capture) => {
      if (isActive(capture.state)) return
      const ended = running.get(capture.id)
      if (ended) {
        running.delete(capture.id)
        goOn(ended, ended.decision.steps.findIndex(({ captureId }) => captureId === capture.id) + 1)
      }
      const next = isOwn(capture) ? waiting.get(capture.incidentId ?? '') : undefined
      if (next) {
        waiting.delete(capture.incidentId as string)
        goOn(next.course, next.from)
      }
    },
    close: () => {
      isClosed = true
    },
  }
}

/** What the agent captures of a spike without being told. */
const isOwn = ({ trigger, order }: Capture): boolean => trigger.kind === 'spike' && order === undefined
