// What is known about incidents, captures and artifacts: documents found by a few keys. The bytes are in the blob store.
import type { AlertRecord } from '../model/alert.ts'
import type { Artifact, Capture, CaptureState } from '../model/capture.ts'
import type { Incident } from '../model/incident.ts'
import type { LedgerEntry } from '../model/ledger.ts'
import type { Notice, NoticeState } from '../model/notice.ts'
import type { UsageSeries } from '../model/usage.ts'

/** Where a page ends: the next one begins with what is older, or as old with a lower id. */
export interface Position {
  readonly atMs: number
  readonly id: string
}

export interface Page {
  readonly limit: number
  readonly after?: Position | undefined
}

export interface IncidentFilter extends Page {
  readonly node?: string | undefined
  readonly namespace?: string | undefined
  readonly pod?: string | undefined
  readonly state?: string | undefined
  /**
   * Words that each stand somewhere in what a list shows of it, whatever the case: id, node, `namespace/pod/container`,
   * workload, command and PID, rules, names of alerts, the busiest functions and threads, notes.
   */
  readonly text?: string | undefined
  /** Only what lies partly or wholly within: from its onset to its end, or to when it was noticed and its evidence kept. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

export interface CaptureFilter extends Page {
  readonly incidentId?: string | undefined
  readonly node?: string | undefined
  readonly states?: readonly CaptureState[] | undefined
}

export interface NoticeFilter extends Page {
  readonly incidentId?: string | undefined
  readonly states?: readonly NoticeState[] | undefined
}

/** What retention needs to know of an artifact whose bytes are held. */
export interface HeldArtifact {
  readonly id: string
  readonly sha256: string
  readonly sizeBytes: number
  readonly createdMs: number
  /** Its incident is pinned: never dropped, neither for its age nor for the budget. */
  readonly pinned: boolean
}

export interface CatalogCounts {
  readonly incidents: number
  readonly captures: Readonly<Partial<Record<CaptureState, number>>>
  readonly artifacts: number
  readonly evicted: number
  /** Messages to receivers. */
  readonly notices: Readonly<Partial<Record<NoticeState, number>>>
}

/**
 * Every promise of a change resolves when the change survives a crash. Changes happen one after the other, so a
 * `change` function sees what the one before it left. Lists are newest first.
 */
export interface Catalog {
  /**
   * Reads, changes and writes one document.
   * @param change gets what is stored; gives what to store, or undefined to leave it
   * @returns what is stored afterwards
   */
  updateIncident(id: string, change: (old: Incident | undefined) => Incident | undefined): Promise<Incident | undefined>
  incident(id: string): Promise<Incident | undefined>
  /** By `noticedMs`. */
  listIncidents(filter: IncidentFilter): Promise<Incident[]>

  /** @param entry what the ledger says of one that is new, in the same transaction */
  updateCapture(
    id: string,
    change: (old: Capture | undefined) => Capture | undefined,
    entry?: (first: Capture) => LedgerEntry,
  ): Promise<Capture | undefined>
  capture(id: string): Promise<Capture | undefined>
  /** By `requestedMs`. */
  listCaptures(filter: CaptureFilter): Promise<Capture[]>

  /** Again with the same id: the metadata of the first time stays, because artifacts never change. */
  putArtifact(artifact: Artifact): Promise<void>
  artifact(id: string): Promise<Artifact | undefined>
  /** Oldest first. */
  artifactsOf(captureIds: readonly string[]): Promise<Artifact[]>
  /** Those that are not evicted and whose name begins like this, oldest first. */
  artifactsNamed(beginning: string): Promise<Artifact[]>
  /** All artifacts that are not evicted, oldest first. */
  heldArtifacts(): Promise<HeldArtifact[]>
  markEvicted(artifactIds: readonly string[], atMs: number): Promise<void>

  /** Replaces what was stored for this capture. */
  putSeries(captureId: string, series: readonly UsageSeries[]): Promise<void>
  seriesOf(captureIds: readonly string[]): Promise<UsageSeries[]>

  addToLedger(entry: LedgerEntry): Promise<void>
  listLedger(page: Page): Promise<LedgerEntry[]>

  /**
   * Writes new ones and replaces those with the same id; with what the ledger says of them, all in one transaction. It
   * goes before other changes that wait: who sends alerts is waiting for it.
   */
  saveAlerts(records: readonly AlertRecord[], ledger?: readonly LedgerEntry[]): Promise<void>
  alert(id: string): Promise<AlertRecord | undefined>
  /** Those that are not resolved, oldest first. */
  unresolvedAlerts(): Promise<AlertRecord[]>
  /** By `receivedMs`. */
  listAlerts(page: Page): Promise<AlertRecord[]>

  /** As with incidents: what to tell receivers, and what became of it. */
  updateNotice(id: string, change: (old: Notice | undefined) => Notice | undefined): Promise<Notice | undefined>
  /** By `atMs`. */
  listNotices(filter: NoticeFilter): Promise<Notice[]>

  counts(): Promise<CatalogCounts>
  /** Bytes on disk. */
  sizeBytes(): Promise<number>
  close(): Promise<void>
}
