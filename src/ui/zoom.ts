// Between what an address says of a zoom and the range of values that it shows, in both directions.
import { type FlameLayout, nodeAt } from '../flame/layout.ts'
import { findPath, pathKey } from '../flame/path.ts'
import type { Zoom } from './view-state.ts'

/** The range of values that a zoom shows; everything where its box is not in this tree. */
export function zoomRange(layout: FlameLayout, zoom: Zoom | undefined): { from: number; to: number; node: number } {
  const whole = { from: 0, to: layout.value[0] || 1, node: 0 }
  const node = zoom ? findPath(layout.tree, zoom.path) : 0
  if (!zoom || node <= 0 || layout.value[node]! <= 0) {
    // The root itself has no path; a part of it is written with the path of zeros.
    return zoom?.part && zoom.path === rootPath ? partOf(layout, 0, zoom.part) : whole
  }
  return partOf(layout, node, zoom.part ?? [0, 1])
}

export const rootPath = '00000000'

function partOf(layout: FlameLayout, node: number, [first, last]: readonly [number, number]) {
  const [start, value] = [layout.start[node]!, layout.value[node]!]
  return { from: start + first * value, to: start + last * value, node }
}

/** The zoom that shows a range: the innermost box that holds it, and which part of that. */
export function zoomOfRange(layout: FlameLayout, { from, to }: { from: number; to: number }): Zoom | undefined {
  const { start, value, tree } = layout
  const whole = value[0] || 1
  if (from <= whole * 1e-6 && to >= whole * (1 - 1e-6)) return undefined
  let node = 0
  for (let row = 1; row < layout.rows; row++) {
    const next = nodeAt(layout, (from + to) / 2, row)
    if (next < 0 || start[next]! > from || start[next]! + value[next]! < to) break
    node = next
  }
  const part = [(from - start[node]!) / value[node]!, (to - start[node]!) / value[node]!] as const
  if (node > 0 && part[0] <= 1e-6 && part[1] >= 1 - 1e-6) return { path: pathKey(tree, node) }
  return { path: node === 0 ? rootPath : pathKey(tree, node), part: [Math.max(0, part[0]), Math.min(1, part[1])] }
}
