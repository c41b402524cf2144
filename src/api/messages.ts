// What agent and server say over the WebSocket that the agent opens at GET /api/v1/agent/socket.
// One JSON document per text frame. Every message that changes something carries an id chosen by its sender and is
// repeated until acknowledged, so receivers treat a second delivery as done already. What changes nothing is asked once:
// `ask` with a number, and `answer` with the same one.
import { z } from 'zod'
import { Artifact, Capture, ProbeOptions } from '../model/capture.ts'
import { Incident } from '../model/incident.ts'
import { InventoryRow, TargetCandidate, TargetSelector, UsageRow, Vitals } from '../model/inventory.ts'
import { Target } from '../model/target.ts'
import { triggerKinds } from '../model/trigger.ts'

/** Raised when an older peer would misunderstand; the server refuses agents of another number. */
export const protocolNumber = 1

/** What the recorder of a node says of itself. */
export const AgentStatus = z.object({
  nowMs: z.number(),
  recording: z.boolean(),
  /** Why it is not recording, or what it fell back to. */
  message: z.string().optional(),
  event: z.string().optional(),
  ringHz: z.number(),
  ringSeconds: z.number(),
  ringBytes: z.number(),
  targets: z.number().int(),
  samples: z.number().int(),
  lostSamples: z.number().int(),
  cpuSeconds: z.number(),
  rssBytes: z.number(),
  spooled: z.number().int(),
})
export type AgentStatus = z.infer<typeof AgentStatus>

/**
 * What the server may ask an agent: `targets` whom a capture would be of, `inventory` who runs, `usage` who burns,
 * `vitals` how one of them and the node are. */
export const Question = z.discriminatedUnion('about', [
  z.object({ about: z.literal('targets'), select: TargetSelector }),
  z.object({ about: z.literal('inventory'), select: TargetSelector }),
  z.object({ about: z.literal('usage') }),
  z.object({ about: z.literal('vitals'), target: Target }),
])
export type Question = z.infer<typeof Question>

export const Answer = z.discriminatedUnion('about', [
  z.object({
    about: z.literal('targets'),
    /** Busiest first. */
    candidates: z.array(TargetCandidate),
    /** When there is none: names that come near, and what else is known of the one that was asked for. */
    near: z.array(z.string()),
    why: z.string().optional(),
  }),
  z.object({
    about: z.literal('inventory'),
    /** `containerd 1.6.20`; absent while none answers. */
    runtime: z.string().optional(),
    rows: z.array(InventoryRow),
    near: z.array(z.string()),
  }),
  z.object({
    about: z.literal('usage'),
    cpus: z.number().int(),
    /** Of the whole machine. */
    cores: z.number(),
    /** Busiest first. */
    rows: z.array(UsageRow),
  }),
  Vitals.extend({ about: z.literal('vitals') }),
])
export type Answer = z.infer<typeof Answer>

/** Agent to server. */
export const AgentMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: z.number().int(),
    node: z.string(),
    version: z.string(),
    startedMs: z.number(),
  }),
  /** State of the recorder, every few seconds; also the heart-beat. */
  AgentStatus.extend({ type: z.literal('status') }),
  /** An incident as the agent knows it now; the server keeps the newest and answers `stored` once it is durable. */
  z.object({ type: z.literal('incident'), seq: z.number().int(), incident: Incident }),
  /** A capture as it stands; likewise. */
  z.object({ type: z.literal('capture'), seq: z.number().int(), capture: Capture }),
  /** Metadata of an artifact whose bytes were uploaded before; likewise. `usage` artifacts hold `SeriesAnswer` as JSON. */
  z.object({ type: z.literal('artifact'), seq: z.number().int(), artifact: Artifact }),
  /** To the `ask` of the same number. */
  z.object({ type: z.literal('answer'), request: z.number().int(), answer: Answer }),
  z.object({ type: z.literal('no-answer'), request: z.number().int(), code: z.string(), message: z.string() }),
])
export type AgentMessage = z.infer<typeof AgentMessage>

/** Server to agent. */
export const ServerMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('welcome'), protocol: z.number().int(), version: z.string() }),
  z.object({ type: z.literal('refused'), code: z.string(), message: z.string() }),
  /** The message with this `seq` is on disk and need not be repeated. */
  z.object({ type: z.literal('stored'), seq: z.number().int() }),
  /** The bytes of this artifact are not here (never came, or the disk lost them): upload them, then repeat. */
  z.object({ type: z.literal('missing'), seq: z.number().int(), sha256: z.string() }),
  /** The message with this `seq` can never be stored; repeating it is of no use. */
  z.object({ type: z.literal('rejected'), seq: z.number().int(), code: z.string(), message: z.string() }),
  /**
   * Carry out a capture now: a person asked, an alert came, or a rule wants more of a spike. Told again after every
   * hello until the server knows how it ended, so an agent that has had the order leaves it alone.
   */
  z.object({
    type: z.literal('start-capture'),
    captureId: z.string(),
    incidentId: z.string().optional(),
    rule: z.string(),
    reason: z.string(),
    triggerKind: z.enum(triggerKinds),
    captureKind: z.string(),
    target: Target,
    lookBackMs: z.number(),
    forMs: z.number(),
    options: ProbeOptions.optional(),
  }),
  z.object({ type: z.literal('stop-capture'), captureId: z.string() }),
  /** To be answered soon, with the same number; the server gives up waiting after some seconds. */
  z.object({ type: z.literal('ask'), request: z.number().int(), question: Question }),
])
export type ServerMessage = z.infer<typeof ServerMessage>
