// A flame graph as one SVG file that needs nothing else: opens in a browser, from a ticket, offline.
// Colours are attributes and labels are there from the start, so it can be read where scripts and styles are forbidden
// (an <img>, a strict Content-Security-Policy); with a script it zooms and searches.

import { printShare } from '../lib/units.ts'
import type { CallTree, FrameKind } from '../profile/call-tree.ts'
import { isSignificant, type SampleScale } from './change.ts'
import {
  changeColor,
  changeNone,
  changePalette,
  changeRest,
  changeRoot,
  frameKinds,
  kindLabel,
  originColors,
  originPalette,
  originRest,
  originRoot,
  type Palette,
  surfaces,
} from './color.ts'
import { fitName, leastLabel, shorterNames } from './label.ts'
import { type FlameLayout, layoutTree, restOf, visibleBoxes } from './layout.ts'
import { svgScript } from './svg-script.ts'
import { printRatio, printValue } from './value.ts'

export interface SvgOptions {
  readonly title: string
  /** One line under the title: what, where, when. */
  readonly subtitle?: string
  /** One line at the bottom: samples, losses, share without symbols, event, host, time, version of the tool. */
  readonly provenance?: string
  /** For trees with a baseline: how much one sample is worth, to tell news from noise; absent where nobody knows. */
  readonly scale?: SampleScale
  /** Colour by change when the tree has a baseline; true unless said otherwise. */
  readonly colorByChange?: boolean
  /** Root at the top (default) or at the bottom. */
  readonly rootAt?: 'top' | 'bottom'
  readonly widthPx?: number
}

/** 1200 px fits a page of a ticket system and a laptop. */
const defaultWidthPx = 1200
const rowPx = 18
/** 11 px monospace: 0.602 em in the usual fonts. */
const fontPx = 11
const charPx = fontPx * 0.602
/** Narrower boxes are gathered: a quarter of a pixel cannot be seen, and files with more of them freeze viewers. */
const minWidthPx = 0.25
const topPx = 84
const marginPx = 12

/** `leastShare` of a call tree that is only drawn, in the default width: what is lighter cannot be seen. */
export const drawnShare = minWidthPx / (defaultWidthPx - 2 * marginPx)

/**
 * @param tree with `base` it is drawn as a diff: widths are `total`, colours the change against `base`
 * @returns the text of a complete SVG file
 */
export function renderSvg(tree: CallTree, options: SvgOptions): string {
  const isDiff = tree.base !== undefined && options.colorByChange !== false
  const width = options.widthPx ?? defaultWidthPx
  const layout = layoutTree(tree)
  const light = isDiff ? changePalette('light') : originPalette('light')
  const dark = isDiff ? changePalette('dark') : originPalette('dark')
  const height = topPx + layout.rows * rowPx + 58
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(options.title)}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${fontPx}" fill="${surfaces.light.ink}" data-width="${width - 2 * marginPx}" data-char="${charPx.toFixed(2)}">`,
    `<style>${styles(light, dark)}</style>`,
    `<script>${cdata(svgScript)}</script>`,
    `<rect class="page" width="100%" height="100%" fill="${surfaces.light.background}"/>`,
    header(options, width, isDiff, tree),
    `<g id="frames" transform="translate(${marginPx} 0)" stroke="${surfaces.light.background}" stroke-width="0.7">`,
    boxes(layout, options, { isDiff, palette: light, width: width - 2 * marginPx }),
    '</g>',
    footer(options, tree, width, height),
    '</svg>\n',
  ].join('\n')
}

function styles(light: Palette, dark: Palette): string {
  const fills = dark
    .map(({ css, text }, i) => `.c${i} rect{fill:${css}}${text === light[i]!.text ? '' : `.c${i} text{fill:${text}}`}`)
    .join('')
  return (
    '.f{cursor:pointer}.f:hover rect{stroke:#15181d;stroke-width:1}.f text{pointer-events:none;stroke:none}' +
    '.searching .f:not(.hit){opacity:.35}.hit rect{stroke:#7a1fa2;stroke-width:1.5}' +
    'input{font:12px ui-monospace,monospace;width:100%;box-sizing:border-box;padding:2px 6px;border:1px solid #8a94a3;border-radius:4px;background:#fff;color:#15181d}' +
    '#reset{cursor:pointer}' +
    `@media(prefers-color-scheme:dark){svg{background:${surfaces.dark.background};fill:${surfaces.dark.ink}}.page{fill:${surfaces.dark.background}}.faint{fill:${surfaces.dark.faint}}#frames{stroke:${surfaces.dark.background}}${fills}` +
    `.f:hover rect{stroke:#fff}.hit rect{stroke:#d9a8f0}input{background:#20252c;color:#e8ebf0}}`
  )
}

