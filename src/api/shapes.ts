// What requests and answers look like: the JSON of every route, and of the events.
import { z } from '@hono/zod-openapi'
import { AlertRecord } from '../model/alert.ts'
import { Artifact as ArtifactModel, Capture as CaptureModel, captureKinds, ProbeOptions } from '../model/capture.ts'
import { Incident as IncidentModel } from '../model/incident.ts'
import {
  InventoryRow as InventoryRowModel,
  TargetCandidate as TargetCandidateModel,
  TargetSelector as TargetSelectorModel,
  UsageRow as UsageRowModel,
} from '../model/inventory.ts'
import { LedgerEntry as LedgerEntryModel } from '../model/ledger.ts'
import { Notice as NoticeModel } from '../model/notice.ts'
import { Target } from '../model/target.ts'
import { UsageSeries as UsageSeriesModel } from '../model/usage.ts'
import { AgentStatus } from './messages.ts'

// The model's schemas are plain zod; here they get the names under which the OpenAPI document refers to them.
const Artifact = z.object(ArtifactModel.shape).openapi('Artifact')
const Capture = z.object(CaptureModel.shape).openapi('Capture')
const Incident = z.object(IncidentModel.shape).openapi('Incident')
const Notice = z.object(NoticeModel.shape).openapi('Notice')
const LedgerEntry = z.object(LedgerEntryModel.shape).openapi('LedgerEntry')
const UsageSeries = z.object(UsageSeriesModel.shape).openapi('UsageSeries')
const InventoryRow = z.object(InventoryRowModel.shape).openapi('InventoryRow')
const UsageRow = z.object(UsageRowModel.shape).openapi('UsageRow')
export const TargetSelector = z.object(TargetSelectorModel.shape).openapi('TargetSelector')
const TargetCandidate = z.object(TargetCandidateModel.shape).openapi('TargetCandidate')

