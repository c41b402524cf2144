// The context probe: what surrounds a target, from /proc and its cgroup alone. Nothing is attached, nothing is sent, so
// it fits every target and is part of every capture.
import { setTimeout as sleep } from 'node:timers/promises'
import { mediaTypes } from '../model/capture.ts'
import type { ContextNode, TargetContext } from '../model/context.ts'
import { Failure } from '../model/errors.ts'
import type { CgroupView } from '../target/cgroup-view.ts'
import { parseMachineBusyTicks } from '../target/proc-stat.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { CgroupLook, readPressures } from './context-cgroup.ts'
import { look, parseLimits, processesOf, processRows, readIfThere, threadRows } from './context-processes.ts'
import { summarizeSockets } from './context-sockets.ts'
import type { Probe, ProbeRequest } from './probe.ts'

export interface ContextOptions {
  readonly cgroups: CgroupView
  readonly proc?: string
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number
}

/** Ticks are 10 ms, so a second gives CPU per thread to a hundredth of a core; longer would not say "now" any more. */
const windowMs = 1000
/** Sockets are those of the first processes of a target; to walk the descriptors of hundreds is not cheap. */
const maxSocketOwners = 20

export function createContextProbe(options: ContextOptions): Probe {
  return {
    name: 'context',
    run: async (request) => {
      const context = await collectContext(request, options)
      return {
        outcome: 'ok',
        findings: [
          {
            name: 'context.json',
            mediaType: mediaTypes.context,
            bytes: new TextEncoder().encode(`${JSON.stringify(context, undefined, 1)}\n`),
          },
        ],
      }
    },
  }
}

/** @throws Failure TARGET_GONE */
export async function collectContext(
  { target, signal }: Pick<ProbeRequest, 'target' | 'signal'>,
  { cgroups, proc = '/proc', nowMs }: ContextOptions,
): Promise<TargetContext> {
  const { pid, startTicks } = target
  const requireAlive = (): void => {
    // Of a container it is one of several, and the others are still there.
    if (
      target.kind === 'process' &&
      pid !== undefined &&
      startTicks !== undefined &&
      startTicksOf(pid, proc) !== startTicks
    ) {
      throw new Failure('TARGET_GONE', `process ${pid} has ended`)
    }
  }
  requireAlive()
  const { scope, pids } = processesOf(target, cgroups, proc)
  const lead = pid !== undefined && pids.includes(pid) ? pid : pids[0]
  if (lead === undefined) throw new Failure('TARGET_GONE', 'no process of the target is there any more')
  const isNode = scope === 'node'
  const cgroup = isNode ? undefined : CgroupLook.open(lead, cgroups, proc)
  const busyBefore = busyTicks(proc)
  const before = look(pids, !isNode, performance.now(), proc)
  // At once: what other probes open is not the target's.
  const sockets = isNode ? undefined : summarizeSockets(pids.slice(0, maxSocketOwners), proc)
  await sleep(windowMs, undefined, { signal }).catch(() => undefined) // stopped: a shorter window is still one
  // Asked again, for what was started meanwhile.
  const later = processesOf(target, cgroups, proc).pids
  const after = look(later, !isNode, performance.now(), proc)
  const tookMs = after.atMs - before.atMs
  const busyCores = ((busyTicks(proc) - busyBefore) * 10) / tookMs
  const cgroupFacts = cgroup?.finish(tookMs)
  requireAlive()
  const uptimeSeconds = Number.parseFloat(readIfThere(`${proc}/uptime`))
  const processes = processRows(before, after, { proc, absolute: cgroups.absolute, uptimeSeconds })
  const threadCount = [...after.processes.values()].reduce((sum, each) => sum + each.threads, 0)
  const notes: string[] = []
  const left = after.processes.size - processes.length
  if (left > 0) notes.push(`${left} less busy processes are not listed`)
  if (isNode) notes.push('threads and sockets are listed of a process or container, not of a whole node')
  else if (after.threads.size === 0 && threadCount > 0)
    notes.push(`${threadCount} threads are too many to look at each`)
  if (sockets && (sockets.isCut || pids.length > maxSocketOwners)) notes.push('not all sockets were looked at')
  return {
    version: 1,
    atMs: nowMs(),
    windowMs: Math.round(tookMs),
    scope,
    processes,
    processCount: after.processes.size,
    threads: threadRows(before, after),
    threadCount,
    limits: isNode ? {} : parseLimits(readIfThere(`${proc}/${lead}/limits`)),
    ...(cgroupFacts ? { cgroup: cgroupFacts } : {}),
    ...(sockets ? { sockets: sockets.sockets } : {}),
    node: nodeFacts(busyCores, proc),
    notes,
  }
}

function busyTicks(proc: string): number {
  const bytes = Buffer.from(readIfThere(`${proc}/stat`), 'latin1')
  return parseMachineBusyTicks(bytes, bytes.length)
}

/** `0.52 0.61 0.44 2/345 4242` and lines such as `MemAvailable:   23597000 kB` (proc_loadavg(5), proc_meminfo(5)). */
function nodeFacts(busyCores: number, proc: string): ContextNode {
  const [one = 0, five = 0, fifteen = 0] = readIfThere(`${proc}/loadavg`).split(' ').map(Number)
  const memory = readIfThere(`${proc}/meminfo`)
  const kilobytes = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(memory)?.[1] ?? 0)
  return {
    kernel: readIfThere(`${proc}/sys/kernel/osrelease`).trim(),
    cpus: (readIfThere(`${proc}/stat`).match(/^cpu\d+ /gm) ?? []).length,
    busyCores: Math.round(busyCores * 100) / 100,
    load: [one, five, fifteen],
    memoryBytes: kilobytes('MemTotal') * 1024,
    memoryAvailableBytes: kilobytes('MemAvailable') * 1024,
    pressure: readPressures(`${proc}/pressure`, ''),
  }
}
