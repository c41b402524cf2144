// Paints the visible part of a flame graph onto a canvas; knows nothing of React.
// A row of boxes is one line of pixels, copied downwards: 55 000 boxes take 2 ms that way and 50 ms as rectangles.
import { isSignificant, type SampleScale } from '../flame/change.ts'
import {
  changeColor,
  changePalette,
  changeRest,
  changeRoot,
  originColors,
  originPalette,
  originRest,
  originRoot,
  type Palette,
  surfaces,
  type Theme,
} from '../flame/color.ts'
import { fitName, shorterNames } from '../flame/label.ts'
import { type Boxes, type FlameLayout, newBoxes, visibleBoxes } from '../flame/layout.ts'

/** Height of a row in CSS pixels: 12 px text with room to hit it. */
export const rowPx = 19
const font = '12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace'
/** Narrower boxes are gathered into a rest box; one device pixel is the least that can be seen. */
const minBoxPx = 1

export interface FlamePicture {
  readonly layout: FlameLayout
  /** Colour by change against the baseline, or by origin. */
  readonly byChange: boolean
  readonly scale: SampleScale
  readonly theme: Theme
  /** By row of frames, 1 = matches the search; the others fade. */
  readonly matches: Uint8Array | undefined
  /** Row of frames that is marked; -1 = none. */
  readonly selectedFrame: number
  readonly rootAt: 'top' | 'bottom'
}

export interface FlameWindow {
  readonly from: number
  readonly to: number
  readonly widthPx: number
  readonly heightPx: number
  /** CSS pixels above the visible part. */
  readonly scrollTop: number
  readonly devicePixelRatio: number
}

/** Boxes of less value are part of a rest box in this window. */
export const minValueOf = (view: FlameWindow): number =>
  ((view.to - view.from) * minBoxPx) / (view.widthPx * view.devicePixelRatio)