/** Every error of every route. */
export const ErrorBody = z
  .object({
    /** Permanent; the table is docs/errors.md. */
    code: z.string(),
    /** What happened to which thing. */
    message: z.string(),
    /** The next step. */
    advice: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .openapi('Error')
export type ErrorBody = z.infer<typeof ErrorBody>

export const AgentState = z
  .object({
    node: z.string(),
    version: z.string(),
    connected: z.boolean(),
    /** When the agent process began. */
    startedMs: z.number(),
    /** When the server last heard of it. */
    lastSeenMs: z.number(),
    status: AgentStatus.optional(),
  })
  .openapi('AgentState')
export type AgentState = z.infer<typeof AgentState>

export const ServerStatus = z
  .object({
    version: z.string(),
    protocol: z.number().int(),
    startedMs: z.number(),
    nowMs: z.number(),
    agents: z.array(AgentState),
    /** True when every connected agent records; false when one does not, or none is there. */
    recording: z.boolean(),
    /** Why not, one sentence. */
    message: z.string().optional(),
    data: z.object({
      catalogBytes: z.number(),
      blobs: z.number().int(),
      blobBytes: z.number(),
      budgetBytes: z.number(),
      freeBytes: z.number(),
      /** Below this much free space captures are refused. */
      minFreeBytes: z.number(),
      /** Artifacts dropped for their age or the budget since the data folder exists. */
      evicted: z.number().int(),
    }),
  })
  .openapi('ServerStatus')
export type ServerStatus = z.infer<typeof ServerStatus>

export const IncidentPage = z.object({
  incidents: z.array(Incident),
  /** Pass it as `cursor` to get the next, older page; absent on the last one. */
  nextCursor: z.string().optional(),
})
export type IncidentPage = z.infer<typeof IncidentPage>

export const IncidentDetail = z.object({
  incident: Incident,
  captures: z.array(Capture),
  artifacts: z.array(Artifact),
  /** Who was told of it, and what came of that; absent when nobody had to be. */
  notices: z.array(Notice).optional(),
})
export type IncidentDetail = z.infer<typeof IncidentDetail>

export const IncidentAnswer = z.object({ incident: Incident })
export type IncidentAnswer = z.infer<typeof IncidentAnswer>

/** As somebody calls themselves; nobody checks it. */
const PersonName = z.string().trim().min(1).max(100)
export const PinRequest = z.object({ by: PersonName.optional() })
/** The most is some three pages: longer stories belong into a document that the note links to. */
export const NoteText = z.object({ text: z.string().trim().min(1).max(8000) })
export const NoteRequest = NoteText.extend({ by: PersonName.optional() })

export const CapturePage = z.object({ captures: z.array(Capture), nextCursor: z.string().optional() })
export type CapturePage = z.infer<typeof CapturePage>

export const CaptureDetail = z.object({ capture: Capture, artifacts: z.array(Artifact) })
export type CaptureDetail = z.infer<typeof CaptureDetail>

export const ArtifactDetail = Artifact

export const LedgerPage = z.object({ entries: z.array(LedgerEntry), nextCursor: z.string().optional() })
export type LedgerPage = z.infer<typeof LedgerPage>

export const SeriesAnswer = z.object({ series: z.array(UsageSeries) })
export type SeriesAnswer = z.infer<typeof SeriesAnswer>

/** Nodes that did not answer; what the others say is there all the same. */
const SilentNodes = z.array(z.object({ node: z.string(), code: z.string(), message: z.string() }))

export const InventoryAnswer = z
  .object({
    /** Nodes that answered, each with its container runtime where one answers it. */
    nodes: z.array(z.object({ node: z.string(), runtime: z.string().optional() })),
    rows: z.array(InventoryRow),
    silent: SilentNodes,
  })
  .openapi('InventoryAnswer')
export type InventoryAnswer = z.infer<typeof InventoryAnswer>

export const UsageAnswer = z
  .object({
    /** Each with its busiest first. */
    nodes: z.array(
      z.object({
        node: z.string(),
        cpus: z.number().int(),
        /** Of the whole machine. */
        cores: z.number(),
        rows: z.array(UsageRow),
      }),
    ),
    silent: SilentNodes,
  })
  .openapi('UsageAnswer')
export type UsageAnswer = z.infer<typeof UsageAnswer>

export const TargetsAnswer = z
  .object({
    /** Busiest first. */
    candidates: z.array(TargetCandidate),
    silent: SilentNodes,
  })
  .openapi('TargetsAnswer')
export type TargetsAnswer = z.infer<typeof TargetsAnswer>

export const CaptureRequest = z
  .object({
    kind: z.enum(captureKinds),
    /** `node` may be left out when only one agent is connected. Either this or `select`. */
    target: z.object(Target.shape).partial({ node: true }).optional(),
    /** By name; the nodes are asked whom it means right before it begins. Of several the busiest is taken. */
    select: TargetSelector.optional(),
    /** How much of the ring to put in front, for the kinds that have its stacks; 60 s without. */
    lookBackMs: z.number().int().min(0).max(86_400_000).optional(),
    /** How long to go on from now; each kind has its own time without: `defaultForMs` in src/model/capture.ts. */
    forMs: z.number().int().min(1000).max(600_000).optional(),
    options: z.object(ProbeOptions.shape).optional(),
    /** Why, in the words of whoever asks. */
    reason: z.string().max(500).optional(),
  })
  .openapi('CaptureRequest')
export type CaptureRequest = z.input<typeof CaptureRequest>

export const CaptureAccepted = z.object({
  id: z.string(),
  incidentId: z.string(),
  /** Whom `select` meant. */
  target: z.object(Target.shape).optional(),
  /** Others that it might have meant too, busiest first, when it meant more than one. */
  others: z.array(TargetCandidate).optional(),
})
export type CaptureAccepted = z.infer<typeof CaptureAccepted>

/**
 * Parts of an incident's time: `before` is its baseline, `during` from the onset to the end (of the spike, else of the
 * capture), `after` what follows, `all` the whole capture.
 */
export const phases = ['before', 'during', 'after', 'all'] as const
export type Phase = (typeof phases)[number]

const Range = z.object({ fromMs: z.number(), toMs: z.number() })

/** Where a view's numbers come from and what they leave out; shown beside every picture. */
const Provenance = {
  captureId: z.string(),
  artifactId: z.string(),
  range: Range,
  /** Of the diff's other side. */
  baseRange: Range.optional(),
  sampleType: z.object({ type: z.string(), unit: z.string() }),
  /** Samples in the range and scope, and their value in the unit above. */
  samples: z.number().int(),
  value: z.number(),
  baseSamples: z.number().int().optional(),
  baseValue: z.number().optional(),
  losses: z.array(z.object({ what: z.string(), count: z.number() })),
}

/**
 * The columns of `profile/call-tree.ts` as plain arrays: depth-first preorder, siblings heaviest first, node 0 is the
 * root whose frame is -1, the subtree of node i is (i, end[i]). In a diff `base` has the same nodes in the baseline,
 * already scaled to be comparable.
 */
export const FlameAnswer = z
  .object({
    ...Provenance,
    tree: z.object({
      frames: z.object({ name: z.array(z.string()), module: z.array(z.string()), kind: z.array(z.string()) }),
      unit: z.string(),
      frame: z.array(z.number().int()),
      parent: z.array(z.number().int()),
      depth: z.array(z.number().int()),
      end: z.array(z.number().int()),
      self: z.array(z.number()),
      total: z.array(z.number()),
      base: z.object({ self: z.array(z.number()), total: z.array(z.number()) }).optional(),
    }),
  })
  .openapi('FlameAnswer')
export type FlameAnswer = z.infer<typeof FlameAnswer>

export const TopAnswer = z
  .object({
    ...Provenance,
    /** Heaviest self first; shares are of `value`, those of the baseline of `baseValue`. */
    rows: z.array(
      z.object({
        function: z.string(),
        module: z.string().optional(),
        self: z.number(),
        total: z.number(),
        selfShare: z.number(),
        totalShare: z.number(),
        baseSelfShare: z.number().optional(),
        baseTotalShare: z.number().optional(),
      }),
    ),
  })
  .openapi('TopAnswer')
export type TopAnswer = z.infer<typeof TopAnswer>

export const ThreadsAnswer = z
  .object({
    ...Provenance,
    /** Every thread that was on a CPU in the range, whole node, heaviest first. */
    rows: z.array(
      z.object({
        pid: z.number().int(),
        /** Where the PID was given again within the capture: whose thread it is, in the order of time from 1. */
        owner: z.number().int().optional(),
        tid: z.number().int(),
        comm: z.string(),
        thread: z.string(),
        cgroup: z.string().optional(),
        samples: z.number().int(),
        value: z.number(),
        baseValue: z.number().optional(),
        /** Belongs to the incident's target. */
        isTarget: z.boolean(),
      }),
    ),
  })
  .openapi('ThreadsAnswer')
export type ThreadsAnswer = z.infer<typeof ThreadsAnswer>

export const UploadState = z
  .object({
    /** How many bytes the server holds; continue from there. */
    offset: z.number().int(),
    /** True once the bytes are stored and their sha256 was checked. */
    complete: z.boolean(),
  })
  .openapi('UploadState')
export type UploadState = z.infer<typeof UploadState>

/** What `/api/v1/events` says: each document whole, as it now is. */
export const ServerEvent = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('incident'), incident: Incident }),
    z.object({ type: z.literal('capture'), capture: Capture }),
    z.object({ type: z.literal('agent'), agent: AgentState }),
  ])
  .openapi('ServerEvent')
