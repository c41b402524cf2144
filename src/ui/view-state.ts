// Everything that a view of an incident is, as its query string: `?who=all&q=regex&zoom=9f86d081&from=-500&to=2000`.
// What is as it always is stays out of it, so the plain address is the default view.

/** Whose samples are shown. */
export type Who =
  | { readonly kind: 'target' }
  | { readonly kind: 'all' }
  | { readonly kind: 'process'; readonly pid: number; readonly owner?: number }
  | { readonly kind: 'thread'; readonly pid: number; readonly owner?: number; readonly tid: number }

export type Picture = 'diff' | 'during' | 'before'
export const pictures = ['diff', 'during', 'before'] as const

/** Columns of the function table. */
export const sortKeys = ['name', 'self', 'total', 'change'] as const
export type SortKey = (typeof sortKeys)[number]

export interface Zoom {
  /** Path of the box, see src/flame/path.ts. */
  readonly path: string
  /** Part of the box, 0 to 1; absent: all of it. */
  readonly part?: readonly [number, number]
}

export interface View {
  readonly picture: Picture
  readonly who: Who
  /** Brushed range, milliseconds relative to the onset; absent: from the onset to the end. */
  readonly range?: readonly [number, number]
  readonly search: string
  readonly zoom?: Zoom
  /** Function that is marked in picture and table. */
  readonly selected?: string
  /** Only stacks through this function. */
  readonly focus?: string
  /** No stacks through these functions. */
  readonly ignore: readonly string[]
  readonly rootAt: 'top' | 'bottom'
  readonly sort: SortKey
  readonly descending: boolean
  readonly capture?: string
  /** Id of another file of it to draw than its CPU stacks. */
  readonly file?: string
}

export const defaultView: View = {
  picture: 'diff',
  who: { kind: 'target' },
  search: '',
  ignore: [],
  rootAt: 'top',
  sort: 'self',
  descending: true,
}

/** Parts to change; undefined puts a part back to its default. */
export type ViewChange = { readonly [K in keyof View]?: View[K] | undefined }

export function changed(view: View, change: ViewChange): View {
  const next: Record<string, unknown> = { ...view }
  for (const [key, value] of Object.entries(change)) {
    next[key] = value ?? defaultView[key as keyof View]
    if (next[key] === undefined) delete next[key]
  }
  return next as unknown as View
}

/** What cannot be read is as if it were not there: an old link still opens. */
export function parseView(query: string): View {
  const params = new URLSearchParams(query)
  const oneOf = <T extends string>(name: string, values: readonly T[]): T | undefined =>
    values.find((value) => value === params.get(name))
  const sort = /^(-?)(\w+)$/.exec(params.get('sort') ?? '')
  const sortKey = sortKeys.find((key) => key === sort?.[2])
  const [range, zoom] = [parseRange(params), parseZoom(params.get('zoom'))]
  const [selected, focus, capture] = [params.get('fn'), params.get('focus'), params.get('capture')]
  const file = params.get('file')
  return {
    picture: oneOf('picture', pictures) ?? defaultView.picture,
    who: parseWho(params.get('who')),
    ...(range && { range }),
    search: params.get('q') ?? '',
    ...(zoom && { zoom }),
    ...(selected && { selected }),
    ...(focus && { focus }),
    ignore: params.getAll('without').filter(Boolean),
    rootAt: oneOf('root', ['top', 'bottom']) ?? defaultView.rootAt,
    sort: sortKey ?? defaultView.sort,
    descending: sortKey ? sort![1] === '-' : defaultView.descending,
    ...(capture && { capture }),
    ...(file && { file }),
  }
}

/** The query string without `?`; empty for the default view. */
export function printView(view: View): string {
  const params = new URLSearchParams()
  if (view.picture !== defaultView.picture) params.set('picture', view.picture)
  if (view.who.kind !== 'target') params.set('who', printWho(view.who))
  if (view.range) {
    params.set('from', String(Math.round(view.range[0])))
    params.set('to', String(Math.round(view.range[1])))
  }
  if (view.search) params.set('q', view.search)
  if (view.zoom) {
    params.set('zoom', [view.zoom.path, ...(view.zoom.part ?? []).map((at) => at.toPrecision(6))].join('~'))
  }
  if (view.selected) params.set('fn', view.selected)
  if (view.focus) params.set('focus', view.focus)
  for (const name of view.ignore) params.append('without', name)
  if (view.rootAt !== defaultView.rootAt) params.set('root', view.rootAt)
  if (view.sort !== defaultView.sort || view.descending !== defaultView.descending) {
    params.set('sort', `${view.descending ? '-' : ''}${view.sort}`)
  }
  if (view.capture) params.set('capture', view.capture)
  if (view.file) params.set('file', view.file)
  return params.toString()
}

/**
 * `all`, `4242` (a process), `4242.4250` (a thread of it), `4242-2` (the second of those that had the PID), `4242-2.4250`;
 * nothing: the incident's target.
 */
export function parseWho(text: string | null): Who {
  if (text === 'all') return { kind: 'all' }
  const match = /^(\d{1,10})(?:-([1-9]\d{0,5}))?(?:\.(\d{1,10}))?$/.exec(text ?? '')
  if (!match) return { kind: 'target' }
  const process = { pid: Number(match[1]), ...(match[2] !== undefined && { owner: Number(match[2]) }) }
  return match[3] === undefined
    ? { kind: 'process', ...process }
    : { kind: 'thread', ...process, tid: Number(match[3]) }
}

export function printWho(who: Who): string {
  switch (who.kind) {
    case 'target':
      return 'target'
    case 'all':
      return 'all'
    case 'process':
      return printProcess(who)
    case 'thread':
      return `${printProcess(who)}.${who.tid}`
  }
}

const printProcess = ({ pid, owner }: { readonly pid: number; readonly owner?: number }): string =>
  owner === undefined ? String(pid) : `${pid}-${owner}`

function parseRange(params: URLSearchParams): readonly [number, number] | undefined {
  const [from, to] = [params.get('from'), params.get('to')]
  if (!from || !to) return undefined
  return Number(from) < Number(to) ? [Number(from), Number(to)] : undefined
}

function parseZoom(text: string | null): Zoom | undefined {
  const match = /^([0-9a-f]{8})(?:~([\d.e-]+)~([\d.e-]+))?$/.exec(text ?? '')
  if (!match) return undefined
  const path = match[1]!
  if (match[2] === undefined) return { path }
  const part = [Number(match[2]), Number(match[3])] as const
  return part[0] >= 0 && part[0] < part[1] && part[1] <= 1 ? { path, part } : { path }
}
