import { expect, test } from 'vitest'
import { parseSelector, parseTarget } from './parse-target.ts'

test('a target is a node, or is selected by name, labels and flags', () => {
  expect(parseTarget(undefined)).toEqual({ target: { kind: 'node' } })
  expect(parseTarget('node')).toEqual({ target: { kind: 'node' } })
  expect(parseTarget('node/vm-1')).toEqual({ target: { kind: 'node', node: 'vm-1' } })
  expect(parseTarget('node', { onNode: 'vm-1' })).toEqual({ target: { kind: 'node', node: 'vm-1' } })
  expect(parseTarget('pid/4242')).toEqual({ select: { name: 'pid/4242' } })
  expect(parseTarget('deploy/cart', { namespace: 'shop', container: 'app' })).toEqual({
    select: { name: 'deploy/cart', namespace: 'shop', container: 'app' },
  })
  expect(parseTarget(undefined, { selector: 'app=cart', process: 'server.js', onNode: 'vm1' })).toEqual({
    select: { labels: 'app=cart', process: 'server.js', node: 'vm1' },
  })
})

test('what cannot be meant is refused before anybody is asked', () => {
  expect(() => parseTarget('pid/abc')).toThrow('a PID is a number')
  expect(() => parseTarget('pod/')).toThrow('expected pod/NAME')
  expect(() => parseTarget('node', { container: 'app' })).toThrow('-c chooses among containers; node is a whole node')
})

test('a question without a name is about everybody, or everybody of one node', () => {
  expect(parseSelector(undefined)).toEqual({})
  expect(parseSelector('node/vm1')).toEqual({ node: 'vm1' })
  expect(parseSelector('redis', { namespace: 'shop' })).toEqual({ name: 'redis', namespace: 'shop' })
})
