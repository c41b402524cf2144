// A zoom survives the address, another slice, and the wheel.
import { expect, test } from 'vitest'
import { drawnTree } from '../../test/drawn-tree.ts'
import { layoutTree } from '../flame/layout.ts'
import { pathKey } from '../flame/path.ts'
import { panned, zoomed } from './use-wheel-zoom.ts'
import { rootPath, zoomOfRange, zoomRange } from './zoom.ts'

const tree = drawnTree('main 10', 'main;parse 20', 'main;parse;lex 40', 'main;draw 30')
const layout = layoutTree(tree)
const node = (name: string): number => Array.from(tree.frame).findIndex((row) => tree.frames.name[row] === name)

test('a box, a part of a box, everything', () => {
  const path = pathKey(tree, node('parse'))
  expect(zoomRange(layout, { path })).toEqual({ from: 0, to: 60, node: node('parse') })
  expect(zoomRange(layout, { path, part: [0.5, 1] })).toEqual({ from: 30, to: 60, node: node('parse') })
  expect(zoomRange(layout, { path: rootPath, part: [0.25, 0.75] })).toEqual({ from: 25, to: 75, node: 0 })
  expect(zoomRange(layout, undefined)).toEqual({ from: 0, to: 100, node: 0 })
})

test('a box that is not in this slice shows everything', () => {
  expect(zoomRange(layout, { path: 'ffffffff' })).toEqual({ from: 0, to: 100, node: 0 })
  expect(zoomRange(layoutTree(drawnTree()), { path: 'ffffffff' })).toEqual({ from: 0, to: 1, node: 0 })
})

test.each([
  [{ from: 60, to: 90 }, { path: pathKey(tree, node('draw')) }],
  [
    { from: 5, to: 25 },
    { path: pathKey(tree, node('lex')), part: [0.125, 0.625] },
  ],
  [
    { from: 30, to: 75 },
    { path: pathKey(tree, node('main')), part: [0.3, 0.75] },
  ],
  [{ from: 0, to: 100 }, undefined],
])('%j is the part of the innermost box that holds it', (range, zoom) => {
  expect(zoomOfRange(layout, range)).toEqual(zoom)
  expect(zoomRange(layout, zoomOfRange(layout, range))).toMatchObject(range)
})

test('the wheel keeps what is under the pointer, and never leaves the picture', () => {
  expect(zoomed({ from: 0, to: 100 }, 100, { at: 0.25, factor: 0.5 })).toEqual({ from: 12.5, to: 62.5 })
  expect(zoomed({ from: 12.5, to: 62.5 }, 100, { at: 0.25, factor: 2 })).toEqual({ from: 0, to: 100 })
  expect(zoomed({ from: 90, to: 100 }, 100, { at: 0, factor: 4 })).toEqual({ from: 60, to: 100 })
  expect(zoomed({ from: 0, to: 100 }, 100, { at: 0.5, factor: 9 })).toEqual({ from: 0, to: 100 })
  expect(panned({ from: 10, to: 30 }, 100, 0.5)).toEqual({ from: 20, to: 40 })
  expect(panned({ from: 70, to: 90 }, 100, 3)).toEqual({ from: 80, to: 100 })
})