export class FlamePainter {
  readonly #context: CanvasRenderingContext2D
  readonly #boxes: Boxes = newBoxes()
  #image: ImageData | undefined
  #pixels = new Uint32Array(0)
  #labels = new WeakMap<readonly string[], (readonly string[] | undefined)[]>()
  #colors:
    | { picture: FlamePicture; palette: Palette; faded: Uint32Array; byFrame: ((frame: number) => number) | undefined }
    | undefined
  #charPx = 0

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext('2d', { alpha: false })
    if (!context) throw new Error('this browser gives no 2d canvas')
    this.#context = context
  }

  /**
   * @param zoomedRow callers above it fade
   * @returns how many boxes were drawn
   */
  paint(picture: FlamePicture, view: FlameWindow, zoomedRow = 0): number {
    const context = this.#context
    const ratio = view.devicePixelRatio
    const [width, height] = [Math.round(view.widthPx * ratio), Math.round(view.heightPx * ratio)]
    if (width === 0 || height === 0) return 0
    const { canvas } = context
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width
      canvas.height = height
      canvas.style.width = `${view.widthPx}px`
      canvas.style.height = `${view.heightPx}px`
      this.#image = undefined
    }
    if (!this.#image) {
      this.#image = context.createImageData(width, height)
      this.#pixels = new Uint32Array(this.#image.data.buffer)
    }
    const { layout, rootAt } = picture
    const rowsAbove = Math.floor(view.scrollTop / rowPx)
    const rowsShown = Math.ceil(view.heightPx / rowPx) + 1
    const [firstRow, lastRow] =
      rootAt === 'top'
        ? [rowsAbove, rowsAbove + rowsShown]
        : [layout.rows - 1 - rowsAbove - rowsShown, layout.rows - 1 - rowsAbove]
    const boxes = visibleBoxes(
      layout,
      { from: view.from, to: view.to, widthPx: width, firstRow, lastRow, minWidthPx: minBoxPx },
      this.#boxes,
    )
    const colors = this.#colorsOf(picture)
    const yOf = (row: number): number =>
      Math.round(((rootAt === 'top' ? row : layout.rows - 1 - row) * rowPx - view.scrollTop) * ratio)
    this.#fill(picture, { boxes, width, height, yOf, rowHeight: Math.round(rowPx * ratio), zoomedRow, ...colors })
    context.putImageData(this.#image, 0, 0)
    this.#write(picture, { boxes, ratio, yOf, palette: colors.palette })
    return boxes.length
  }

  /** Where a box lies in CSS pixels inside the window; undefined when it is not in sight sideways. */
  place(picture: FlamePicture, view: FlameWindow, node: number): DOMRect | undefined {
    const { layout, rootAt } = picture
    const scale = view.widthPx / (view.to - view.from)
    const left = Math.max(0, (layout.start[node]! - view.from) * scale)
    const right = Math.min(view.widthPx, (layout.start[node]! + layout.value[node]! - view.from) * scale)
    if (right <= left) return undefined
    const row = layout.tree.depth[node]!
    const y = (rootAt === 'top' ? row : layout.rows - 1 - row) * rowPx - view.scrollTop
    return new DOMRect(left, y, right - left, rowPx)
  }

  #colorsOf(picture: FlamePicture): {
    palette: Palette
    faded: Uint32Array
    byFrame: ((frame: number) => number) | undefined
  } {
    const known = this.#colors
    if (
      known &&
      known.picture.layout.tree === picture.layout.tree &&
      known.picture.byChange === picture.byChange &&
      known.picture.theme === picture.theme
    ) {
      return known
    }
    const palette = picture.byChange ? changePalette(picture.theme) : originPalette(picture.theme)
    const background = pixelOf(surfaces[picture.theme].background)
    this.#colors = {
      picture,
      palette,
      faded: Uint32Array.from(palette, ({ pixel }) => mix(pixel, background, 0.72)),
      byFrame: picture.byChange ? undefined : originColors(picture.layout.tree.frames),
    }
    return this.#colors
  }

  /** Paints one line of pixels per row and copies it to the others of the row. */
  #fill(
    picture: FlamePicture,
    {
      boxes,
      width,
      height,
      yOf,
      rowHeight,
      zoomedRow,
      palette,
      faded,
      byFrame,
    }: {
      boxes: Boxes
      width: number
      height: number
      yOf(row: number): number
      rowHeight: number
      zoomedRow: number
      palette: Palette
      faded: Uint32Array
      byFrame: ((frame: number) => number) | undefined
    },
  ): void {
    const pixels = this.#pixels
    const { theme, matches, selectedFrame, byChange, scale } = picture
    const { tree } = picture.layout
    const background = pixelOf(surfaces[theme].background)
    const mark = pixelOf(theme === 'light' ? '#7a1fa2' : '#e0aaff')
    pixels.fill(background)
    // Lines of pixels are painted at the row's second line, so that a row that is cut off above can still be copied.
    const bright = Uint32Array.from(palette, ({ pixel }) => pixel)
    const painted = new Set<number>()
    const marked: number[] = []
    for (let i = 0; i < boxes.length; i++) {
      const row = boxes.row[i]!
      const y = yOf(row)
      const line = Math.max(0, y + 1)
      if (line >= height || y + rowHeight <= 1) continue
      painted.add(row)
      const id = boxes.node[i]!
      const x = Math.round(boxes.x[i]!)
      const right = Math.round(boxes.x[i]! + boxes.width[i]!)
      // A line between neighbours, while there is room for one.
      const end = right - x > 2 ? right - 1 : Math.max(right, x + 1)
      let color: number
      let isFaded = matches !== undefined || row < zoomedRow
      if (id < 0) {
        color = byChange ? changeRest : originRest
      } else if (id === 0) {
        color = byChange ? changeRoot : originRoot
      } else {
        const frame = tree.frame[id]!
        if (matches?.[frame] === 1 && row >= zoomedRow) isFaded = false
        if (byFrame) color = byFrame(frame)
        else {
          const [during, before] = [tree.total[id]!, tree.base?.total[id] ?? 0]
          color = changeColor(during, before, isSignificant(during, before, scale))
        }
        if (frame === selectedFrame) marked.push(x, end, y)
      }
      pixels.fill(isFaded ? faded[color]! : bright[color]!, line * width + x, line * width + Math.min(end, width))
    }
    for (const row of painted) {
      const y = yOf(row)
      const line = Math.max(0, y + 1)
      const last = Math.min(height, y + rowHeight - 1)
      for (let to = Math.max(0, y); to < last; to++) {
        if (to !== line) pixels.copyWithin(to * width, line * width, (line + 1) * width)
      }
    }
    const thick = Math.max(2, Math.round(rowHeight / 8))
    for (let at = 0; at < marked.length; at += 3) {
      const [x, end, y] = [marked[at]!, marked[at + 1]!, marked[at + 2]!]
      for (let line = Math.max(0, y + rowHeight - 1 - thick); line < Math.min(height, y + rowHeight - 1); line++) {
        pixels.fill(mark, line * width + x, line * width + Math.min(end, width))
      }
    }
  }

  #write(
    { layout: { tree }, matches, theme }: FlamePicture,
    { boxes, ratio, yOf, palette }: { boxes: Boxes; ratio: number; yOf(row: number): number; palette: Palette },
  ): void {
    const context = this.#context
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.font = font
    context.textBaseline = 'middle'
    this.#charPx ||= context.measureText('m'.repeat(100)).width / 100
    let forms = this.#labels.get(tree.frames.name)
    if (!forms) {
      forms = new Array(tree.frames.length)
      this.#labels.set(tree.frames.name, forms)
    }
    const colors = this.#colors!
    let ink = ''
    for (let i = 0; i < boxes.length; i++) {
      const room = Math.floor((boxes.width[i]! / ratio - 8) / this.#charPx)
      if (room < 3) continue
      const id = boxes.node[i]!
      let label: string
      let text: string
      if (id < 0) {
        label = room > 12 ? 'small frames…' : '…'
        text = surfaces[theme].faint
      } else if (id === 0) {
        label = 'all'
        text = surfaces[theme].ink
      } else {
        const frame = tree.frame[id]!
        forms[frame] ??= shorterNames(tree.frames.name[frame] || '[unknown]')
        label = fitName(forms[frame], room)
        const isFaded = matches !== undefined && matches[frame] !== 1
        text = isFaded ? surfaces[theme].faint : this.#inkOf(id, colors, palette)
      }
      if (text !== ink) {
        context.fillStyle = text
        ink = text
      }
      context.fillText(label, boxes.x[i]! / ratio + 4, yOf(boxes.row[i]!) / ratio + rowPx / 2)
    }
    context.setTransform(1, 0, 0, 1, 0, 0)
  }

  #inkOf(
    node: number,
    { picture, byFrame }: { picture: FlamePicture; byFrame: ((frame: number) => number) | undefined },
    palette: Palette,
  ): string {
    const { tree } = picture.layout
    if (byFrame) return palette[byFrame(tree.frame[node]!)]!.text
    const [during, before] = [tree.total[node]!, tree.base?.total[node] ?? 0]
    return palette[changeColor(during, before, isSignificant(during, before, picture.scale))]!.text
  }
}

/** `#rrggbb` as 0xAABBGGRR. */
function pixelOf(css: string): number {
  const value = Number.parseInt(css.slice(1), 16)
  return ((255 << 24) | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0
}

/** @param share of `other` */
function mix(pixel: number, other: number, share: number): number {
  const channel = (shift: number): number =>
    Math.round(((pixel >> shift) & 255) * (1 - share) + ((other >> shift) & 255) * share) << shift
  return ((255 << 24) | channel(16) | channel(8) | channel(0)) >>> 0
}
