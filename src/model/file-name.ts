// What files of evidence are called: host, time and scope, as people who sort them by name expect.
//
//   vm1.20261121_031500_UTC.node.pb.gz
//   vm1.20261121_031500_UTC.container_shop_cart-0_app.flamegraph.svg
//   vm1.20261121_031500_UTC.pid_4242.perf-script.txt.gz
import type { Target } from './target.ts'

/** @param ms since the epoch; the name has it in UTC */
export function fileStem(node: string, ms: number, scope: string): string {
  const [date = '', time = ''] = new Date(ms).toISOString().split('T')
  return `${plain(node)}.${date.replaceAll('-', '')}_${time.slice(0, 8).replaceAll(':', '')}_UTC.${scope}`
}

/** `node`, `pod_shop_cart-0`, `container_shop_cart-0_app`, `container_1be3a4c09d2f`, `pid_4242`. */
export function scopeOf({ kind, pid, pod, namespace, container, containerId }: Target): string {
  if (kind === 'node') return 'node'
  if (kind === 'process') return `pid_${pid}`
  if (pod === undefined) return `container_${plain(container ?? containerId?.slice(0, 12) ?? 'unnamed')}`
  const names = [namespace ?? 'default', pod, ...(container === undefined ? [] : [container])]
  return `${container === undefined ? 'pod' : 'container'}_${names.map(plain).join('_')}`
}

/** Names of nodes and containers are no paths. */
const plain = (name: string): string => name.replace(/[^\w.-]/g, '_')
