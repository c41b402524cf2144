// Questions to the agents of one node or of all: whoever answers in time counts, and the others are named.
import type { Question } from '../api/messages.ts'
import type { InventoryAnswer, TargetsAnswer } from '../api/shapes.ts'
import { asFailure, Failure } from '../model/errors.ts'
import type { TargetSelector } from '../model/inventory.ts'
import type { AgentHub, AnswerTo } from './agents.ts'

type Agents = Pick<AgentHub, 'list' | 'ask'>

/** @throws Failure NOT_FOUND when a name was given that nobody has */
export async function listRows(agents: Agents, select: TargetSelector): Promise<InventoryAnswer> {
  const { answers, silent } = await askNodes(agents, select.node, { about: 'inventory', select })
  const rows = answers.flatMap(({ answer }) => answer.rows)
  const isEverything = select.name === undefined && select.labels === undefined && select.process === undefined
  if (rows.length === 0 && !isEverything) throw notFound(select, answers)
  const nodes = answers.map((each) => ({
    node: each.node,
    ...(each.answer.runtime ? { runtime: each.answer.runtime } : {}),
  }))
  return { nodes, rows, silent }
}

/**
 * Whom a selector means, on the nodes that are connected; busiest first, at least one.
 * @throws Failure NOT_FOUND with names that come near, BAD_REQUEST when it names nothing
 */
export async function findCandidates(agents: Agents, select: TargetSelector): Promise<TargetsAnswer> {
  if (select.name === undefined && select.labels === undefined && select.process === undefined) {
    throw new Failure('BAD_REQUEST', 'a target is selected by name or by labels')
  }
  const { answers, silent } = await askNodes(agents, select.node, { about: 'targets', select })
  const candidates = answers.flatMap(({ answer }) => answer.candidates).sort((a, b) => b.cores - a.cores)
  if (candidates.length > 0) return { candidates, silent }
  const why = answers.flatMap((each) => each.answer.why ?? [])
  if (why.length > 0) throw new Failure('NOT_FOUND', `${printSelector(select)}: ${why.join('; ')}`)
  throw notFound(select, answers)
}

interface Answered<Q extends Question> {
  readonly answers: readonly { readonly node: string; readonly answer: AnswerTo<Q> }[]
  readonly silent: InventoryAnswer['silent']
}

/**
 * Asks one node, or all that are connected at once; those that do not answer in time are named.
 * @throws Failure NOT_FOUND when none is connected; what the first said when none answers
 */
export async function askNodes<Q extends Question>(
  agents: Agents,
  node: string | undefined,
  question: Q,
): Promise<Answered<Q>> {
  const names = connectedNodes(agents, node)
  const asked = await Promise.all(
    names.map((name) =>
      agents.ask(name, question).then(
        (answer) => ({ node: name, answer }),
        (error: unknown) => ({ node: name, failure: asFailure(error) }),
      ),
    ),
  )
  const answers = asked.filter((each) => 'answer' in each)
  const failed = asked.filter((each) => 'failure' in each)
  const [first] = failed
  if (first && (answers.length === 0 || first.failure.code === 'USAGE')) throw first.failure
  const silent = failed.map(({ node: name, failure: { code, message } }) => ({ node: name, code, message }))
  return { answers, silent }
}

/** @throws Failure NOT_FOUND when this node, or any node where none is named, is not connected */
export function connectedNodes(agents: Pick<AgentHub, 'list'>, node?: string): string[] {
  const connected = agents.list().flatMap((agent) => (agent.connected ? [agent.node] : []))
  if (node !== undefined) {
    if (connected.includes(node)) return [node]
    const there = connected.length > 0 ? `connected: ${connected.join(', ')}` : 'none is'
    throw new Failure('NOT_FOUND', `no agent of node ${node} is connected; ${there}`)
  }
  if (connected.length > 0) return connected
  throw new Failure('NOT_FOUND', 'no agent is connected: start one with `spikecam up` or `spikecam agent`')
}

function notFound(
  select: TargetSelector,
  answers: readonly { readonly node: string; readonly answer: { readonly near: readonly string[] } }[],
): Failure {
  const names = [...new Set(answers.flatMap(({ answer }) => answer.near))].slice(0, 3)
  const hint = names.length > 0 ? `; did you mean ${names.join(' or ')}?` : ''
  const nodes = answers.map(({ node }) => node).join(', ')
  return new Failure('NOT_FOUND', `nothing on ${nodes} is ${printSelector(select)}${hint}`, {
    details: { near: names },
  })
}

/** `pod/cart-0 -c app in namespace shop`, in the words of whoever asked. */
export function printSelector({ name, namespace, labels, container, process }: TargetSelector): string {
  return [
    name ?? (labels === undefined ? 'anything' : undefined),
    labels === undefined ? undefined : `-l ${labels}`,
    container === undefined ? undefined : `-c ${container}`,
    process === undefined ? undefined : `--process ${process}`,
    namespace === undefined ? undefined : `in namespace ${namespace}`,
  ]
    .filter((part) => part !== undefined)
    .join(' ')
}
