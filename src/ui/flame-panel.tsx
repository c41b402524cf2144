// Flame graph and table side by side, kept in step: one search, one marked function, one zoom for both.
import { type ReactNode, useCallback, useDeferredValue, useMemo, useRef, useState } from 'react'
import { firstSight, functionColumns } from '../flame/functions.ts'
import { type FlameLayout, layoutTree } from '../flame/layout.ts'
import { pathKey } from '../flame/path.ts'
import { searchTree } from '../flame/search.ts'
import { printCores, printRatio, printValue } from '../flame/value.ts'
import { printShare } from '../lib/units.ts'
import { ChangeLegend, OriginLegend } from './change-legend.tsx'
import { nextMatch } from './flame-keys.ts'
import type { FlamePicture } from './flame-painter.ts'
import { FlameView, type Pointed } from './flame-view.tsx'
import { FrameDetails } from './frame-details.tsx'
import { FunctionTable } from './function-table.tsx'
import { coresOf } from './headline.ts'
import { KeyHelp } from './key-help.tsx'
import { PictureToggle, pictureNames } from './picture-toggle.tsx'
import type { Slice } from './slice.ts'
import { useTheme } from './theme.ts'
import { usePanelKeys } from './use-panel-keys.ts'
import type { ChangeView } from './use-view.ts'
import { type Picture, printWho, type View } from './view-state.ts'
import { zoomRange } from './zoom.ts'
import './flame-panel.css'

export interface FlamePanelProps {
  readonly slice: Slice
  readonly view: View
  readonly changeView: ChangeView
  /** A newer slice is being made. */
  readonly isStale: boolean
  readonly picker: ReactNode
}

