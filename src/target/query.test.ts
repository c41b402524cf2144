import { expect, test } from 'vitest'
import type { Container } from './pods.ts'
import { meansContainer, meansPod, parseQuery, parseSelector } from './query.ts'

const container: Container = {
  id: '1be3a4c0'.repeat(8),
  name: 'app',
  image: 'shop/cart:7',
  imageRef: 'sha256:00',
  attempt: 0,
  state: 'running',
  pod: {
    id: 'f00dcafe'.repeat(8),
    name: 'cart-0',
    namespace: 'shop',
    uid: 'u',
    labels: {},
    annotations: {},
    ips: ['10.4.2.17', 'fd00::17'],
    hostNetwork: false,
    sharesPids: false,
    workload: 'sts/cart',
    isReady: true,
    createdMs: 0,
  },
}
const means = (text: string): boolean => meansContainer(parseQuery(text), container)

test.each([
  ['10.4.2.17:8080', '10.4.2.17', 8080],
  ['vm1.example.com:9121', 'vm1.example.com', 9121],
  ['[fd00::17]:80', 'fd00::17', 80],
])('%s is who listens there', (text, host, port) => {
  expect(parseQuery(text)).toEqual({ kind: 'listener', host, port })
  expect(means(text)).toBe(false)
})

test('every way to name a container, and near misses', () => {
  for (const text of [
    '10.4.2.17',
    'fd00::17',
    'container/1be3a4c01be3',
    '1be3a4c01be3',
    'f00dcafef00d',
    'pod/cart-0',
    'cart-0',
    'app',
    'cart',
    'shop/cart-0',
    'shop/cart-0/app',
    'pod/cart-0/app',
    'sts/cart',
    'statefulset/cart',
  ]) {
    expect(means(text), text).toBe(true)
  }
  for (const text of [
    '10.4.2.1',
    '1be3',
    'car',
    'test/cart-0',
    'shop/cart-0/sidecar',
    'deploy/cart',
    '4242',
    'pid/1',
  ]) {
    expect(means(text), text).toBe(false)
  }
})

test('numbers are PIDs; a container named in a pod is not the whole pod', () => {
  expect(parseQuery('4242')).toEqual({ kind: 'pid', pid: 4242 })
  expect(parseQuery('pid/4242')).toEqual({ kind: 'pid', pid: 4242 })
  expect(meansPod(parseQuery('shop/cart-0'), container.pod)).toBe(true)
  expect(meansPod(parseQuery('shop/cart-0/app'), container.pod)).toBe(false)
})

test('selectors by equality and presence', () => {
  const labels = { app: 'cart', 'app.kubernetes.io/name': 'cart', canary: '' }
  expect(parseSelector('app=cart,app.kubernetes.io/name==cart,tier!=test,canary,!legacy')(labels)).toBe(true)
  expect(parseSelector('app!=cart')(labels)).toBe(false)
  expect(parseSelector('!canary')(labels)).toBe(false)
  expect(() => parseSelector('app in (a,b)')).toThrow('not a selector')
})
