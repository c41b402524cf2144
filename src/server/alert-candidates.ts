// Whom an alert means right now: what its labels name, asked of the nodes, busiest first.
import { Failure } from '../model/errors.ts'
import type { TargetCandidate, TargetSelector } from '../model/inventory.ts'
import { commandName, printTarget } from '../model/target.ts'
import { type AlertTarget, tellsOfOthers } from '../trigger/alert-target.ts'
import { isLoopback } from './access.ts'
import type { AgentHub } from './agents.ts'
import { askNodes, findCandidates } from './ask-nodes.ts'

export interface AlertCandidates {
  /** Busiest first, at least one. */
  readonly candidates: readonly TargetCandidate[]
  /** How they were found, for people: which label said so, and who was passed over. */
  readonly because: string
}

type Agents = Pick<AgentHub, 'list' | 'ask'>

/** On a node that is busy as a whole, what uses less than this is not why. */
const busyCores = 0.2

/** @throws Failure NOT_FOUND when nobody that is known is meant */
export async function candidatesOfAlert(agents: Agents, wanted: AlertTarget): Promise<AlertCandidates> {
  const { how, because } = wanted
  if (how === 'instance') return listenersOf(agents, wanted)
  if (how === 'node') return { candidates: await burnersOf(agents, wanted.node ?? ''), because }
  return { candidates: (await findCandidates(agents, selectorOf(wanted))).candidates, because }
}

/** Who listens on the address; where nobody does, or who does tells of others, whom the other labels mean. */
async function listenersOf(
  agents: Agents,
  { address = '', node, because, otherwise }: AlertTarget,
): Promise<AlertCandidates> {
  const { answers } = await askNodes(agents, undefined, { about: 'targets', select: { name: address } })
  const found = answers.flatMap(({ answer }) => answer.candidates).sort((a, b) => b.cores - a.cores)
  const nodes = new Set(found.map(({ target }) => target.node))
  const isAmbiguous = nodes.size > 1 && isLoopback(address.replace(/:\d+$/, ''))
  const teller = found.find(({ target }) => tellsOfOthers(commandName(target)))?.target
  if (found.length > 0 && !isAmbiguous && !teller)
    return { candidates: found, because: `${because}: it listens on ${address}` }

  const why = teller
    ? `${printTarget(teller)}, which listens on ${address}, tells of others`
    : isAmbiguous
      ? `${address} is somebody on each of ${[...nodes].join(', ')}`
      : `nobody listens on ${address}`
  if (!otherwise) throw new Failure('NOT_FOUND', `${why}, and no other label names a target`)
  // The host of an instance is an address or a name in DNS; who listens there knows how the node calls itself.
  const isHost = otherwise.how === 'node' && otherwise.node === node
  const next = isHost && teller ? { ...otherwise, node: teller.node } : otherwise
  const rest = await candidatesOfAlert(agents, next).catch((error: Failure) => {
    throw new Failure('NOT_FOUND', `${why}; ${error.message}`, { cause: error })
  })
  return { ...rest, because: `${rest.because}; ${why}` }
}

/** The busiest of a node, or the node itself when nobody is busy. */
async function burnersOf(agents: Agents, node: string): Promise<TargetCandidate[]> {
  const { answers } = await askNodes(agents, node, { about: 'usage' })
  const rows = answers.flatMap(({ answer }) => answer.rows).filter(({ cores }) => cores >= busyCores)
  if (rows.length === 0) return [{ target: { kind: 'node', node }, cores: 0 }]
  return rows.map(({ target, cores }) => ({ target, cores })).sort((a, b) => b.cores - a.cores)
}

function selectorOf({ how, namespace, pod, container, workload, selector }: AlertTarget): TargetSelector {
  const where = { ...(namespace ? { namespace } : {}) }
  switch (how) {
    case 'container':
      return { name: `pod/${pod}`, ...(container ? { container } : {}), ...where }
    case 'workload':
      return {
        name:
          workload
            ?.replace(/^deployment\//, 'deploy/')
            .replace(/^statefulset\//, 'sts/')
            .replace(/^daemonset\//, 'ds/') ?? '',
        ...where,
      }
    case 'app':
      return { labels: selector ?? '', ...where }
    default:
      return { name: `pod/${pod}`, ...where }
  }
}
