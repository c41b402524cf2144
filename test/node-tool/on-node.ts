// Tests that need a real node: one node per file, or skipped with the reason printed.
import { afterAll, beforeAll, describe } from 'vitest'
import { startTestNode, type TestNode } from './node.ts'
import { type DebianPackage, nodePackages, whyNoNode } from './packages.ts'

/** Long enough for apt-get on a machine that has none of the packages yet. */
const firstStartTimeoutMs = 240_000

/**
 * Runs tests against a node that is started before them and gone after them.
 * @param tests registers the tests; `node()` may be called inside them
 */
export function describeOnNode(
  name: string,
  tests: (node: () => TestNode) => void,
  packages: readonly DebianPackage[] = [],
): void {
  const reason = whyNoNode([...nodePackages, ...packages])
  if (reason) process.stderr.write(`skipped: ${name}: ${reason}\n`)
  describe.skipIf(reason !== undefined)(name, () => {
    let node: TestNode | undefined
    beforeAll(async () => {
      node = await startTestNode(packages)
    }, firstStartTimeoutMs)
    afterAll(async () => {
      await node?.close()
    })
    tests(() => node as TestNode)
  })
}
