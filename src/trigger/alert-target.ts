// Whom an alert is about, by its labels. Monitoring systems name the same thing in many ways, and sometimes the labels
// name the exporter that told of it instead of the workload.
import type { Alert } from '../model/alert.ts'

export const resolutions = ['container', 'pod', 'workload', 'instance', 'app', 'node'] as const
/** How a target was found; first of a rule's list that its labels allow. */
export type Resolution = (typeof resolutions)[number]

export interface AlertTarget {
  readonly how: Resolution
  readonly namespace?: string
  readonly pod?: string
  readonly container?: string
  /** `deployment/cart`, or `cart` when the kind is not known. */
  readonly workload?: string
  /** Label selector: `app=cart`. */
  readonly selector?: string
  /** Of the node that is meant, or of the one that the pod runs on as far as the labels know. */
  readonly node?: string
  /** `vm1:9121`: whoever listens there is meant, unless that tells of others (`tellsOfOthers`). */
  readonly address?: string
  /** Of an address: what the other labels say, where nobody who is meant listens on it. */
  readonly otherwise?: AlertTarget
  /** For people: which label said so, and what was passed over. */
  readonly because: string
}

/** In the order in which they are believed. `exported_…` is what the target itself said before the scraper renamed it. */
const names = {
  namespace: ['exported_namespace', 'namespace', 'kubernetes_namespace', 'k8s_namespace_name'],
  pod: ['exported_pod', 'pod', 'pod_name', 'kubernetes_pod_name', 'k8s_pod_name'],
  container: ['exported_container', 'container', 'container_name', 'k8s_container_name'],
  node: ['exported_node', 'node', 'kubernetes_node', 'k8s_node_name', 'nodename', 'instance'],
  instance: ['exported_instance', 'instance'],
  app: ['app_kubernetes_io_name', 'label_app', 'app', 'k8s_app'],
} as const

const workloads = {
  deployment: ['deployment', 'k8s_deployment_name'],
  statefulset: ['statefulset', 'k8s_statefulset_name'],
  daemonset: ['daemonset', 'k8s_daemonset_name'],
  '': ['workload', 'owner_name'],
} as const

/** Exporters that tell of others: their own pod is where the series comes from, not whom it is about. */
const exporters =
  /^(kube-state-metrics|.*-kube-state-metrics|node-exporter|.*-node-exporter|prometheus-node-exporter)(-|$)/
/** Programs that tell of the machine, its containers or other machines rather than of themselves. */
const tellers =
  /^(kube-state-metrics|(prometheus-)?node[-_]exporter|process-exporter|cadvisor|kubelet|(prometheus-)?(blackbox|snmp)[-_]exporter|(prometheus-)?pushgateway|telegraf|netdata|docker-proxy)$/

/** True for a program whose address says where a series comes from, not whom it is about. @param command its name */
export const tellsOfOthers = (command: string): boolean => tellers.test(command)

/** Container names that stand for no container: cAdvisor's sum of a pod, and the pause container. */
const noContainer = new Set(['POD', 'pause'])

/** @returns undefined when nothing in the alert names a target */
export function targetOfAlert(alert: Alert, order: readonly Resolution[] = resolutions): AlertTarget | undefined {
  for (const [i, how] of order.entries()) {
    const target = finders[how](new Look(alert))
    if (!target) continue
    const otherwise = how === 'instance' ? targetOfAlert(alert, order.slice(i + 1)) : undefined
    return otherwise ? { ...target, otherwise } : target
  }
  return undefined
}

/** Labels first, then those of the group or rule, then annotations. */
class Look {
  readonly #places: readonly Readonly<Record<string, string>>[]
  /** Names of the labels that were used. */
  readonly used: string[] = []
  #passed = ''
  /** The pod is another one than what was scraped: of that one container and node would be. */
  #isExported = false

  constructor({ labels, context, annotations }: Alert) {
    this.#places = [labels, context, annotations]
  }

  value(candidates: readonly string[]): string | undefined {
    for (const place of this.#places) {
      for (const name of candidates) {
        const value = Object.hasOwn(place, name) ? place[name] : undefined
        if (!value) continue
        this.used.push(name)
        return value
      }
    }
    return undefined
  }

