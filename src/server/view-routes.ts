// Pictures of an incident's profile: call tree, functions, threads, pprof, folded text, SVG.
import type { Context } from 'hono'
import { routes } from '../api/routes.ts'
import type { Phase } from '../api/shapes.ts'
import { mediaTypes } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import type { Incident } from '../model/incident.ts'
import { commandName, printTarget } from '../model/target.ts'
import type { Whose } from '../profile/whose.ts'
import type { Question } from './analyst-worker.ts'
import type { App, ServerContext } from './context.ts'
import { findEvidence } from './evidence.ts'
import { attachment } from './file-answer.ts'
import { requireIncident } from './incident-routes.ts'
import type { ViewRequest } from './profile-views.ts'
import { baselineRange, phaseRange } from './ranges.ts'

interface ViewQuery {
  readonly phase: Phase
  readonly scope?: 'target' | 'node'
  readonly pid?: number | undefined
  readonly owner?: number | undefined
  readonly tid?: number | undefined
  readonly capture?: string | undefined
  readonly diff?: 'before' | undefined
}

export function mountViews(app: App, { store, analyst }: ServerContext): void {
  const { catalog } = store

  const resolve = async (id: string, query: ViewQuery) => {
    const incident = await requireIncident(catalog, id)
    const isWhole = (query.phase === 'during' || query.phase === 'all') && !query.diff
    const isOfTarget = isWhole && query.scope === 'target' && query.pid === undefined && query.tid === undefined
    const { capture, artifact } = await findEvidence(catalog, id, { captureId: query.capture, isOfTarget })
    const baseRange = query.diff ? baselineRange(incident, capture) : undefined
    if (query.diff && !baseRange) {
      throw new Failure('EMPTY', 'the capture holds no quiet second before the rise to compare with')
    }
    const request: ViewRequest = {
      captureId: capture.id,
      artifactId: artifact.id,
      who: whoOf(incident, query),
      range: phaseRange(query.phase, incident, capture),
      ...(baseRange ? { baseRange } : {}),
    }
    return { incident, capture, artifact, request }
  }
  const json = async (c: Context, sha256: string, question: Question) =>
    c.body(await analyst.ask(sha256, question), 200, { 'content-type': 'application/json' })

  app.openapi(routes.getFlame, async (c) => {
    const { artifact, request } = await resolve(c.req.valid('param').id, c.req.valid('query'))
    return (await json(c, artifact.sha256, { view: 'flame', request })) as never
  })

  app.openapi(routes.getTop, async (c) => {
    const { limit, ...query } = c.req.valid('query')
    const { artifact, request } = await resolve(c.req.valid('param').id, query)
    return (await json(c, artifact.sha256, { view: 'top', request, limit })) as never
  })

  app.openapi(routes.getThreads, async (c) => {
    const { incident, capture, artifact, request } = await resolve(c.req.valid('param').id, c.req.valid('query'))
    // The baseline is shown where there is one, and is no reason to fail where there is none.
    const baseRange = baselineRange(incident, capture)
    const withBase = baseRange ? { ...request, baseRange } : request
    return (await json(c, artifact.sha256, { view: 'threads', request: withBase, target: incident.target })) as never
  })

  app.openapi(routes.getPprof, async (c) => {
    const query = c.req.valid('query')
    const { artifact, request } = await resolve(c.req.valid('param').id, query)
    const bytes = await analyst.ask(artifact.sha256, { view: 'pprof', request })
    return c.body(bytes, 200, fileHeaders(mediaTypes.pprof, fileName(artifact.name, query, 'pb.gz'))) as never
  })

  app.openapi(routes.getFolded, async (c) => {
    const query = c.req.valid('query')
    const { artifact, request } = await resolve(c.req.valid('param').id, query)
    const bytes = await analyst.ask(artifact.sha256, { view: 'folded', request })
    const type = 'text/plain; charset=utf-8'
    return c.body(bytes, 200, {
      ...fileHeaders(type, fileName(artifact.name, query, 'folded')),
      'content-disposition': 'inline',
    }) as never
  })

  app.openapi(routes.getFlameSvg, async (c) => {
    const query = c.req.valid('query')
    const { incident, artifact, request } = await resolve(c.req.valid('param').id, query)
    const bytes = await analyst.ask(artifact.sha256, { view: 'svg', request, ...captions(incident, query) })
    return c.body(bytes, 200, {
      'content-type': 'image/svg+xml',
      // Its script may run, but as a page of nobody: it cannot ask this server anything.
      'content-security-policy':
        "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
    }) as never
  })
}

/** @throws Failure BAD_REQUEST */
function whoOf(incident: Incident, { scope = 'target', pid, owner, tid }: ViewQuery): Whose {
  if (owner !== undefined && pid === undefined) {
    throw new Failure('BAD_REQUEST', 'query owner: it says which of those that had one PID, so name the pid as well')
  }
  if (tid !== undefined) return { kind: 'thread', pid, tid, owner }
  if (pid !== undefined) return { kind: 'process', pid, owner }
  return scope === 'node' ? { kind: 'all' } : { kind: 'target', target: incident.target }
}

function captions(incident: Incident, query: ViewQuery): { title: string; subtitle: string; provenance: string } {
  const { target, trigger, onsetMs } = incident
  const { pid, owner, tid } = query
  const process = pid === undefined ? '' : `pid ${pid}${owner === undefined ? '' : `, its owner ${owner}`}`
  const chosen = [tid === undefined ? '' : `thread ${tid}`, process].filter(Boolean).join(' of ')
  const whose = chosen || (query.scope === 'node' ? `node ${incident.node}` : commandName(target))
  const what = query.diff ? 'before versus during' : query.phase
  return {
    title: `${whose}: ${what}`,
    subtitle: `${printTarget(target)} on ${incident.node}, ${new Date(onsetMs).toISOString()}; ${trigger.reason}`,
    provenance: `incident ${incident.id}`,
  }
}

/** `vm1.20261121_031500_UTC.node.pb.gz` -> `vm1.20261121_031500_UTC.node.during.folded` */
function fileName(artifactName: string, { phase, pid, owner, tid }: ViewQuery, extension: string): string {
  const stem = artifactName.replace(/\.pb\.gz$|\.pprof$/, '')
  const who = Object.entries({ pid, owner, tid }).map(([key, value]) => (value === undefined ? '' : `.${key}${value}`))
  return `${stem}${who.join('')}.${phase}.${extension}`
}

function fileHeaders(mediaType: string, name: string): Record<string, string> {
  return {
    'content-type': mediaType,
    'content-disposition': attachment(name),
    'cache-control': 'no-cache, no-transform',
  }
}