function header(options: SvgOptions, width: number, isDiff: boolean, tree: CallTree): string {
  const line = (y: number, text: string, attributes: string): string =>
    text && `<text x="12" y="${y}" ${attributes}>${escapeXml(text)}</text>`
  return [
    line(26, options.title, 'font-size="17" font-weight="600" font-family="system-ui, sans-serif"'),
    // 12 px monospace.
    line(
      45,
      cut(options.subtitle ?? '', (width - 24) / (12 * 0.602)),
      `font-size="12" class="faint" fill="${surfaces.light.faint}"`,
    ),
    `<g transform="translate(12 58)">${isDiff ? changeLegend(options.scale !== undefined) : originLegend(tree)}</g>`,
    // Shown by the script: without it there is nothing to click.
    `<g id="controls" display="none"><text id="matched" x="${width - 330}" y="26" text-anchor="end"></text>` +
      `<foreignObject x="${width - 320}" y="9" width="220" height="28"><input xmlns="http://www.w3.org/1999/xhtml" id="search" type="search" placeholder="search: text or regex  ( / )" aria-label="search functions"/></foreignObject>` +
      `<text id="reset" x="${width - 88}" y="26" tabindex="0" role="button" text-decoration="underline">reset zoom</text></g>`,
  ]
    .filter(Boolean)
    .join('\n')
}

function originLegend(tree: CallTree): string {
  const palette = originPalette('light')
  const seen = new Set<FrameKind>(tree.frames.kind)
  let x = 0
  return frameKinds
    .filter((kind) => seen.has(kind))
    .map((kind) => {
      const at = frameKinds.indexOf(kind) * 5 + 2
      const item = `${swatch(x, at, palette)}<text x="${x + 17}" y="10">${kindLabel(kind)}</text>`
      x += 17 + kindLabel(kind).length * charPx + 18
      return item
    })
    .join('')
}

function changeLegend(knowsChance: boolean): string {
  const palette = changePalette('light')
  let x = 0
  const word = (text: string): string => {
    const item = `<text x="${x}" y="10">${text}</text>`
    x += text.length * charPx + 8
    return item
  }
  const scale = (): string =>
    Array.from({ length: changeNone * 2 + 1 }, (_, i) => {
      x += 13
      return swatch(x - 13, i, palette)
    }).join('')
  const left = word('less than before')
  const middle = scale()
  x += 8
  return (
    left +
    middle +
    word('more than before') +
    word(
      knowsChance
        ? '· grey: no change that the samples could prove'
        : '· how many samples there were is not known: it may be chance',
    )
  )
}

const swatch = (x: number, at: number, palette: Palette): string =>
  `<g class="c${at}"><rect x="${x}" y="0" width="12" height="12" rx="2" fill="${palette[at]!.css}"/></g>`

function boxes(
  layout: FlameLayout,
  options: SvgOptions,
  { isDiff, palette, width }: { isDiff: boolean; palette: Palette; width: number },
): string {
  const { tree } = layout
  const whole = layout.value[0] ?? 0
  if (whole <= 0) return `<text y="${topPx + 14}">No samples.</text>`
  const view = { from: 0, to: whole, widthPx: width, firstRow: 0, lastRow: layout.rows, minWidthPx }
  const shown = visibleBoxes(layout, view)
  const colors = isDiff ? undefined : originColors(tree.frames)
  const textOf = frameTexts(tree)
  const amountOf = amounts(tree, whole)
  const selfOf = remembered((value) => printValue(value, tree.unit))
  const out: string[] = []
  for (let i = 0; i < shown.length; i++) {
    const id = shown.node[i]!
    const row = shown.row[i]!
    const x = shown.x[i]!
    const boxWidth = shown.width[i]!
    const y = topPx + (options.rootAt === 'bottom' ? layout.rows - 1 - row : row) * rowPx
    let color: number
    let label: string
    let title: string
    if (id < 0) {
      const { count, from, to } = restOf(layout, ~id, (minWidthPx / width) * whole)
      color = isDiff ? changeRest : originRest
      label = ''
      title = `(${count} frames too small to draw)\n\n${printValue(to - from, tree.unit)}, ${printShare(to - from, whole)}`
    } else if (id === 0) {
      color = isDiff ? changeRoot : originRoot
      label = 'all'
      title = `all\n\ntotal ${amountOf(0)}`
    } else {
      const frame = tree.frame[id]!
      const texts = textOf(frame)
      const before = tree.base?.total[id] ?? 0
      const during = tree.total[id]!
      color = isDiff
        ? changeColor(during, before, options.scale === undefined || isSignificant(during, before, options.scale))
        : colors!(frame)
      label = texts.label(Math.floor((boxWidth - 6) / charPx))
      title = `${texts.title}\ntotal ${amountOf(id)}, self ${selfOf(tree.self[id]!)}`
    }
    const { css, text } = palette[color]!
    out.push(
      `<g class="f c${color}" data-row="${row}"><title>${title}</title><rect x="${round(x)}" y="${y}" width="${round(boxWidth)}" height="${rowPx}" fill="${css}"/>${label && `<text x="${round(x + 3)}" y="${y + 12.5}" fill="${text}" stroke="none">${label}</text>`}</g>`,
    )
  }
  return out.join('\n')
}

