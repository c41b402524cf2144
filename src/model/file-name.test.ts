import { expect, test } from 'vitest'
import { fileStem, scopeOf } from './file-name.ts'

test('host, time and scope', () => {
  const ms = Date.UTC(2026, 10, 21, 3, 15)
  expect(fileStem('vm1', ms, 'node')).toBe('vm1.20261121_031500_UTC.node')
  expect(fileStem('../vm 1', ms, 'pid_7')).toBe('.._vm_1.20261121_031500_UTC.pid_7')
})

test.each([
  [{ kind: 'node' }, 'node'],
  [{ kind: 'process', pid: 7, pod: 'cart-0', container: 'app' }, 'pid_7'],
  [{ kind: 'container', pod: 'cart-0', namespace: 'shop', container: 'app' }, 'container_shop_cart-0_app'],
  [{ kind: 'container', pod: 'cart-0', namespace: 'shop' }, 'pod_shop_cart-0'],
  [{ kind: 'container', containerId: 'ab'.repeat(32) }, 'container_abababababab'],
] as const)('the scope of %j', (target, scope) => {
  expect(scopeOf({ node: 'vm1', ...target })).toBe(scope)
})
