// The flame graph as a component: pointer, wheel and keyboard on a canvas that is never larger than what is seen.
import {
  type KeyboardEvent,
  type PointerEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react'
import { type FlameLayout, nodeAt, type Rest, restOf } from '../flame/layout.ts'
import { pathKey } from '../flame/path.ts'
import { directionOf, neighbour } from './flame-keys.ts'
import { FlamePainter, type FlamePicture, type FlameWindow, minValueOf, rowPx } from './flame-painter.ts'
import { useSize } from './use-size.ts'
import { useWheelZoom, type ValueRange } from './use-wheel-zoom.ts'
import type { Zoom } from './view-state.ts'
import { rootPath, zoomOfRange, zoomRange } from './zoom.ts'

/** What is under the pointer: one box, or several that are too narrow to draw. */
export type Pointed = { readonly node: number; readonly rest?: Rest }

export interface FlameViewProps {
  readonly picture: FlamePicture
  readonly zoom: Zoom | undefined
  onZoom(zoom: Zoom | undefined): void
  /** Node that the keyboard is at; -1 = none. */
  readonly cursor: number
  onCursor(node: number): void
  onPointed(pointed: Pointed | undefined): void
  /** In sight at first, and where the keyboard begins. */
  readonly hotNode: number
  /** What a screen reader says of a node. */
  describe(node: number): string
  readonly label: string
}

/** Long enough to see where the box went, short enough not to wait for it. */
const zoomMs = 160
/** Narrower than this a box cannot be followed with the eye: moving onto it zooms to its parent. */
const tinyPx = 4

export function FlameView(props: FlameViewProps) {
  const { picture, zoom, onZoom, cursor, onCursor, onPointed, describe, label } = props
  const { layout, rootAt } = picture
  const scroller = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const hoverBox = useRef<HTMLDivElement>(null)
  const cursorBox = useRef<HTMLDivElement>(null)
  const painter = useRef<FlamePainter>(undefined)
  const range = useRef<ValueRange>(undefined)
  const latest = useRef(props)
  latest.current = props
  const hovered = useRef(-1)
  const zoomedRow = useRef(0)
  const frame = useRef(0)
  const size = useSize(scroller)
  const [zoomedNode, setZoomedNode] = useState(0)

  const readWindow = useCallback((): FlameWindow => {
    const element = scroller.current!
    return {
      ...(range.current ?? { from: 0, to: 1 }),
      widthPx: element.clientWidth,
      heightPx: element.clientHeight,
      scrollTop: element.scrollTop,
      devicePixelRatio,
    }
  }, [])

  const paint = useCallback(() => {
    frame.current = 0
    if (!canvas.current || !scroller.current) return
    painter.current ??= new FlamePainter(canvas.current)
    const { picture: now, cursor: at } = latest.current
    const view = readWindow()
    const boxes = painter.current.paint(now, view, zoomedRow.current)
    canvas.current.dataset.boxes = String(boxes)
    outline(hoverBox.current, hovered.current < 0 ? undefined : painter.current.place(now, view, hovered.current))
    outline(cursorBox.current, at < 0 ? undefined : painter.current.place(now, view, at))
  }, [readWindow])
  const paintSoon = useCallback(() => {
    frame.current ||= requestAnimationFrame(paint)
  }, [paint])
  useEffect(() => () => cancelAnimationFrame(frame.current), [])

  // A new tree or another picture: show its zoom at once, without a ride.
  const shownLayout = useRef<FlameLayout>(undefined)
  useLayoutEffect(() => {
    const target = zoomRange(layout, zoom)
    setZoomedNode(target.node)
    zoomedRow.current = layout.tree.depth[target.node] ?? 0
    const isNewTree = shownLayout.current !== layout
    shownLayout.current = layout
    const start = range.current
    if (isNewTree || !start || matchMedia('(prefers-reduced-motion: reduce)').matches) {
      range.current = target
      paint()
      return
    }
    const began = performance.now()
    let ride = 0
    const step = (now: number): void => {
      const share = Math.min(1, Math.max(0, (now - began) / zoomMs))
      const eased = 1 - (1 - share) ** 3
      range.current = {
        from: start.from + (target.from - start.from) * eased,
        to: start.to + (target.to - start.to) * eased,
      }
      paint()
      if (share < 1) ride = requestAnimationFrame(step)
    }
    ride = requestAnimationFrame(step)
    return () => cancelAnimationFrame(ride)
  }, [layout, zoom, paint])
  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever is drawn has changed
  useLayoutEffect(paint, [paint, picture, size, cursor])

  // Deep stacks begin with many rows of start-up code; what is hot comes into sight without scrolling.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only at first, later the scroll position belongs to the person
  useLayoutEffect(() => {
    const element = scroller.current
    if (!element) return
    const row = (layout.tree.depth[props.hotNode] ?? 0) + 3
    element.scrollTop =
      rootAt === 'top'
        ? row * rowPx - element.clientHeight
        : Math.min((layout.rows - row) * rowPx, element.scrollHeight - element.clientHeight)
  }, [rootAt])

  // The box that the keyboard is at stays in sight.
  useLayoutEffect(() => {
    const element = scroller.current
    if (!element || cursor < 0 || cursor >= layout.tree.length) return
    const row = layout.tree.depth[cursor]!
    const y = (rootAt === 'top' ? row : layout.rows - 1 - row) * rowPx
    if (y < element.scrollTop) element.scrollTop = y - rowPx
    else if (y + rowPx > element.scrollTop + element.clientHeight) {
      element.scrollTop = y + 2 * rowPx - element.clientHeight
    }
  }, [cursor, layout, rootAt])

  const pointAt = useCallback(
    (clientX: number, clientY: number): Pointed | undefined => {
      const element = scroller.current!
      const box = element.getBoundingClientRect()
      const view = readWindow()
      const at = view.from + ((clientX - box.left) / view.widthPx) * (view.to - view.from)
      const line = Math.floor((clientY - box.top + view.scrollTop) / rowPx)
      const { layout: now, rootAt: end } = latest.current.picture
      const node = nodeAt(now, at, end === 'top' ? line : now.rows - 1 - line)
      if (node < 0) return undefined
      const minValue = minValueOf(view)
      if (now.value[node]! >= minValue) return { node }
      // A narrow box inside a narrow one: the outermost of them is what is drawn as the rest.
      let outermost = node
      while (outermost > 0 && now.value[now.tree.parent[outermost]!]! < minValue)
        outermost = now.tree.parent[outermost]!
      if (outermost !== node) return undefined
      return { node, rest: restOf(now, node, minValue) }
    },
    [readWindow],
  )

  const zoomTo = useCallback(
    (pointed: Pointed) => {
      const { tree, start, value } = layout
      if (pointed.rest) {
        const above = Math.max(0, tree.parent[pointed.node]!)
        const part = [pointed.rest.from, pointed.rest.to].map((at) =>
          Math.min(1, Math.max(0, (at - start[above]!) / value[above]!)),
        ) as [number, number]
        onZoom({ path: above === 0 ? rootPath : pathKey(tree, above), part })
      } else onZoom(pointed.node === 0 ? undefined : { path: pathKey(tree, pointed.node) })
    },
    [layout, onZoom],
  )

  const onMove = (event: PointerEvent): void => {
    const pointed = pointAt(event.clientX, event.clientY)
    const node = pointed && !pointed.rest ? pointed.node : -1
    if (scroller.current) scroller.current.style.cursor = pointed ? 'pointer' : 'default'
    onPointed(pointed)
    if (node === hovered.current) return
    hovered.current = node
    paintSoon()
  }
  const onLeave = (): void => {
    hovered.current = -1
    onPointed(undefined)
    paintSoon()
  }

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.metaKey || event.ctrlKey || event.altKey) return
    const direction = directionOf(event.key, rootAt)
    if (direction) {
      event.preventDefault()
      const next = neighbour(layout, cursor, direction)
      onCursor(next)
      const view = readWindow()
      const width = (layout.value[next]! / (view.to - view.from)) * view.widthPx
      const isInSight = painter.current?.place(picture, view, next) !== undefined
      if (width < tinyPx || !isInSight) zoomTo({ node: Math.max(0, layout.tree.parent[next]!) })
    } else if ((event.key === 'Enter' || event.key === ' ') && cursor >= 0) {
      event.preventDefault()
      zoomTo({ node: cursor })
    } else if (event.key === 'Home') {
      event.preventDefault()
      onCursor(0)
    } else if (event.key === 'Backspace' && zoomedNode > 0) {
      event.preventDefault()
      zoomTo({ node: Math.max(0, layout.tree.parent[zoomedNode]!) })
    }
  }

  const onWheelRange = useCallback(
    (next: ValueRange, isSettled: boolean) => {
      range.current = next
      if (isSettled) latest.current.onZoom(zoomOfRange(latest.current.picture.layout, next))
      else paintSoon()
    },
    [paintSoon],
  )
  useWheelZoom(scroller, () => ({ whole: layout.value[0] || 1, shown: range.current }), onWheelRange)

  const heightPx = layout.rows * rowPx
  const level = cursor >= 0 && cursor < layout.tree.length ? layout.tree.depth[cursor]! + 1 : 1
  const spoken = useMemo(() => (cursor >= 0 ? describe(cursor) : ''), [cursor, describe])
  return (
    <div
      ref={scroller}
      className="flame"
      role="tree"
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={cursor >= 0 ? 'flame-cursor' : undefined}
      onKeyDown={onKeyDown}
      onFocus={(event) => {
        // A click focuses too, and says itself which box is meant.
        if (cursor < 0 && event.currentTarget.matches(':focus-visible')) onCursor(zoomedNode || props.hotNode)
      }}
      onScroll={paintSoon}
      onPointerMove={onMove}
      onPointerLeave={onLeave}
      onClick={(event) => {
        const pointed = pointAt(event.clientX, event.clientY)
        if (!pointed) return
        if (!pointed.rest) onCursor(pointed.node)
        zoomTo(pointed)
      }}
    >
      <div className="flame-window">
        <canvas ref={canvas} />
        <div ref={hoverBox} className="flame-hover" />
        <div ref={cursorBox} className="flame-cursor" />
        <div
          className="unseen"
          role="treeitem"
          id="flame-cursor"
          aria-level={level}
          aria-selected={cursor >= 0}
          tabIndex={-1}
        >
          {spoken}
        </div>
      </div>
      <div style={{ height: heightPx }} />
    </div>
  )
}

function outline(element: HTMLDivElement | null, place: DOMRect | undefined): void {
  if (!element) return
  element.hidden = !place
  if (!place) return
  element.style.transform = `translate(${place.x}px, ${place.y}px)`
  element.style.width = `${place.width}px`
  element.style.height = `${place.height}px`
}