  namespace(): { namespace?: string } {
    const namespace = this.value(names.namespace)
    return namespace === undefined ? {} : { namespace }
  }

  /** The pod, unless the label names the exporter. */
  pod(): string | undefined {
    const pod = this.value(names.pod)
    this.#isExported = pod !== undefined && this.used.at(-1) === 'exported_pod'
    if (pod === undefined || !exporters.test(pod)) return pod
    this.#passed = `; the label ${this.used.at(-1)} names the exporter ${pod}`
    this.used.pop()
    return undefined
  }

  /** Only to say so where an exporter is passed over: from here on the pod does not count. */
  passPod(): void {
    this.pod()
    this.used.length = 0
  }

  container(): string | undefined {
    const container = this.value(this.#ofPod(names.container))
    return container === undefined || noContainer.has(container) ? undefined : container
  }

  /** A node named by a label of its own, as against `instance`, which is often the address of the pod. */
  nodeOfPod(): { node?: string } {
    const node = this.value(this.#ofPod(names.node.filter((name) => name !== 'instance')))
    return node === undefined ? {} : { node }
  }

  #ofPod(candidates: readonly string[]): readonly string[] {
    return this.#isExported ? candidates.filter((name) => name.startsWith('exported_')) : candidates
  }

  /** `instance` is an address and a port: only the host of it can be a node. */
  node(): string | undefined {
    const node = this.value(names.node)
    return node === undefined ? undefined : hostOf(node)
  }

  because(): string {
    return `by ${this.used.length === 1 ? 'label' : 'labels'} ${this.used.join(', ')}${this.#passed}`
  }
}

/** Host of an address, with and without port: `[fe80::1]:9100`, `vm1:9100`, `fe80::1`. */
const hostOf = (address: string): string =>
  address.replace(/^\[([^\]]+)\](:\d+)?$/, '$1').replace(/^([^:]+):\d+$/, '$1')

const finders: Record<Resolution, (look: Look) => AlertTarget | undefined> = {
  container: (look) => {
    const pod = look.pod()
    const container = look.container()
    if (pod === undefined || container === undefined) return undefined
    return { how: 'container', pod, container, ...look.namespace(), ...look.nodeOfPod(), because: look.because() }
  },
  pod: (look) => {
    const pod = look.pod()
    if (pod === undefined) return undefined
    return { how: 'pod', pod, ...look.namespace(), ...look.nodeOfPod(), because: look.because() }
  },
  workload: (look) => {
    look.passPod()
    for (const [kind, labels] of Object.entries(workloads)) {
      const name = look.value(labels)
      if (name === undefined) continue
      const workload = kind === '' ? name : `${kind}/${name}`
      return { how: 'workload', workload, ...look.namespace(), because: look.because() }
    }
    return undefined
  },
  instance: (look) => {
    look.passPod()
    const value = look.value(names.instance)
    // Exporters of many targets put the address that they were asked about: `rediss://10.0.0.7:6379`, `http://shop:80/x`.
    const address =
      value && /^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^/@]*@)?((?:\[[^\]]+\]|[^/:]+):\d+)(?:\/.*)?$/i.exec(value)?.[1]
    if (!address) return undefined
    return { how: 'instance', address, node: hostOf(address), because: look.because() }
  },
  app: (look) => {
    look.passPod()
    const app = look.value(names.app)
    if (app === undefined || exporters.test(app)) return undefined
    // The label of the metric is the label of the pod with every special character replaced (Prometheus, relabelling).
    const label = look.used.at(-1) === 'app_kubernetes_io_name' ? 'app.kubernetes.io/name' : 'app'
    const { namespace } = look.namespace()
    if (namespace === undefined) return undefined
    return { how: 'app', namespace, selector: `${label}=${app}`, because: look.because() }
  },
  node: (look) => {
    look.passPod()
    const node = look.node()
    return node === undefined ? undefined : { how: 'node', node, because: look.because() }
  },
}
