// Colours can be read and told apart, also by people who see no difference between red and green.
import { expect, test } from 'vitest'
import { drawnTree } from '../../test/drawn-tree.ts'
import {
  type Color,
  changeColor,
  changeNone,
  changePalette,
  contrast,
  frameKinds,
  originColors,
  originPalette,
  surfaces,
  type Theme,
} from './color.ts'

const themes: Theme[] = ['light', 'dark']

test('contrast follows WCAG: black on white is 21, equal colours are 1', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5)
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2)
  expect(contrast('#123456', '#123456')).toBe(1)
})

test.each(themes)('every label on every %s colour has a contrast of at least 4.5', (theme) => {
  const worst = (colors: readonly Color[]): number => Math.min(...colors.map((one) => contrast(one.css, one.text)))
  expect(worst(originPalette(theme))).toBeGreaterThanOrEqual(4.5)
  expect(worst(changePalette(theme))).toBeGreaterThanOrEqual(4.5)
  expect(contrast(surfaces[theme].background, surfaces[theme].ink)).toBeGreaterThanOrEqual(4.5)
  expect(contrast(surfaces[theme].background, surfaces[theme].faint)).toBeGreaterThanOrEqual(4.5)
})

/** Linear RGB as a deuteranope sees it (Viénot, Brettel and Mollon 1999). */
function deuteranope(css: string): [number, number, number] {
  const [r, g, b] = [1, 3, 5].map((at) => (Number.parseInt(css.slice(at, at + 2), 16) / 255) ** 2.2) as [
    number,
    number,
    number,
  ]
  return [0.29275 * r + 0.70725 * g, 0.29275 * r + 0.70725 * g, -0.02234 * r + 0.02234 * g + b]
}

test.each(themes)('more and less stay apart without red-green vision (%s)', (theme) => {
  const palette = changePalette(theme)
  for (let step = 2; step <= 5; step++) {
    const more = deuteranope(palette[changeNone + step]!.css)
    const less = deuteranope(palette[changeNone - step]!.css)
    // Yellow-blue difference: the one such eyes have left.
    const warmth = (of: number[]): number => of[0]! - of[2]!
    expect(warmth(more) - warmth(less)).toBeGreaterThan(0.1)
  }
})

test('css and pixel are the same colour', () => {
  for (const { css, pixel } of originPalette('light')) {
    const [red, green, blue] = [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255]
    expect(`#${[red, green, blue].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`).toBe(css)
    expect(pixel >>> 24).toBe(255)
  }
})

test('a module keeps its shade, its origin decides the family', () => {
  const { frames } = drawnTree(
    'a@libc.so:native;b@libc.so:native 1',
    'sys_read@[kernel]:kernel 1',
    'x@libz.so:native 1',
  )
  const color = originColors(frames)
  expect(color(0)).toBe(color(1))
  expect(color(2)).toBe(color(2))
  const family = frames.name.map((_, row) => frameKinds[Math.floor(color(row) / 5)])
  expect(family).toEqual(['native', 'native', 'kernel', 'native'])
})

test('change is painted only when it is significant and worth a look', () => {
  expect(changeColor(100, 0, true) - changeNone).toBe(5)
  expect(changeColor(0, 100, true) - changeNone).toBe(-5)
  expect(changeColor(100, 50, true) - changeNone).toBe(3)
  expect(changeColor(100, 95, true)).toBe(changeNone)
  expect(changeColor(100, 0, false)).toBe(changeNone)
  expect(changeColor(0, 0, true)).toBe(changeNone)
})
