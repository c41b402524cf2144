// Zooming with Ctrl (or two fingers) at the pointer, and panning sideways, by the wheel.
import { type RefObject, useEffect, useRef } from 'react'

/** Part of a flame graph's width, in the tree's unit. */
export interface ValueRange {
  readonly from: number
  readonly to: number
}

/** A pause that ends a gesture: then the address takes note of where it led. */
const settleMs = 250
/** Below it one sample fills the screen many times over, and doubles run out of digits. */
const smallestShare = 1e-9
/** One notch of a wheel, 100 px, zooms by e. */
const zoomPerPx = 0.01

/**
 * @param read everything there is, and what of it is shown
 * @param onRange called at every step, and once more with `isSettled` when it is over
 */
export function useWheelZoom(
  element: RefObject<HTMLElement | null>,
  read: () => { whole: number; shown: ValueRange | undefined },
  onRange: (range: ValueRange, isSettled: boolean) => void,
): void {
  const latest = useRef({ read, onRange })
  latest.current = { read, onRange }
  // React listens to wheel events passively; zooming with Ctrl must keep the page from zooming too.
  useEffect(() => {
    const target = element.current
    if (!target) return
    let settling = 0
    const onWheel = (event: WheelEvent): void => {
      const isZoom = event.ctrlKey || event.metaKey
      if (!isZoom && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return
      event.preventDefault()
      const { whole, shown = { from: 0, to: whole } } = latest.current.read()
      const box = target.getBoundingClientRect()
      const next = isZoom
        ? zoomed(shown, whole, {
            at: (event.clientX - box.left) / box.width,
            factor: Math.exp(event.deltaY * zoomPerPx),
          })
        : panned(shown, whole, event.deltaX / box.width)
      latest.current.onRange(next, false)
      clearTimeout(settling)
      settling = window.setTimeout(() => latest.current.onRange(next, true), settleMs)
    }
    target.addEventListener('wheel', onWheel, { passive: false })
    return () => {
      clearTimeout(settling)
      target.removeEventListener('wheel', onWheel)
    }
  }, [element])
}

/** What is at `at` (0 to 1 of the width) stays there. */
export function zoomed(
  { from, to }: ValueRange,
  whole: number,
  { at, factor }: { at: number; factor: number },
): ValueRange {
  const span = Math.min(whole, Math.max(whole * smallestShare, (to - from) * factor))
  const left = Math.min(whole - span, Math.max(0, from + at * (to - from) - at * span))
  return { from: left, to: left + span }
}

/** @param share of the width */
export function panned({ from, to }: ValueRange, whole: number, share: number): ValueRange {
  const span = to - from
  const left = Math.min(whole - span, Math.max(0, from + share * span))
  return { from: left, to: left + span }
}
