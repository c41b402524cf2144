// Boxes of small drawn trees, and of a large one compared with a plain, slow layout.
import { expect, test } from 'vitest'
import { drawnTree } from '../../test/drawn-tree.ts'
import { type Boxes, layoutTree, nodeAt, restOf, type Viewport, visibleBoxes } from './layout.ts'

const tree = drawnTree('main 10', 'main;parse 20', 'main;parse;lex 40', 'main;draw 30')
const whole: Viewport = { from: 0, to: 100, widthPx: 1000, firstRow: 0, lastRow: 99, minWidthPx: 1 }

/** `lex 0+400 @3`: name, pixels, row. */
function printed(boxes: Boxes, of = tree): string[] {
  return Array.from({ length: boxes.length }, (_, i) => {
    const id = boxes.node[i]!
    const node = id < 0 ? ~id : id
    const name = node === 0 ? 'root' : of.frames.name[of.frame[node]!]
    return `${id < 0 ? 'rest from ' : ''}${name} ${Math.round(boxes.x[i]!)}+${Math.round(boxes.width[i]!)} @${boxes.row[i]}`
  })
}

test('boxes lie under their parents, self time is the gap at the right', () => {
  expect(printed(visibleBoxes(layoutTree(tree), whole))).toEqual([
    'root 0+1000 @0',
    'main 0+1000 @1',
    'parse 0+600 @2',
    'lex 0+400 @3',
    'draw 600+300 @2',
  ])
})

test('zooming cuts parents off at the edges and leaves out what is beside', () => {
  const boxes = visibleBoxes(layoutTree(tree), { ...whole, from: 60, to: 90 })
  expect(printed(boxes)).toEqual(['root 0+1000 @0', 'main 0+1000 @1', 'draw 0+1000 @2'])
})

test('rows outside the viewport are walked through but not given', () => {
  const boxes = visibleBoxes(layoutTree(tree), { ...whole, firstRow: 2, lastRow: 2 })
  expect(printed(boxes)).toEqual(['parse 0+600 @2', 'draw 600+300 @2'])
})

test('narrow siblings become one rest box that knows how many it stands for', () => {
  const bushy = drawnTree('a 70', ...Array.from({ length: 30 }, (_, i) => `tiny${i} 1`))
  const layout = layoutTree(bushy)
  const boxes = visibleBoxes(layout, { ...whole, minWidthPx: 20 })
  expect(printed(boxes, bushy)).toEqual(['root 0+1000 @0', 'a 0+700 @1', 'rest from tiny0 700+300 @1'])
  const first = ~boxes.node[2]!
  expect(restOf(layout, first, 2)).toEqual({ count: 30, first, from: 70, to: 100 })
  // Any of them names the same run.
  expect(restOf(layout, first + 17, 2)).toEqual(restOf(layout, first, 2))
})

test('before-widths come from the baseline; siblings that are not heaviest first are all looked at', () => {
  const diff = drawnTree('new 60 0', 'steady 30 30', 'small 6 1', 'gone 4 9')
  const layout = layoutTree(diff, 'before')
  expect(layout.heaviestFirst).toBe(false)
  expect(printed(visibleBoxes(layout, { ...whole, to: 40, minWidthPx: 30 }), diff)).toEqual([
    'root 0+1000 @0',
    'steady 0+750 @1',
    'rest from small 750+25 @1',
    'gone 775+225 @1',
  ])
})

test('the node under a point is found without boxes', () => {
  const layout = layoutTree(tree)
  const name = (at: number, row: number): string | undefined => {
    const node = nodeAt(layout, at, row)
    return node < 0 ? undefined : node === 0 ? 'root' : tree.frames.name[tree.frame[node]!]
  }
  expect([name(0, 0), name(5, 1), name(5, 2), name(5, 3), name(60, 2)]).toEqual([
    'root',
    'main',
    'parse',
    'lex',
    'draw',
  ])
  // Self time of `parse` and of `main`, right of the root, below the leaves.
  expect([name(50, 3), name(95, 2), name(100, 0), name(5, 4), name(-1, 0)]).toEqual(Array(5).fill(undefined))
})

test('an empty tree has no boxes and no node under any point', () => {
  const empty = layoutTree(drawnTree())
  expect(nodeAt(empty, 0, 0)).toBe(-1)
  expect(visibleBoxes(empty, whole).length).toBe(0)
})

test('a random tree of thousands of nodes: every box of at least one pixel, at the place a plain layout gives it', () => {
  let seed = 7
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return (seed >>> 8) % below
  }
  const stacks = Array.from({ length: 4000 }, () => {
    const names = Array.from({ length: 1 + random(12) }, (_, i) => `f${random(i + 3)}`)
    return `${names.join(';')} ${1 + random(50)}`
  })
  const big = drawnTree(...stacks)
  const layout = layoutTree(big)
  const viewport = { ...whole, from: big.total[0]! * 0.2, to: big.total[0]! * 0.35, lastRow: 200 }
  const scale = viewport.widthPx / (viewport.to - viewport.from)
  const expected = new Map<number, [number, number]>()
  const cursor = new Float64Array(big.length)
  for (let node = 0; node < big.length; node++) {
    const left = node === 0 ? 0 : cursor[big.parent[node]!]!
    cursor[node] = left
    if (node > 0) cursor[big.parent[node]!] = left + big.total[node]!
    const x = Math.max(0, (left - viewport.from) * scale)
    const right = Math.min(viewport.widthPx, (left + big.total[node]! - viewport.from) * scale)
    if (right > x && big.total[node]! * scale >= 1) expected.set(node, [x, right - x])
  }
  const boxes = visibleBoxes(layout, viewport)
  const got = new Map<number, [number, number]>()
  for (let i = 0; i < boxes.length; i++) {
    if (boxes.node[i]! >= 0) got.set(boxes.node[i]!, [boxes.x[i]!, boxes.width[i]!])
  }
  expect(got.size).toBeGreaterThan(200)
  expect([...got.keys()]).toEqual([...expected.keys()])
  for (const [node, [x, width]] of expected) {
    expect(got.get(node)![0]).toBeCloseTo(x, 2)
    expect(got.get(node)![1]).toBeCloseTo(width, 2)
    // What is drawn there is what a click there finds.
    expect(nodeAt(layout, viewport.from + (x + width / 2) / scale, big.depth[node]!)).toBe(node)
  }
})
