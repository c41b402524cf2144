import { expect, test } from 'vitest'
import type { InventoryRow, ProcessInfo } from '../model/inventory.ts'
import { printCores, renderProcesses, renderWhois } from './inventory-text.ts'
import { renderUsage } from './live-top.ts'

const process = (pid: number, more: Partial<ProcessInfo> = {}): ProcessInfo => ({
  pid,
  containerPid: 1,
  startTicks: 7,
  parent: 1,
  comm: 'app',
  cmdline: `/bin/app --port ${pid}`,
  threads: 3,
  cpuSeconds: 1.5,
  cgroup: '/x',
  runtime: 'go',
  version: '1.19.8',
  ...more,
})
const pod: InventoryRow['pod'] = {
  id: 'f'.repeat(64),
  name: 'cart-0',
  namespace: 'shop',
  uid: '2c48',
  labels: { app: 'cart' },
  annotations: {},
  ips: ['10.4.2.17'],
  hostNetwork: false,
  sharesPids: false,
  workload: 'sts/cart',
  isReady: true,
  createdMs: 0,
}
const container = (name: string): InventoryRow['container'] => ({
  id: name.repeat(10),
  name,
  image: 'shop/app:1',
  imageRef: 'sha256:1',
  attempt: 2,
  state: 'running',
  startedMs: Date.UTC(2026, 10, 21),
})
const rows: InventoryRow[] = [
  { node: 'vm1', processes: [process(5, { containerPid: 5, runtime: 'unknown', cmdline: '' })] },
  {
    node: 'vm1',
    pod,
    container: container('web'),
    usage: { cores: 0.3, limitCores: 0.5, throttledShare: 0.41, waitingShare: 0 },
    processes: [process(30, { cores: 0.25 }), process(31, { cores: 0.05, containerPid: 9 })],
  },
  { node: 'vm1', pod, container: container('app'), processes: [process(20)] },
]

test('a table has containers by name, and what is in none at the end', () => {
  expect(renderProcesses(rows, false)).toBe(
    [
      'PID  CPID    CPU  THREADS  RUNTIME    CONTAINER  POD          COMMAND',
      ' 20     1               3  go 1.19.8  app        shop/cart-0  /bin/app --port 20',
      ' 30     1   25 %        3  go 1.19.8  web        shop/cart-0  /bin/app --port 30',
      ' 31     9  5.0 %        3  go 1.19.8  web        shop/cart-0  /bin/app --port 31',
      '  5     5               3                                     [app]',
      '',
    ].join('\n'),
  )
})

test('a pod is told once, its containers below it, and everything of a process that is alone', () => {
  const text = renderWhois(rows.slice(1))
  expect(text.match(/^pod {10}shop\/cart-0$/gm)).toHaveLength(1)
  expect(text).toContain('\n  container    app\n')
  expect(text).toContain('\n  restarts     2\n')
  expect(text).toContain('  pid          20 on the host, 1 in the container\n')
  expect(text).toContain('  cpu          0.30 of 0.5 cores; stopped by its limit in 41 % of the periods\n')
  expect(text).toContain('   30     1   25 %        3  go 1.19.8  web')
})

test('who burns, busiest first over all nodes', () => {
  const target = {
    kind: 'container',
    node: 'vm1',
    pod: 'cart-0',
    namespace: 'shop',
    container: 'app',
    comm: 'app',
  } as const
  const answer = {
    nodes: [
      { node: 'vm1', cpus: 2, cores: 1.31, rows: [{ target, cores: 0.2 }] },
      {
        node: 'vm2',
        cpus: 4,
        cores: 3,
        rows: [
          { target: { ...target, node: 'vm2' }, cores: 1, limitCores: 1, throttledShare: 0.5, waitingShare: 0.02 },
        ],
      },
    ],
    silent: [],
  }
  expect(renderUsage(answer, 10)).toBe(
    [
      'vm1: 1.31 of 2 cores busy',
      'vm2: 3.00 of 4 cores busy',
      '',
      '  CPU  LIMIT  THROTTLED  WAITING  CONTAINER  POD          NODE  COMMAND',
      '100 %      1       50 %      2 %  app        shop/cart-0  vm2   app',
      ' 20 %                             app        shop/cart-0  vm1   app',
      '',
    ].join('\n'),
  )
  expect(renderUsage(answer, 1).split('\n')).toHaveLength(6)
  expect([printCores(undefined), printCores(0), printCores(0.004), printCores(2)]).toEqual([
    '',
    '0 %',
    '0.4 %',
    '200 %',
  ])
})
