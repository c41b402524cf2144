import { expect, test } from 'vitest'
import type { Alert } from '../model/alert.ts'
import { type AlertTarget, targetOfAlert, tellsOfOthers } from './alert-target.ts'

type Labels = Record<string, string>

function found(labels: Labels, rest: Partial<Alert> = {}): AlertTarget | undefined {
  const alert = { source: 'alertmanager', status: 'firing', name: 'cpu', series: 's', group: 'g' } as const
  return targetOfAlert({ ...alert, labels, context: {}, annotations: {}, ...rest })
}

test.each<{ labels: Labels; target: Omit<AlertTarget, 'because'> | undefined }>([
  {
    labels: { namespace: 'shop', pod: 'cart-0', container: 'app', node: 'n1', instance: '10.0.0.7:8080' },
    target: { how: 'container', namespace: 'shop', pod: 'cart-0', container: 'app', node: 'n1' },
  },
  {
    labels: { pod_name: 'cart-0', kubernetes_namespace: 'shop' },
    target: { how: 'pod', namespace: 'shop', pod: 'cart-0' },
  },
  {
    labels: { namespace: 'shop', pod: 'cart-0', container: 'POD' },
    target: { how: 'pod', namespace: 'shop', pod: 'cart-0' },
  },
  {
    labels: { namespace: 'shop', deployment: 'cart' },
    target: { how: 'workload', namespace: 'shop', workload: 'deployment/cart' },
  },
  {
    labels: { namespace: 'shop', owner_name: 'cart' },
    target: { how: 'workload', namespace: 'shop', workload: 'cart' },
  },
  { labels: { namespace: 'shop', app: 'cart' }, target: { how: 'app', namespace: 'shop', selector: 'app=cart' } },
  {
    labels: { namespace: 'shop', app_kubernetes_io_name: 'cart' },
    target: { how: 'app', namespace: 'shop', selector: 'app.kubernetes.io/name=cart' },
  },
  { labels: { app: 'cart' }, target: undefined },
  { labels: { instance: 'n1', job: 'node' }, target: { how: 'node', node: 'n1' } },
  { labels: { instance: 'fe80::1' }, target: { how: 'node', node: 'fe80::1' } },
  { labels: { alertname: 'Watchdog' }, target: undefined },
])('$labels', ({ labels, target }) => {
  const { because: _, ...rest } = found(labels) ?? {}
  expect(rest).toEqual(target ?? {})
})

test.each([
  ['vm1:9121', 'vm1:9121', 'vm1'],
  ['[fe80::1]:9100', '[fe80::1]:9100', 'fe80::1'],
  ['rediss://10.0.0.7:6379', '10.0.0.7:6379', '10.0.0.7'],
  ['https://user@shop.example:8443/healthz', 'shop.example:8443', 'shop.example'],
])('instance %s means who listens there, else its node', (instance, address, node) => {
  const because = 'by label instance'
  expect(found({ instance, job: 'x' })).toMatchObject({
    how: 'instance',
    address,
    node,
    because,
    otherwise: { how: 'node' },
  })
  expect(found({ instance, deployment: 'cart' })?.how).toBe('workload')
})

test('where nobody who is meant listens, the other labels say who is', () => {
  const labels = { namespace: 'shop', app: 'cart', pod: 'kube-state-metrics-0', instance: '10.4.2.17:8080' }
  expect(found(labels)).toEqual({
    how: 'instance',
    address: '10.4.2.17:8080',
    node: '10.4.2.17',
    because: 'by label instance; the label pod names the exporter kube-state-metrics-0',
    otherwise: {
      how: 'app',
      namespace: 'shop',
      selector: 'app=cart',
      because: 'by labels app, namespace; the label pod names the exporter kube-state-metrics-0',
    },
  })
  expect(found({ instance: 'https://shop.example/healthz' })).toMatchObject({ how: 'node' })
  expect(['node_exporter', 'prometheus-node-exporter', 'kubelet'].every(tellsOfOthers)).toBe(true)
  expect(['prometheus-redis-exporter', 'nodejs', 'node'].some(tellsOfOthers)).toBe(false)
})

test('what the target said of itself goes before what the scraper calls it', () => {
  const labels = { namespace: 'monitoring', pod: 'ksm-0', exported_namespace: 'shop', exported_pod: 'cart-0' }
  expect(found(labels)).toEqual({
    how: 'pod',
    namespace: 'shop',
    pod: 'cart-0',
    because: 'by labels exported_pod, exported_namespace',
  })
})

test('beside the pod that the target told of, container and node of the one that was scraped say nothing', () => {
  // kube-state-metrics without honorLabels, as the Prometheus operator scrapes it.
  const scraped = { namespace: 'monitoring', pod: 'ksm-0', container: 'kube-state-metrics', node: 'n9' }
  const told = { exported_namespace: 'shop', exported_pod: 'cart-0' }
  expect(found({ ...scraped, ...told })).toEqual({
    how: 'pod',
    namespace: 'shop',
    pod: 'cart-0',
    because: 'by labels exported_pod, exported_namespace',
  })
  expect(found({ ...scraped, ...told, exported_container: 'app', exported_node: 'n1' })).toMatchObject({
    how: 'container',
    pod: 'cart-0',
    container: 'app',
    node: 'n1',
  })
})

test('the app of an exporter is not whom the alert is about', () => {
  const labels = { namespace: 'monitoring', pod: 'kube-state-metrics-5c8-x', app: 'kube-state-metrics' }
  expect(found(labels)).toBeUndefined()
  expect(found({ ...labels, node: 'n1' })).toMatchObject({ how: 'node', node: 'n1' })
})

test('the pod of an exporter is not whom the alert is about', () => {
  const labels = { namespace: 'shop', pod: 'prometheus-kube-state-metrics-7d9f-x', deployment: 'cart' }
  expect(found(labels)).toMatchObject({ how: 'workload', workload: 'deployment/cart' })
  expect(found({ pod: 'node-exporter-abc12', node: 'n1' })).toEqual({
    how: 'node',
    node: 'n1',
    because: 'by label node; the label pod names the exporter node-exporter-abc12',
  })
})

test('labels of the group and annotations fill in what the series does not have', () => {
  const context = { namespace: 'shop' }
  expect(found({ pod: 'cart-0' }, { context, annotations: { container: 'app' } })).toMatchObject({
    how: 'container',
    namespace: 'shop',
    pod: 'cart-0',
    container: 'app',
  })
})
