// How much a request may bring: more is refused before it is read where its length is announced, and in the midst where
// it is not.
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { Failure } from '../model/errors.ts'
import { errorResponse } from './http-errors.ts'

/**
 * Hono's own limit looks at the body as a web stream before it looks at Content-Length. Such a stream, and the Request
 * around it, are watched by finalizers and so outlive every collection of young objects: of a storm of small requests
 * each would leave 4 KB behind until the next collection of everything. A request that says how long it is cannot be
 * longer (RFC 9112 section 6.2; the parser of Node ends it there), so its body is not looked at here at all.
 */
export function limitBody(maxBytes: number): MiddlewareHandler {
  const refuse = () => errorResponse(new Failure('TOO_LARGE', `the body is larger than ${maxBytes} bytes`))
  const limitStream = bodyLimit({ maxSize: maxBytes, onError: refuse })
  return async (c, next) => {
    if (c.req.header('transfer-encoding') !== undefined) return limitStream(c, next)
    // Without either header there is no body (section 6.3).
    if (Number(c.req.header('content-length') ?? 0) > maxBytes) return refuse()
    await next()
  }
}