export type ServerEvent = z.infer<typeof ServerEvent>

const NamedAlert = z.object({ id: z.string(), name: z.string() })
const SkippedAlert = z.object({ what: z.string(), why: z.string() })

export const HookAnswer = z.object({
  accepted: z.array(NamedAlert),
  resolved: z.array(NamedAlert),
  repeated: z.number().int(),
  skipped: z.array(SkippedAlert),
  truncated: z.number().int(),
})
export type HookAnswer = z.infer<typeof HookAnswer>

export const AlertPage = z.object({ alerts: z.array(z.object(AlertRecord.shape)), nextCursor: z.string().optional() })
export type AlertPage = z.infer<typeof AlertPage>

/** Whoever paused a rule, as they call themselves, when and why. */
export const RulePause = z.object({ atMs: z.number(), by: z.string().optional(), why: z.string().optional() })
export type RulePause = z.infer<typeof RulePause>
export const RulePauseRequest = z.object({
  by: z.string().min(1).max(100).optional(),
  why: z.string().min(1).max(1000).optional(),
})

/** What a rule did and may do. */
export const RuleState = z.object({
  name: z.string(),
  state: z.enum(['active', 'paused']),
  /** Absent where it is active, or the rule file itself pauses it. */
  pause: RulePause.optional(),
  /** Captures that it asked for within a day, and how many of them are under way or failed. */
  captures: z.number().int(),
  running: z.number().int(),
  failed: z.number().int(),
  lastMs: z.number().optional(),
  /** Workloads that it must leave alone for now, and until when. */
  cooling: z.array(z.object({ workload: z.string(), kind: z.string(), untilMs: z.number() })),
  match: z.record(z.string(), z.unknown()),
  do: z.array(z.object({ kind: z.string(), forMs: z.number() })),
})
export type RuleState = z.infer<typeof RuleState>

export const RulesAnswer = z.object({
  /** Where they come from; absent: the defaults. */
  file: z.string().optional(),
  /** Why the file as it is now was not taken over. */
  problem: z.string().optional(),
  loadedMs: z.number(),
  rules: z.array(RuleState),
})
export type RulesAnswer = z.infer<typeof RulesAnswer>

export const RuleTestAnswer = z.object({
  source: z.string(),
  alerts: z.array(z.object({ name: z.string(), status: z.string(), decisions: z.array(z.string()) })),
  skipped: z.array(SkippedAlert),
})
export type RuleTestAnswer = z.infer<typeof RuleTestAnswer>

/** Whom the rules can tell when evidence is there; nothing of it is secret. */
export const ReceiversAnswer = z.object({
  receivers: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      /** Where messages go, without what has to stay secret of the address. */
      place: z.string(),
      /** Rules whose incidents it is told of. */
      rules: z.array(z.string()),
      /** Whether it is told of incidents whose rule names nobody, and of spikes that no rule matches. */
      byDefault: z.boolean(),
    }),
  ),
})
export type ReceiversAnswer = z.infer<typeof ReceiversAnswer>

export const ReceiverTestAnswer = z.object({
  delivered: z.boolean(),
  /** What the receiver answered, or why it did not take it. */
  answer: z.string(),
  tookMs: z.number(),
})
export type ReceiverTestAnswer = z.infer<typeof ReceiverTestAnswer>

export const NoticePage = z.object({ notices: z.array(Notice), nextCursor: z.string().optional() })
export type NoticePage = z.infer<typeof NoticePage>
