import { expect, test } from 'vitest'
import type { CriSandbox } from './cri-proto.ts'
import { podOf } from './pods.ts'

test('annotations that nobody reads here do not fill an answer', () => {
  const annotations = {
    'spikecam.dev/pprof-port': '6060',
    'kubectl.kubernetes.io/last-applied-configuration': '{"apiVersion":"v1"}',
    big: 'x'.repeat(200_000),
  }
  const metadata = { name: 'cart-0', namespace: 'shop', uid: 'u', attempt: 0 }
  const sandbox: CriSandbox = { id: 'a', metadata, labels: {}, annotations, state: 'SANDBOX_READY', createdAt: 0 }
  expect(podOf(sandbox, undefined).annotations).toEqual({
    'spikecam.dev/pprof-port': '6060',
    big: `${'x'.repeat(1024)}… (200000 letters)`,
  })
})
