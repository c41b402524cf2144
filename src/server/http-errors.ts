// The one place where failures become HTTP answers: status and `{code, message, advice}` from the error table.
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Logger } from 'pino'
import type { ErrorBody } from '../api/shapes.ts'
import { asFailure, Failure, failures } from '../model/errors.ts'

/** Details of these may hold stacks and file contents: they go to the log, not to whoever asked. */
const privateCodes = new Set(['INTERNAL', 'DATA_DAMAGED'])

export function errorBody(failure: Failure): ErrorBody {
  const { code, message, advice, details } = failure
  const hasDetails = Object.keys(details).length > 0 && !privateCodes.has(code)
  return { code, message, advice, ...(hasDetails ? { details } : {}) }
}

export function errorResponse(failure: Failure, headers: Record<string, string> = {}): Response {
  return Response.json(errorBody(failure), { status: failures[failure.code].status, headers })
}

/** Whatever a handler threw, as the answer; what is our own fault is logged with its stack. */
export function answerError(error: unknown, c: Context, log: Logger): Response {
  const failure = error instanceof HTTPException ? new Failure('BAD_REQUEST', error.message) : asFailure(error)
  const { status } = failures[failure.code]
  if (status >= 500) log.error({ err: failure, path: c.req.path, details: failure.details }, failure.message)
  return c.json(errorBody(failure), status as ContentfulStatusCode)
}

interface ValidationResult {
  readonly success: boolean
  readonly target?: string
  readonly error?: { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] }
}

/** `query limit: Too big: expected number to be <=500`. For OpenAPIHono's defaultHook. */
export function answerInvalid(result: ValidationResult): Response | undefined {
  if (result.success) return undefined
  const issues = result.error?.issues ?? []
  const where = result.target === 'json' ? 'body' : (result.target ?? 'request')
  const messages = issues.map(
    ({ path, message }) => `${[where, path.map(String).join('.')].join(' ').trim()}: ${message}`,
  )
  return errorResponse(
    new Failure('BAD_REQUEST', messages.join('; ') || 'the request does not fit', { details: { issues } }),
  )
}
