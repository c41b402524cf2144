import { expect, test } from 'vitest'
import { workloadOf } from './workload.ts'

const of = (name: string, labels: Record<string, string> = {}, annotations: Record<string, string> = {}): string =>
  workloadOf({ name, labels, annotations })

test('by the labels that controllers set', () => {
  expect(of('cart-6d4b75cb6d-hshzp', { 'pod-template-hash': '6d4b75cb6d', app: 'shop' })).toBe('deploy/cart')
  expect(of('cart-7f9c4-hshzp', { 'rollouts-pod-template-hash': '7f9c4' })).toBe('rollout/cart')
  expect(of('redis-2', { 'statefulset.kubernetes.io/pod-name': 'redis-2' })).toBe('sts/redis')
  expect(of('redis-2', { 'controller-revision-hash': 'redis-5d4f8b9c7' })).toBe('sts/redis')
  expect(of('node-agent-x7k2p', { 'controller-revision-hash': '7c9f5', 'pod-template-generation': '1' })).toBe(
    'ds/node-agent',
  )
  expect(of('migrate-q8xzl', { 'job-name': 'migrate' })).toBe('job/migrate')
  expect(of('report-28812345-q8xzl', { 'batch.kubernetes.io/job-name': 'report-28812345' })).toBe('cronjob/report')
})

test('a name cut within its hash still gives the Deployment', () => {
  const deployment = 'a-very-long-deployment-name-that-leaves-little-room-x'
  // generateName is cut to 58 characters before the five random ones are appended
  const name = `${`${deployment}-6d4b75cb6d-`.slice(0, 58)}hshzp`
  expect(name).toHaveLength(63)
  expect(of(name, { 'pod-template-hash': '6d4b75cb6d' })).toBe(`deploy/${deployment}`)
})

test('static pods by their component', () => {
  const annotations = { 'kubernetes.io/config.source': 'file' }
  expect(of('etcd-master-1', { component: 'etcd', tier: 'control-plane' }, annotations)).toBe('static/etcd')
  expect(of('proxy-master-1', {}, annotations)).toBe('static/proxy-master-1')
})

test('by the name alone, where it cannot be mistaken; else by the app label; else the pod itself', () => {
  expect(of('cart-6d4b75cb6d-hshzp')).toBe('deploy/cart')
  expect(of('my-database-server')).toBe('pod/my-database-server')
  expect(of('web-1', { 'app.kubernetes.io/name': 'web' })).toBe('app/web')
  expect(of('debug')).toBe('pod/debug')
})
