// Fields of one PERF_RECORD_SAMPLE, read into one object that is used for all of them.
//
//   header  ip  pid tid  time  id  cpu 0  period  nr  ips[nr]  cgroup        -F 49 -a -g -e cpu-clock --all-cgroups
import { findCgroup, readWords } from './event.ts'
import type { Events } from './events.ts'
import { int64, type RecordBlock, recordMisc, recordSize } from './record-block.ts'
import { misc } from './record-types.ts'
import type { SampleFields } from './sample-batch.ts'

export interface SampleRecordFields extends SampleFields {
  pid: number
  tid: number
  /** Word range of the call chain, or of the one address where no chain was recorded. */
  chainFrom: number
  chainTo: number
  /** Whether code before the first marker of the chain is the kernel's. */
  startsInKernel: boolean
}

export function newSampleFields(): SampleRecordFields {
  return {
    pid: -1,
    tid: -1,
    rawStack: 0,
    cgroup: 0,
    period: 1,
    event: 0,
    cpu: 0,
    chainFrom: 0,
    chainTo: 0,
    startsInKernel: false,
  }
}

/** @returns false when the fields do not fit into the record */
export function readSample(block: RecordBlock, at: number, events: Events, fields: SampleRecordFields): boolean {
  const { words } = block
  const row = events.rowOf(words, at)
  const layout = events.layout(row)
  const end = at + (recordSize(words, at) >> 2)
  let next = at + layout.variable
  if (next > end) return false
  fields.event = row
  if (layout.tid >= 0) {
    fields.pid = words[at + layout.tid] as number
    fields.tid = words[at + layout.tid + 1] as number
  }
  fields.cpu = layout.cpu < 0 ? 0 : (words[at + layout.cpu] as number)
  // Without PERIOD every sample stands for the one period that was asked for.
  fields.period =
    layout.period >= 0 ? int64(words, at + layout.period) : layout.attr.isFrequency ? 1 : layout.attr.periodOrFrequency
  fields.startsInKernel = (recordMisc(words, at) & misc.cpuMode) === misc.kernel
  if (layout.hasRead) {
    const width = readWords(words, next, end, layout.readFormat)
    if (width < 0) return false
    next += width
  }
  fields.chainFrom = at + layout.ip
  fields.chainTo = layout.ip < 0 ? fields.chainFrom : fields.chainFrom + 2
  if (layout.hasChain) {
    if (next + 2 > end) return false
    const count = words[next] as number
    if (words[next + 1] !== 0 || count < 0 || count > (end - next - 2) >> 1) return false
    next += 2
    // An empty chain: the kernel could not walk, but knows where it was.
    if (count > 0 || layout.ip < 0) {
      fields.chainFrom = next
      fields.chainTo = next + 2 * count
    }
    next += 2 * count
  }
  fields.cgroup = 0
  if (layout.hasCgroup) {
    if (!layout.cgroupFollowsChain) next = findCgroup(block, next, end, layout.attr)
    if (next >= 0 && next + 2 <= end) fields.cgroup = int64(words, next)
  }
  return true
}
