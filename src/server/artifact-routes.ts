// Artifacts: what they are, their bytes, and the uploads that bring them.
import { routes } from '../api/routes.ts'
import { printBytes } from '../lib/units.ts'
import { Failure } from '../model/errors.ts'
import type { App, ServerContext } from './context.ts'
import { artifactAnswer } from './file-answer.ts'

/** A profile of 2 GiB cannot be decoded anyway, and what cannot be looked at need not be kept. */
const maxArtifactBytes = 2 * 1024 ** 3

export function mountArtifacts(app: App, { store, log }: ServerContext): void {
  const { catalog, blobs, guard } = store
  /** By sha256, what uploads that are under way have announced: what is free now is not free for the next one. */
  const expected = new Map<string, { readonly bytes: number }>()
  const require = async (id: string) => {
    const artifact = await catalog.artifact(id)
    if (!artifact) throw new Failure('NOT_FOUND', `there is no artifact ${id}`)
    return artifact
  }

  app.openapi(routes.getArtifact, async (c) => c.json(await require(c.req.valid('param').id), 200))

  app.openapi(
    routes.getArtifactContent,
    async (c) => (await artifactAnswer(await require(c.req.valid('param').id), blobs, c.req.raw)) as never,
  )

  app.openapi(routes.getUpload, async (c) => {
    const { offset, complete } = await blobs.progress(c.req.valid('param').sha256)
    return c.json({ offset, complete }, 200, uploadHeaders(offset, complete))
  })

  app.openapi(routes.patchUpload, async (c) => {
    const { sha256 } = c.req.valid('param')
    const { 'upload-offset': offset, 'upload-length': sizeBytes } = c.req.valid('header')
    if (sizeBytes > Math.min(maxArtifactBytes, store.budgetBytes)) {
      const limit = printBytes(Math.min(maxArtifactBytes, store.budgetBytes))
      throw new Failure(
        'TOO_LARGE',
        `an artifact of ${printBytes(sizeBytes)} is more than the ${limit} that may be kept`,
      )
    }
    const own = { bytes: Math.max(0, sizeBytes - offset) }
    // An earlier attempt at the same one ends when this begins.
    const others = [...expected].filter(([other]) => other !== sha256)
    await guard.require(others.reduce((sum, [, { bytes }]) => sum + bytes, own.bytes))
    expected.set(sha256, own)
    const body = c.req.raw.body ?? new ReadableStream({ start: (controller) => controller.close() })
    try {
      const { complete, ...state } = await blobs.append(sha256, body as unknown as AsyncIterable<Uint8Array>, {
        offset,
        sizeBytes,
      })
      return c.json({ offset: state.offset, complete }, 200, uploadHeaders(state.offset, complete))
    } catch (error) {
      if (!(error instanceof Failure)) {
        log.debug({ err: error, sha256 }, 'an upload broke off')
        // Nobody is left to read this; what came is kept for the next attempt.
        throw new Failure('BAD_REQUEST', 'the upload broke off; continue it', { cause: error })
      }
      throw error
    } finally {
      if (expected.get(sha256) === own) expected.delete(sha256)
    }
  })
}

function uploadHeaders(offset: number, complete: boolean): Record<string, string> {
  // `?1` and `?0` are the booleans of HTTP headers (RFC 9651 §3.3.6).
  return { 'upload-offset': String(offset), 'upload-complete': complete ? '?1' : '?0', 'cache-control': 'no-store' }
}