interface FrameText {
  /** Name and module. */
  readonly title: string
  /** What of the name fits into so many characters. */
  label(room: number): string
}

/** What is written of a frame, escaped; a frame has dozens of boxes, so it is made once, and shorter forms when they fit. */
function frameTexts({ frames }: CallTree): (frame: number) => FrameText {
  const known: FrameText[] = []
  return (frame) => {
    const name = frames.name[frame] || '[unknown]'
    let forms: string[] | undefined
    known[frame] ??= {
      title: `${escapeXml(name)}\n${escapeXml(frames.module[frame]!)}`,
      label(room) {
        if (room < leastLabel) return ''
        forms ??= shorterNames(name)
        return escapeXml(fitName(forms, room))
      },
    }
    return known[frame]
  }
}

/** `1.24 s (31.2 %)` of a node. */
function amounts(tree: CallTree, whole: number): (node: number) => string {
  const duringOf = remembered((value) => `${printValue(value, tree.unit)} (${printShare(value, whole)})`)
  const { base } = tree
  if (!base) return (node) => duringOf(tree.total[node]!)
  return (node) => {
    const during = tree.total[node]!
    const before = base.total[node]!
    return `${duringOf(during)}, before ${printValue(before, tree.unit)}: ${printRatio(during, before)}`
  }
}

/** Most boxes weigh a few samples: the same few values again and again. */
function remembered(print: (value: number) => string): (value: number) => string {
  const known = new Map<number, string>()
  return (value) => {
    let text = known.get(value)
    if (text === undefined) {
      text = print(value)
      known.set(value, text)
    }
    return text
  }
}

function footer(options: SvgOptions, tree: CallTree, width: number, height: number): string {
  const hint = `${printValue(tree.total[0] ?? 0, tree.unit)} in ${tree.length - 1} frames. Click a box to zoom, press / to search, Esc to go back.`
  const room = Math.floor((width - 24) / charPx)
  const provenance = options.provenance ?? ''
  return [
    `<text id="details" x="12" y="${height - 34}">${escapeXml(hint)}</text>`,
    provenance &&
      `<text class="faint" x="12" y="${height - 12}" fill="${surfaces.light.faint}">${escapeXml(cut(provenance, room))}<title>${escapeXml(provenance)}</title></text>`,
  ]
    .filter(Boolean)
    .join('\n')
}

const cut = (text: string, room: number): string =>
  text.length > room ? `${text.slice(0, Math.floor(room) - 1)}…` : text

const round = (px: number): number => Math.round(px * 100) / 100

// XML 1.0 forbids control characters and lone surrogates even when escaped, and symbol names come from damaged files too.
const forbidden = /[\p{Cs}\p{Noncharacter_Code_Point}]|(?![\t\n\r])\p{Cc}/gu

/** Nearly every name is of nothing but these, and few have brackets. */
const isPlain = /^[ -~]*$/
const isHarmless = /^[ !#-%'-;=?-~]*$/

function escapeXml(text: string): string {
  if (isHarmless.test(text)) return text
  const allowed = isPlain.test(text) ? text : text.replace(forbidden, '\ufffd')
  return allowed.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}

/** Script text inside XML: nothing in it is read as markup. */
const cdata = (text: string): string => `<![CDATA[\n${text}]]>`
