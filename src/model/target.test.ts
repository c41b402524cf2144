import { expect, test } from 'vitest'
import { commandName, printTarget, type Target } from './target.ts'

const process = (cmdline: string, rest: Partial<Target> = {}): Target => ({
  kind: 'process',
  node: 'n',
  pid: 7,
  cmdline,
  ...rest,
})

test('a process is called what people call it', () => {
  expect(commandName(process('/usr/bin/redis-server 127.0.0.1:6379'))).toBe('redis-server')
  expect(commandName(process('/opt/node/bin/node --perf-basic-prof /app/server.js --port 1'))).toBe('node server.js')
  expect(commandName(process('node --conditions development -C node --cpu-prof-interval 300 /app/worker.js'))).toBe(
    'node worker.js',
  )
  expect(commandName(process('node -e function() {}'))).toBe('node -e')
  expect(commandName(process('python3.12 -X perf app/main.py'))).toBe('python3.12 main.py')
  expect(commandName(process('java -Xmx2g -jar /srv/cart.jar'))).toBe('java -jar cart.jar')
  expect(commandName(process('/bin/sh -c while :; do :; done'))).toBe('sh -c')
  expect(commandName(process('', { comm: 'kworker/0:1' }))).toBe('kworker/0:1')
})

test('a target in one line', () => {
  expect(printTarget(process('/usr/bin/redis-server x'))).toBe('redis-server (pid 7)')
  expect(printTarget({ kind: 'container', node: 'n', pod: 'cart-0', namespace: 'shop', container: 'app' })).toBe(
    'shop/cart-0/app',
  )
  expect(printTarget({ kind: 'container', node: 'n', containerId: 'ab'.repeat(32) })).toBe('container abababababab')
  expect(printTarget({ kind: 'node', node: 'vm1' })).toBe('node vm1')
})
