// One message about one incident to one receiver: what became of it.
import { z } from 'zod'

/**
 * `sending`: an attempt is under way, or its end was cut by the end of the server; `skipped`: the receiver has heard of
 * the same workload just before.
 */
export const noticeStates = ['waiting', 'sending', 'sent', 'failed', 'skipped'] as const
export type NoticeState = (typeof noticeStates)[number]

export const Notice = z.object({
  /** Of the incident and the receiver, so that there is never a second one. */
  id: z.string(),
  incidentId: z.string(),
  receiver: z.string(),
  /** The workload, as limits name it. */
  about: z.string(),
  state: z.enum(noticeStates),
  /** When the evidence was there. */
  atMs: z.number(),
  attempts: z.number().int(),
  /** When the next attempt is due; absent when there will be none. */
  nextMs: z.number().optional(),
  sentMs: z.number().optional(),
  /** What the receiver answered last, or why it could not be told. */
  message: z.string().optional(),
  /** Whether an earlier attempt arrived is not known, so that it may come twice; the message says so. */
  unsure: z.boolean().optional(),
})
export type Notice = z.infer<typeof Notice>

/** Receivers see it with every attempt, so that one that looks takes the message once. */
export const noticeId = (incidentId: string, receiver: string): string => `${incidentId}.${receiver}`
