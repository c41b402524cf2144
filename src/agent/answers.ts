// What the agent says when the server asks who runs here, who burns, and whom a name means.
import { availableParallelism } from 'node:os'
import type { Answer, Question } from '../api/messages.ts'
import { printBytes } from '../lib/units.ts'
import { Failure } from '../model/errors.ts'
import type { InventoryRow, LiveUsage, ProcessInfo, TargetSelector, UsageRow, Vitals } from '../model/inventory.ts'
import type { Target } from '../model/target.ts'
import type { CpuUsage, UsageNow } from '../target/cpu-usage.ts'
import { findTargets, isProcess, nearNames } from '../target/find-targets.ts'
import type { Inventory, InventoryProcess, WhoisMatch, WhoisOptions } from '../target/inventory.ts'

export interface AnswerSources {
  readonly node: string
  readonly inventory: Pick<Inventory, 'whois' | 'containers' | 'describe' | 'runtime'>
  readonly usage: Pick<CpuUsage, 'now' | 'coresOf' | 'containerNow' | 'machineCores' | 'limits' | 'target'>
  /** The clock of the usage readings. */
  monotonicMs(): number
  vitals(target: Target): Vitals
}

/** More rows than any terminal has; a node of 500 containers has some thousand processes that do nothing. */
const maxUsageRows = 500
/** Programs outside of containers that use less than half a percent of a core are left out of the list of burners. */
const leastOutsideCores = 0.005

/** The server takes messages of 4 MB and ends the connection of who sends more: 5 000 processes are about 3 MB. */
const maxAnswerBytes = 3_500_000

/** @throws Failure USAGE when a name or a label selector cannot be read, TOO_LARGE when too much fits it */
export async function answerQuestion(question: Question, sources: AnswerSources): Promise<Answer> {
  const answer = await findAnswer(question, sources)
  const { length } = JSON.stringify(answer)
  if (length <= maxAnswerBytes) return answer
  const most = printBytes(maxAnswerBytes)
  throw new Failure(
    'TOO_LARGE',
    `node ${sources.node} has ${printBytes(length)} to tell, and an answer may have ${most}: ` +
      'ask for one pod, namespace (-n) or label (-l)',
  )
}

async function findAnswer(question: Question, sources: AnswerSources): Promise<Answer> {
  switch (question.about) {
    case 'targets':
      return whomItMeans(question.select, sources)
    case 'inventory':
      return whoRuns(question.select, sources)
    case 'usage':
      return whoBurns(sources)
    case 'vitals':
      return { about: 'vitals', ...sources.vitals(question.target) }
  }
}

const whoisOptions = ({ namespace, labels }: TargetSelector): WhoisOptions => ({
  ...(namespace === undefined ? {} : { namespace }),
  ...(labels === undefined ? {} : { selector: labels }),
})

async function whomItMeans(select: TargetSelector, { node, inventory, usage }: AnswerSources): Promise<Answer> {
  const matches = await inventory.whois(select.name ?? '', whoisOptions(select))
  const coresOf = ({ pid, startTicks }: InventoryProcess): number => usage.coresOf(pid, startTicks) ?? 0
  const { candidates, why } = findTargets(matches, select, { node, coresOf })
  const isUnknown = candidates.length === 0 && why === undefined && select.name !== undefined
  const near = isUnknown ? nearNames(inventory.containers(), select.name as string) : []
  return { about: 'targets', candidates: [...candidates], near, ...(why ? { why } : {}) }
}

async function whoRuns(select: TargetSelector, sources: AnswerSources): Promise<Answer> {
  const { inventory } = sources
  const matches = await inventory.whois(select.name ?? '', whoisOptions(select))
  const rows = matches
    .filter(({ container }) => !select.container || container?.name === select.container)
    .map((match) => inventoryRow(match, select.process, sources))
    .filter((row) => select.process === undefined || row.processes.length > 0)
  const near = rows.length === 0 && select.name !== undefined ? nearNames(inventory.containers(), select.name) : []
  return { about: 'inventory', ...(inventory.runtime ? { runtime: inventory.runtime } : {}), rows, near }
}

function inventoryRow(match: WhoisMatch, wanted: string | undefined, sources: AnswerSources): InventoryRow {
  const { container, pod, processes } = match
  const { node, usage } = sources
  const containerId = container?.id ?? processes[0]?.containerId
  const now = containerId === undefined ? undefined : usage.containerNow(containerId)
  const { pod: _, ...containerInfo } = container ?? {}
  return {
    node,
    ...(pod ? { pod: { ...pod, ips: [...pod.ips] } } : {}),
    ...(container ? { container: containerInfo as Omit<typeof container, 'pod'> } : {}),
    ...(now ? { usage: liveUsage(now, sources) } : {}),
    processes: processes
      .filter((process) => wanted === undefined || isProcess(process, wanted))
      .map((process) => processInfo(process, usage.coresOf(process.pid, process.startTicks))),
  }
}

function processInfo({ runtime, ...process }: InventoryProcess, cores: number | undefined): ProcessInfo {
  const { runtime: language, version, libc, framePointers, go } = runtime
  return {
    ...process,
    ...(cores === undefined ? {} : { cores }),
    runtime: language,
    ...(version ? { version } : {}),
    ...(libc ? { libc } : {}),
    framePointers,
    ...(go ? { build: { ...go } } : {}),
  }
}

function liveUsage({ key, cores, strain }: UsageNow, { usage, monotonicMs }: AnswerSources): LiveUsage {
  return {
    cores,
    ...usage.limits(key, monotonicMs()),
    ...(strain ? { throttledShare: strain.throttledShare, throttledCores: strain.throttledCores } : {}),
    ...(strain?.waitingShare === undefined ? {} : { waitingShare: strain.waitingShare }),
  }
}

function whoBurns(sources: AnswerSources): Answer {
  const { inventory, usage } = sources
  const rows: UsageRow[] = []
  const busiest = usage.now().sort((a, b) => b.cores - a.cores)
  for (const now of busiest) {
    if (rows.length >= maxUsageRows) break
    if (!now.key.startsWith('c:') && now.cores < leastOutsideCores) continue
    const found = usage.target(now.key)
    if (!found) continue
    const target = inventory.describe(found)
    // The pause process of a pod is a container to the kernel, and nothing that anybody wants to see idle.
    if (target.pod !== undefined && target.container === undefined && now.cores < leastOutsideCores) continue
    rows.push({ ...liveUsage(now, sources), target })
  }
  return { about: 'usage', cpus: availableParallelism(), cores: usage.machineCores, rows }
}
