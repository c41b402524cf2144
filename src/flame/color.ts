// Colours of boxes: where the code comes from, or how much it changed; for light and for dark backgrounds.
// Computed in OKLCH (equal steps look equal, https://bottosson.github.io/posts/oklab/) so that one table of hues serves
// both themes and every label keeps a contrast of at least 4.5:1 (WCAG 2.2, 1.4.3).
import type { CallTree, FrameKind } from '../profile/call-tree.ts'

export type Theme = 'light' | 'dark'

export interface Color {
  /** `#rrggbb` */
  readonly css: string
  /** The same in the byte order of canvas pixels on little-endian machines: 0xAABBGGRR. */
  readonly pixel: number
  /** Colour of text on it. */
  readonly text: string
}

/** A table of colours; boxes hold indexes into it. */
export type Palette = readonly Color[]

/** Hue and chroma per origin. Neighbours in a stack (kernel under native, native under JIT) are far apart in hue. */
const origins: Record<FrameKind, { readonly hue: number; readonly chroma: number; readonly label: string }> = {
  kernel: { hue: 45, chroma: 0.1, label: 'kernel' },
  native: { hue: 92, chroma: 0.1, label: 'native' },
  jit: { hue: 128, chroma: 0.11, label: 'JIT' },
  js: { hue: 152, chroma: 0.11, label: 'JavaScript' },
  java: { hue: 165, chroma: 0.1, label: 'Java' },
  inlined: { hue: 190, chroma: 0.07, label: 'inlined' },
  go: { hue: 215, chroma: 0.09, label: 'Go' },
  python: { hue: 258, chroma: 0.1, label: 'Python' },
  thread: { hue: 300, chroma: 0.05, label: 'process or thread' },
  unknown: { hue: 0, chroma: 0, label: 'no symbol' },
}

export const frameKinds = Object.keys(origins) as FrameKind[]
export const kindLabel = (kind: FrameKind): string => origins[kind].label

/** Shades per origin: modules that meet in one stack get different ones more often than not, and all stay one family. */
const shades = 5
/** Steps of change on each side of "no change": more could not be told apart in a legend. */
const steps = 5

const inks = ['#15181d', '#ffffff'] as const

/** Colours of all origins, `shades` each, in the order of `frameKinds`; then rest, root. */
export function originPalette(theme: Theme): Palette {
  const colors = frameKinds.flatMap((kind) =>
    Array.from({ length: shades }, (_, shade) => {
      const { hue, chroma } = origins[kind]
      const turn = shade - (shades - 1) / 2
      const lightness = theme === 'light' ? 0.86 + turn * 0.022 : 0.42 + turn * 0.02
      return color(lightness, theme === 'light' ? chroma : chroma * 0.8, hue + turn * 5)
    }),
  )
  return [...colors, ...neutrals(theme)]
}

export const originRest = frameKinds.length * shades
export const originRoot = originRest + 1

/** Index into `originPalette` of a frame, found when a box first needs it: a picture shows few of many names. */
export function originColors({ name, module, kind, length }: CallTree['frames']): (row: number) => number {
  const known = new Uint8Array(length).fill(255)
  const first = Object.fromEntries(frameKinds.map((one, i) => [one, i * shades])) as Record<FrameKind, number>
  return (row) => {
    if (known[row] !== 255) return known[row]!
    // Code without a module (JavaScript, Java) is told apart by its name, up to the method.
    const key = module[row] === '' || module[row]!.startsWith('[') ? packageOf(name[row]!) : module[row]!
    known[row] = first[kind[row]!] + (hashText(key) % shades)
    return known[row]!
  }
}

/** `java.util.HashMap.get` and `net/http.(*conn).serve` without the last part. */
function packageOf(name: string): string {
  const at = Math.max(name.lastIndexOf('.'), name.lastIndexOf('::'), name.lastIndexOf('/'))
  return at > 0 ? name.slice(0, at) : name
}

/** FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** From much less (blue) over no change (grey) to much more (orange-red); then rest, root. Safe for all colour visions. */
export function changePalette(theme: Theme): Palette {
  const colors = Array.from({ length: steps * 2 + 1 }, (_, i) => {
    const step = i - steps
    const strength = Math.abs(step) / steps
    const hue = step < 0 ? 252 : 44
    // The middle is grey; towards the ends colours leave the background: darker on light, lighter on dark.
    if (step === 0) return theme === 'light' ? color(0.91, 0.004, 250) : color(0.35, 0.008, 250)
    return theme === 'light'
      ? color(0.93 - strength * 0.25, 0.03 + strength * 0.14, hue - strength * 4)
      : color(0.38 + strength * 0.3, 0.03 + strength * 0.13, hue - strength * 4)
  })
  return [...colors, ...neutrals(theme)]
}

export const changeNone = steps
export const changeRest = steps * 2 + 1
export const changeRoot = changeRest + 1

/**
 * Index into `changePalette` for one node.
 * @param isSignificant false paints it as unchanged: three samples more are noise, not news
 */
export function changeColor(during: number, before: number, isSignificant: boolean): number {
  const larger = Math.max(during, before)
  if (!isSignificant || larger <= 0) return changeNone
  const change = (during - before) / larger
  // Below a tenth nobody on call needs to look.
  if (Math.abs(change) < 0.1) return changeNone
  return changeNone + Math.sign(change) * Math.max(1, Math.round(Math.abs(change) * steps))
}

/** Background of the picture, and what stands on it. */
export const surfaces: Record<Theme, { readonly background: string; readonly ink: string; readonly faint: string }> = {
  light: { background: '#ffffff', ink: '#15181d', faint: '#5d6673' },
  dark: { background: '#14171c', ink: '#e8ebf0', faint: '#98a2b0' },
}

const neutrals = (theme: Theme): Color[] =>
  theme === 'light'
    ? [color(0.95, 0.003, 250), color(0.93, 0.006, 250)]
    : [color(0.25, 0.006, 250), color(0.3, 0.01, 250)]

function color(lightness: number, chroma: number, hue: number): Color {
  const [red, green, blue] = oklchToRgb(lightness, chroma, hue)
  const css = `#${[red, green, blue].map((channel) => channel.toString(16).padStart(2, '0')).join('')}`
  const text = contrast(css, inks[0]) >= contrast(css, inks[1]) ? inks[0] : inks[1]
  return { css, pixel: ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0, text }
}

function oklchToRgb(lightness: number, chroma: number, hue: number): [number, number, number] {
  const angle = (hue * Math.PI) / 180
  const a = chroma * Math.cos(angle)
  const b = chroma * Math.sin(angle)
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
  const byte = (linear: number): number => {
    const clamped = Math.min(1, Math.max(0, linear))
    return Math.round(255 * (clamped <= 0.0031308 ? 12.92 * clamped : 1.055 * clamped ** (1 / 2.4) - 0.055))
  }
  return [
    byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    byte(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ]
}

/** Contrast ratio of two `#rrggbb` colours, 1 to 21 (WCAG 2.2). */
export function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((x, y) => y - x) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function luminance(css: string): number {
  const linear = [1, 3, 5].map((at) => {
    const value = Number.parseInt(css.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}