export function FlamePanel({ slice, view, changeView, isStale, picker }: FlamePanelProps) {
  const { tree } = slice
  const theme = useTheme()
  const hasBase = tree.base !== undefined
  const picture: Picture = hasBase ? view.picture : 'during'
  const side = picture === 'before' ? 'before' : 'during'
  const layout = useMemo(() => layoutTree(tree, side), [tree, side])
  const query = useDeferredValue(view.search)
  const zoomed = useMemo(() => zoomRange(layout, view.zoom).node, [layout, view.zoom])
  const matches = useMemo(() => searchTree(tree, query), [tree, query])
  const matchesHere = useMemo(
    () => (zoomed > 0 && matches ? searchTree(tree, query, zoomed) : undefined),
    [tree, query, zoomed, matches],
  )
  const columns = useMemo(() => functionColumns(tree), [tree])
  const selectedFrame = useMemo(
    () => (view.selected ? tree.frames.name.indexOf(view.selected) : -1),
    [tree, view.selected],
  )
  const hotNode = useMemo(() => firstSight(tree), [tree])
  const [cursor, setCursor] = useCursor(layout)
  const [pointed, setPointed] = useState<Pointed>()
  const [isHelpOpen, setHelpOpen] = useState(false)
  const searchBox = useRef<HTMLInputElement>(null)

  const shown = useMemo<FlamePicture>(
    () => ({
      layout,
      byChange: picture === 'diff',
      scale: slice,
      theme,
      matches: matches?.frames,
      selectedFrame,
      rootAt: view.rootAt,
    }),
    [layout, picture, slice, theme, matches, selectedFrame, view.rootAt],
  )
  const whole = side === 'before' ? (tree.base?.total[0] ?? 0) : (tree.total[0] ?? 0)
  const amount = useCallback(
    (value: number) =>
      slice.isOfNode ? printCores(coresOf(value, slice.tree.unit, slice.duringMs)) : printValue(value, slice.tree.unit),
    [slice],
  )
  const describe = useCallback(
    (node: number): string => {
      if (node >= tree.length) return ''
      const name = node === 0 ? 'all' : tree.frames.name[tree.frame[node]!]
      const before = tree.base?.total[node]
      const change = before === undefined ? '' : `, ${printRatio(tree.total[node]!, before)} against before`
      return `${name}, total ${printShare(tree.total[node]!, tree.total[0]!)}, self ${printShare(tree.self[node]!, tree.total[0]!)}${change}`
    },
    [tree],
  )

  const onSelect = useCallback(
    (row: number) => {
      const name = row < 0 ? undefined : tree.frames.name[row]
      changeView({ selected: name }, { replace: true })
      if (row >= 0) setCursor(heaviestNode(layout, row))
    },
    [tree, layout, changeView, setCursor],
  )
  const onCursor = useCallback(
    (node: number) => {
      setCursor(node)
      const name = node > 0 ? tree.frames.name[tree.frame[node]!] : undefined
      changeView({ selected: name }, { replace: true })
    },
    [tree, changeView, setCursor],
  )
  const onSort = useCallback(
    (key: View['sort']) =>
      changeView({ sort: key, descending: view.sort === key ? !view.descending : key !== 'name' }, { replace: true }),
    [changeView, view.sort, view.descending],
  )

  usePanelKeys({
    view,
    changeView,
    focusSearch: () => {
      searchBox.current?.focus()
      searchBox.current?.select()
    },
    goToMatch: (step) => {
      const next = nextMatch(matches?.nodes ?? new Int32Array(0), cursor, step)
      if (next < 0) return
      onCursor(next)
      changeView({ zoom: zoomToSee(layout, next) })
    },
    showHelp: () => setHelpOpen(true),
  })

  return (
    <section className="panel" aria-label="Profile" aria-busy={isStale}>
      <div className="tools">
        {picker}
        {slice.isOfNode && (
          <PictureToggle picture={picture} hasBase={hasBase} onPicture={(next) => changeView({ picture: next })} />
        )}
        <div className="search">
          <input
            ref={searchBox}
            type="search"
            value={view.search}
            placeholder="Search functions  /"
            aria-label="Search functions, text or regular expression"
            onChange={(event) => changeView({ search: event.target.value }, { replace: true })}
          />
          {matches && (
            <output className="matched">
              {printShare(matches.total, tree.total[0] ?? 0)}
              {matchesHere && ` · ${printShare(matchesHere.total, tree.total[zoomed] ?? 0)} of view`}
              {matches.base !== undefined && <small> was {amount(matches.base)}</small>}
            </output>
          )}
        </div>
        <span className="grow" />
        {view.focus && (
          <button type="button" className="chip" onClick={() => changeView({ focus: undefined })}>
            only <code>{view.focus}</code> ✕
          </button>
        )}
        {view.ignore.map((name) => (
          <button
            key={name}
            type="button"
            className="chip"
            onClick={() => changeView({ ignore: view.ignore.filter((other) => other !== name) })}
          >
            without <code>{name}</code> ✕
          </button>
        ))}
        <button type="button" disabled={!view.zoom} onClick={() => changeView({ zoom: undefined })} title="Esc">
          Reset zoom
        </button>
        <button
          type="button"
          aria-pressed={view.rootAt === 'bottom'}
          onClick={() => changeView({ rootAt: view.rootAt === 'top' ? 'bottom' : 'top' })}
          title="Root at the top (icicle) or at the bottom (flame): i"
        >
          {view.rootAt === 'top' ? 'Icicle ↓' : 'Flame ↑'}
        </button>
        <button type="button" onClick={() => setHelpOpen(true)} aria-label="Keys" title="Keys: ?">
          ?
        </button>
      </div>
      <FrameDetails
        tree={tree}
        pointed={pointed}
        cursor={cursor}
        whole={tree.total[0] ?? 0}
        scale={slice}
        amount={amount}
        onFocus={(name) => changeView({ focus: name, zoom: undefined })}
        onIgnore={(name) => changeView({ ignore: [...view.ignore, name], zoom: undefined, selected: undefined })}
        onSearch={(name) => changeView({ search: name })}
      />
      <div className="split">
        <div className="flame-side">
          {whole > 0 ? (
            <FlameView
              key={printWho(view.who)}
              hotNode={hotNode}
              picture={shown}
              zoom={view.zoom}
              onZoom={(zoom) => changeView({ zoom: zoom })}
              cursor={cursor}
              onCursor={onCursor}
              onPointed={setPointed}
              describe={describe}
              label={`Flame graph, ${pictureNames[picture].toLowerCase()}, ${tree.length - 1} boxes. Arrow keys move, Enter zooms, Escape resets. The table has the same data.`}
            />
          ) : (
            <p className="nothing">
              {side === 'before'
                ? 'No samples in the baseline: it was idle then.'
                : 'No samples here in this time: it was idle, or it is not the one that is busy. Choose another process or time.'}
            </p>
          )}
          <p className="flame-note">
            {picture === 'diff' ? <ChangeLegend /> : <OriginLegend tree={tree} />}
            <span className="grow" />
            {slice.isOfNode ? `${slice.samples} samples` : `${amount(whole)} in all`}
            {slice.beforeMs !== undefined && `, ${slice.beforeSamples} before`}
          </p>
        </div>
        <FunctionTable
          tree={tree}
          columns={columns}
          whole={tree.total[0] ?? 0}
          scale={slice}
          sort={view.sort}
          descending={view.descending}
          onSort={onSort}
          matches={matches?.frames}
          selected={selectedFrame}
          onSelect={onSelect}
          cores={amount}
        />
      </div>
      {isHelpOpen && <KeyHelp onClose={() => setHelpOpen(false)} />}
    </section>
  )
}

/** The node that the keyboard is at; when the tree changes it begins at the end of the hottest way, unmarked. */
function useCursor(layout: FlameLayout): [number, (node: number) => void] {
  const [state, setState] = useState({ layout, node: -1 })
  const set = useCallback((node: number) => setState({ layout, node }), [layout])
  return [state.layout === layout ? state.node : -1, set]
}

/** The widest box of a function. */
function heaviestNode({ tree, value }: FlameLayout, frame: number): number {
  let best = -1
  for (let node = 1; node < tree.length; node++) {
    if (tree.frame[node] === frame && value[node]! > (value[best] ?? 0)) best = node
  }
  return best
}

/** A zoom in which a box is at least a twentieth of the width: its nearest caller that makes it so. */
function zoomToSee({ tree, value }: FlameLayout, node: number): View['zoom'] {
  let at = node
  while (at > 0 && value[tree.parent[at]!]! < value[node]! * 20) at = tree.parent[at]!
  return at > 0 ? { path: pathKey(tree, at) } : undefined
}
