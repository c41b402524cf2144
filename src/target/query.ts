// What a person names when asking who something is, and which containers that means.
//
//   4242  pid/4242                      a process, by its PID on the host
//   10.4.2.17  fd00::17                 pods with this address
//   10.4.2.17:8080  vm1:9121            who listens there
//   container/1be3a4c0  1be3a4c09d2f    a container or sandbox by the beginning of its id
//   pod/cart-0  cart-0  shop/cart-0  shop/cart-0/app
//   deploy/cart  sts/redis  ds/agent    everything of a workload
import { isIP } from 'node:net'
import { Failure } from '../model/errors.ts'
import type { Container, Pod } from './pods.ts'

export type Query =
  | { readonly kind: 'pid'; readonly pid: number }
  | { readonly kind: 'ip'; readonly ip: string }
  | { readonly kind: 'listener'; readonly host: string; readonly port: number }
  | { readonly kind: 'id'; readonly prefix: string }
  | { readonly kind: 'workload'; readonly workload: string }
  | { readonly kind: 'pod'; readonly namespace?: string; readonly pod: string; readonly container?: string }
  /** One word: the beginning of an id, or the name of a pod, a workload or a container. */
  | { readonly kind: 'word'; readonly word: string }

/** Long names as kubectl takes them, to the short ones of workload.ts. */
const workloadKinds: Record<string, string> = {
  deployment: 'deploy',
  deployments: 'deploy',
  statefulset: 'sts',
  statefulsets: 'sts',
  daemonset: 'ds',
  daemonsets: 'ds',
  jobs: 'job',
  cronjobs: 'cronjob',
}
const shortKinds = new Set(['deploy', 'sts', 'ds', 'job', 'cronjob', 'rollout', 'static', 'app'])
/** PIDs have at most 7 digits (PID_MAX_LIMIT is 2^22); ids are given with 10 hex digits or more. */
const pidText = /^\d{1,7}$/
const idText = /^[0-9a-f]{8,64}$/

/** `[fd00::17]:8080`, `vm1:9121`; no name of Kubernetes has a colon. */
const listenerText = /^(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+)):(\d{1,5})$/

export function parseQuery(text: string): Query {
  const [first = '', second, third] = text.split('/')
  if (isIP(text)) return { kind: 'ip', ip: text }
  const listener = listenerText.exec(text)
  if (listener) return { kind: 'listener', host: listener[1] ?? listener[2] ?? '', port: Number(listener[3]) }
  if (second === undefined)
    return pidText.test(text) ? { kind: 'pid', pid: Number(text) } : { kind: 'word', word: text }
  if (first === 'pid' && pidText.test(second)) return { kind: 'pid', pid: Number(second) }
  if (first === 'container') {
    return idText.test(second) ? { kind: 'id', prefix: second } : { kind: 'word', word: second }
  }
  if (first === 'pod' || first === 'pods' || first === 'po')
    return { kind: 'pod', pod: second, ...containerPart(third) }
  const kind = workloadKinds[first] ?? first
  if (shortKinds.has(kind)) return { kind: 'workload', workload: `${kind}/${second}` }
  return { kind: 'pod', namespace: first, pod: second, ...containerPart(third) }
}

const containerPart = (container: string | undefined): { container?: string } => (container ? { container } : {})

/** Beginning of a container's id, where that is what the query may mean. */
export function idPrefixOf(query: Query): string | undefined {
  if (query.kind === 'id') return query.prefix
  return query.kind === 'word' && idText.test(query.word) ? query.word : undefined
}

/** True when the query means this pod as a whole. PIDs and listeners are looked up elsewhere. */
export function meansPod(query: Query, pod: Pod): boolean {
  switch (query.kind) {
    case 'pid':
    case 'listener':
      return false
    case 'ip':
      return pod.ips.includes(query.ip)
    case 'id':
      return pod.id.startsWith(query.prefix)
    case 'workload':
      return pod.workload === query.workload
    case 'pod':
      return pod.name === query.pod && (query.namespace ?? pod.namespace) === pod.namespace && !query.container
    case 'word':
      // `cart` is also deploy/cart, whatever its kind.
      return (
        pod.name === query.word ||
        isNameOf(pod.workload, query.word) ||
        (idText.test(query.word) && pod.id.startsWith(query.word))
      )
  }
}

const isNameOf = (workload: string, word: string): boolean => workload.slice(workload.indexOf('/') + 1) === word

/** True when the query means this container, be it through its pod. */
export function meansContainer(query: Query, container: Container): boolean {
  const { pod } = container
  if (meansPod(query, pod)) return true
  if (query.kind === 'id') return container.id.startsWith(query.prefix)
  if (query.kind === 'word') {
    return container.name === query.word || (idText.test(query.word) && container.id.startsWith(query.word))
  }
  if (query.kind !== 'pod' || query.container !== container.name) return false
  return pod.name === query.pod && (query.namespace ?? pod.namespace) === pod.namespace
}

/**
 * Label selectors as in `kubectl -l`, by equality and presence: `app=cart,tier!=test,canary,!legacy`.
 * @throws Failure USAGE when a part is none of these
 */
export function parseSelector(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  const parts = text.split(',').map((part) => {
    const match = /^\s*(!?)([\w./-]+)\s*(?:(!=|==?)\s*([\w.-]*))?\s*$/.exec(part)
    if (!match || (match[1] && match[3])) throw new Failure('USAGE', `not a selector: ${part.trim() || text}`)
    const [, not, key = '', operator, value] = match
    return (labels: Readonly<Record<string, string>>): boolean => {
      if (operator === '!=') return labels[key] !== value
      if (operator) return labels[key] === value
      return key in labels !== Boolean(not)
    }
  })
  return (labels) => parts.every((part) => part(labels))
}
