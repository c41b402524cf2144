// Which row of the route table a request belongs to: for metrics, whose labels must be few, and to tell 405 from 404.
import { openapiPath, routes } from '../api/routes.ts'

interface Pattern {
  readonly path: string
  readonly regex: RegExp
  readonly methods: Set<string>
}

const patterns = new Map<string, Pattern>()
for (const { path, method } of [...Object.values(routes), { path: openapiPath, method: 'get' }]) {
  const regex = new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`)
  const pattern = patterns.get(path) ?? { path, regex, methods: new Set<string>() }
  pattern.methods.add(method.toUpperCase())
  if (method === 'get') pattern.methods.add('HEAD')
  patterns.set(path, pattern)
}

export interface RouteMatch {
  /** As in the table: `/api/v1/incidents/{id}`. */
  readonly path: string
  readonly methods: ReadonlySet<string>
}

/** Undefined when no route of any method has this path. */
export function matchRoute(path: string): RouteMatch | undefined {
  for (const pattern of patterns.values()) if (pattern.regex.test(path)) return pattern
  return undefined
}
