// From the TARGET that a person writes, and the flags beside it, to what the API takes.
//
//   node   node/vm1                        the whole node
//   pid/4242   container/1be3a4c0          one process or container; the beginning of an id will do
//   pod/cart-0   shop/cart-0   deploy/cart   sts/redis   ds/agent   -l app=cart
//   10.4.2.17:8080   vm1:9121              who listens there
import type { CaptureRequest } from '../api/shapes.ts'
import type { Options } from '../config.ts'
import { Failure } from '../model/errors.ts'
import type { TargetSelector } from '../model/inventory.ts'

export type TargetOptions = Pick<Options, 'namespace' | 'selector' | 'container' | 'process' | 'onNode'>

/**
 * Whom to capture; the node where nothing is named.
 * @throws Failure USAGE
 */
export function parseTarget(
  text: string | undefined,
  options: Partial<TargetOptions> = {},
): Pick<CaptureRequest, 'target' | 'select'> {
  const isNode = text === undefined ? options.selector === undefined && !options.process : /^node(\/|$)/.test(text)
  if (!isNode) return { select: parseSelector(text, options) }
  const flag = options.container ? '-c' : options.process ? '--process' : options.selector ? '-l' : undefined
  if (flag) throw new Failure('USAGE', `${flag} chooses among containers; ${text ?? 'node'} is a whole node`)
  const node = nodeOf(text) ?? options.onNode
  return { target: { kind: 'node', ...(node ? { node } : {}) } }
}

/**
 * Whom a question is about; everybody where nothing is named. `node/NAME` is everybody of one node.
 * @throws Failure USAGE
 */
export function parseSelector(text: string | undefined, options: Partial<TargetOptions> = {}): TargetSelector {
  const { namespace, selector, container, process, onNode } = options
  const isNode = text !== undefined && /^node(\/|$)/.test(text)
  const node = nodeOf(text) ?? onNode
  const [kind, name] = text?.split('/') ?? []
  if (kind === 'pid' && !/^\d{1,7}$/.test(name ?? '')) {
    throw new Failure('USAGE', `"${text}" is no target: a PID is a number, as in pid/4242`)
  }
  if (text !== undefined && (text === '' || text.endsWith('/') || text.startsWith('/'))) {
    throw new Failure('USAGE', `"${text}" is no target: expected ${targetForms}`)
  }
  return {
    ...(text !== undefined && !isNode ? { name: text } : {}),
    ...(namespace === undefined ? {} : { namespace }),
    ...(selector === undefined ? {} : { labels: selector }),
    ...(container === undefined ? {} : { container }),
    ...(process === undefined ? {} : { process }),
    ...(node === undefined ? {} : { node }),
  }
}

/** For messages. */
export const targetForms =
  'pod/NAME, NAMESPACE/POD, deploy/NAME, sts/NAME, ds/NAME, container/ID, pid/N, HOST:PORT, node or node/NAME'

/** `node/vm1` -> `vm1` */
function nodeOf(text: string | undefined): string | undefined {
  return /^node\/(.+)$/.exec(text ?? '')?.[1]
}
