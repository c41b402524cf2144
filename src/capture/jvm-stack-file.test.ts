import { expect, test } from 'vitest'
import { stackFileName } from './jvm-stack-file.ts'

test('named as before for pods, by node and command without one, and never out of its folder', () => {
  const at = new Date(2026, 10, 21, 5, 3, 9)
  const target = { kind: 'process' as const, node: 'vm1', pid: 7 }
  expect(stackFileName({ ...target, namespace: 'shop', pod: 'cart-0', container: 'app' }, at)).toBe(
    'stacks/2026-11-21/shop/cart-0-app-05-03-09.log',
  )
  expect(stackFileName({ ...target, cmdline: '/usr/bin/java -jar /srv/cart.jar' }, at)).toBe(
    'stacks/2026-11-21/vm1/java_-jar_cart.jar-7-05-03-09.log',
  )
  expect(stackFileName({ ...target, node: '../etc', cmdline: '../../x' }, at)).toBe(
    'stacks/2026-11-21/__etc/x-7-05-03-09.log',
  )
})
