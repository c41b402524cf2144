// Opens the data folder: catalog, blobs and the two limits of the disk, and says what a crash or a person left amiss.
import { mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Logger } from 'pino'
import { printBytes } from '../lib/units.ts'
import { Failure } from '../model/errors.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog } from '../store/catalog.ts'
import { createDiskGuard, type DiskGuard, type DiskLimits, type diskSpace } from '../store/disk-guard.ts'
import { openDuckdbCatalog } from '../store/duckdb-catalog.ts'
import { openFolderBlobs } from '../store/folder-blobs.ts'
import { planEviction } from '../store/retention.ts'

export interface StoreOptions {
  readonly dataDir: string
  /** Bytes of evidence that are kept; older ones are dropped. */
  readonly budgetBytes: number
  /** Evidence that is older is dropped, whatever there is room for; absent: whatever its age. */
  readonly maxAgeMs?: number
  readonly diskLimits?: DiskLimits
  /** How free space is measured, for tests. */
  readonly measureDisk?: typeof diskSpace
  readonly log: Logger
}

export interface Store {
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly guard: DiskGuard
  readonly budgetBytes: number
  /** Drops the oldest evidence until what is held and `incomingBytes` are within the budget. */
  keepWithinBudget(incomingBytes?: number): Promise<void>
  /** Drops what is older than it may be; also runs by itself. */
  dropAged(nowMs?: number): Promise<void>
  close(): Promise<void>
}

/** Uploaded, but never named by an artifact message: after a day the agent that sent it has long repeated it or is gone. */
const orphanAgeMs = 24 * 3_600_000

/** Ages are days: an hour more is of no matter, and to look costs a scan of the artifacts. */
const lookForAgedEveryMs = 3_600_000

/** @throws Failure DATA_NOT_WRITABLE, DATA_IN_USE, DATA_TOO_NEW, DATA_DAMAGED */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { dataDir, budgetBytes, maxAgeMs, diskLimits, measureDisk, log } = options
  try {
    await makeFolder(resolve(dataDir))
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause)
    throw new Failure('DATA_NOT_WRITABLE', `the data folder ${dataDir} cannot be made: ${reason}`, { cause })
  }
  // The catalog first: who holds its lock owns the folder.
  const catalog = await openDuckdbCatalog(join(dataDir, 'catalog.duckdb'), {
    onUnreadable: (problem) => log.error({ err: problem }, problem.message),
  })
  try {
    const blobs = await openFolderBlobs(join(dataDir, 'blobs'))
    if (blobs.cleaned > 0) log.info({ files: blobs.cleaned }, 'removed unfinished files of an earlier run')
    await reconcile(catalog, blobs, log)
    const guard = createDiskGuard(dataDir, {
      ...(diskLimits ? { limits: diskLimits } : {}),
      ...(measureDisk ? { measure: measureDisk } : {}),
    })
    const drop = evidenceDropper(catalog, blobs, { budgetBytes, log })
    const dropAged: Store['dropAged'] = async (nowMs = Date.now()) => {
      if (maxAgeMs !== undefined) await drop({ oldestMs: nowMs - maxAgeMs })
    }
    const lookForAged = async (): Promise<void> => {
      await dropAged()
      const uploads = await blobs.dropAbandoned(Date.now())
      if (uploads > 0) log.info({ uploads }, 'dropped unfinished uploads that nobody continued')
    }
    const timer = setInterval(() => {
      lookForAged().catch((error) => log.error({ err: error }, 'old evidence could not be dropped'))
    }, lookForAgedEveryMs)
    timer.unref()
    return {
      catalog,
      blobs,
      guard,
      budgetBytes,
      keepWithinBudget: (incomingBytes = 0) => drop({ incomingBytes }),
      dropAged,
      close: () => {
        clearInterval(timer)
        return catalog.close()
      },
    }
  } catch (error) {
    await catalog.close()
    throw error
  }
}

/** Not mkdir's own `recursive`: that never ends where a parent is there but takes no folders, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  const make = (): Promise<void> => mkdir(path, { mode: 0o700 })
  try {
    await make()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await make()
  }
}

/** Artifacts without bytes are reported, bytes without artifact removed once nobody can claim them any more. */
async function reconcile(catalog: Catalog, blobs: Blobs, log: Logger): Promise<void> {
  const held = await catalog.heldArtifacts()
  const named = new Set(held.map(({ sha256 }) => sha256))
  const stored = await blobs.list()
  const present = new Set(stored.map(({ sha256 }) => sha256))
  const missing = held.filter(({ sha256 }) => !present.has(sha256))
  if (missing.length > 0) {
    log.error({ artifacts: missing.map(({ id }) => id) }, `${missing.length} artifacts have lost their bytes`)
  }
  const orphans = stored.filter(({ sha256, modifiedMs }) => !named.has(sha256) && Date.now() - modifiedMs > orphanAgeMs)
  for (const { sha256 } of orphans) await blobs.delete(sha256)
  if (orphans.length > 0) log.info({ blobs: orphans.length }, 'removed bytes that no artifact names')
}

interface Wanted {
  /** Bytes that are about to come. */
  readonly incomingBytes?: number
  /** Nothing may have been recorded before this. */
  readonly oldestMs?: number
}

function evidenceDropper(catalog: Catalog, blobs: Blobs, { budgetBytes, log }: { budgetBytes: number; log: Logger }) {
  let last: Promise<void> = Promise.resolve()
  const drop = async ({ incomingBytes = 0, oldestMs }: Wanted): Promise<void> => {
    const bytes = blobs.usage().bytes + incomingBytes
    if (bytes <= budgetBytes && oldestMs === undefined) return
    const held = await catalog.heldArtifacts()
    const plan = planEviction(held, bytes, { budgetBytes, ...(oldestMs === undefined ? {} : { oldestMs }) })
    if (plan.artifactIds.length > 0) {
      // Said first, then done: a crash in between leaves bytes without a name, never a name without bytes.
      await catalog.markEvicted(plan.artifactIds, Date.now())
      // An artifact with the same bytes may have arrived meanwhile.
      const named = new Set((await catalog.heldArtifacts()).map(({ sha256 }) => sha256))
      for (const sha256 of plan.sha256s) if (!named.has(sha256)) await blobs.delete(sha256)
      const why = oldestMs === undefined ? `keep within ${printBytes(budgetBytes)}` : 'keep nothing longer than wanted'
      log.info(
        { artifacts: plan.artifactIds.length, freedBytes: plan.freedBytes },
        `dropped the oldest evidence to ${why}`,
      )
    }
    if (plan.overBytes > 0) log.warn({ overBytes: plan.overBytes }, 'pinned evidence alone is beyond the budget')
  }
  return (wanted: Wanted): Promise<void> => {
    // One after the other: two at once would both drop for the same bytes.
    const next = last.then(() => drop(wanted))
    last = next.catch(() => undefined)
    return next
  }
}
