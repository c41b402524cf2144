// The one Node process whose inspector is never opened.
import { expect, test } from 'vitest'
import { startTicksOf } from '../target/process-identity.ts'
import { openInspector } from './node-inspector.ts'

test('the recorder does not open its own inspector, which would halt it for ever', async () => {
  const { pid } = process
  const target = { kind: 'process', node: 'vm1', pid, startTicks: startTicksOf(pid) as number } as const
  await expect(openInspector(target, new AbortController().signal)).rejects.toThrow('this is the recorder itself')
})
