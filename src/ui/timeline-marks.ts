// What is painted onto the chart of CPU over time: ranges, moments, and the rate at which stacks were recorded.
import type UPlot from 'uplot'
import type { Theme } from '../flame/color.ts'
import type { Capture } from '../model/capture.ts'
import type { Incident } from '../model/incident.ts'
import { placeMarks } from './mark-places.ts'
import type { Ranges } from './ranges.ts'
import type { TimeRange } from './slice.ts'

export interface TimelineMarks {
  readonly incident: Incident
  readonly capture: Capture | undefined
  readonly ranges: Ranges | undefined
  /** True while `ranges.during` was chosen by hand. */
  readonly isBrushed: boolean
}

export interface Ink {
  readonly line: string
  readonly machine: string
  readonly machineFill: string
  readonly lineFill: string
  readonly grid: string
  readonly text: string
  readonly before: string
  readonly during: string
  readonly mark: string
  /** Behind names that stand over the lines. */
  readonly halo: string
  readonly ring: string
  readonly deep: string
}

export const inks: Record<Theme, Ink> = {
  light: {
    line: '#c2410c',
    lineFill: 'rgba(234,88,12,.16)',
    machine: '#8b96a5',
    machineFill: 'rgba(120,132,150,.13)',
    grid: 'rgba(20,30,45,.08)',
    text: '#4b5563',
    before: 'rgba(37,99,235,.10)',
    during: 'rgba(234,88,12,.10)',
    mark: '#15181d',
    halo: 'rgba(255,255,255,.85)',
    ring: '#8fb3e8',
    deep: '#2f6fd0',
  },
  dark: {
    line: '#fb8c4e',
    lineFill: 'rgba(251,140,78,.2)',
    machine: '#7d8896',
    machineFill: 'rgba(140,152,170,.16)',
    grid: 'rgba(220,230,245,.09)',
    text: '#aab4c2',
    before: 'rgba(96,160,255,.14)',
    during: 'rgba(251,140,78,.13)',
    mark: '#e8ebf0',
    halo: 'rgba(20,23,28,.85)',
    ring: '#44638f',
    deep: '#6ea8ff',
  },
}

/** Between two names, beyond the 4 px around each: more than a blank in a sentence, so that they are two. */
const nameGapPx = 12

/** Behind the lines: the ranges that are compared. */
export function shade(chart: UPlot, { ranges }: TimelineMarks, ink: Ink): void {
  if (!ranges) return
  const { ctx, bbox } = chart
  const fill = (range: TimeRange, color: string): void => {
    const [left, right] = [range.fromMs, range.toMs].map((ms) => within(chart, ms)) as [number, number]
    ctx.fillStyle = color
    ctx.fillRect(left, bbox.top, right - left, bbox.height)
  }
  ctx.save()
  if (ranges.before) fill(ranges.before, ink.before)
  fill(ranges.during, ink.during)
  ctx.restore()
}

/** Over the lines: moments, names of ranges, and what the stacks come from. */
export function mark(chart: UPlot, props: TimelineMarks, ink: Ink): void {
  const { incident, capture, ranges, isBrushed } = props
  const { ctx, bbox } = chart
  const ratio = devicePixelRatio
  ctx.save()
  ctx.font = `${11 * ratio}px system-ui, sans-serif`
  ctx.textBaseline = 'bottom'
  ctx.textAlign = 'left'
  if (capture) drawCaptureBand(chart, capture, ink)
  // What somebody asked for begins where the recording does, which the band shows.
  const moments: { ms: number; text: string }[] =
    incident.asked !== undefined
      ? [{ ms: Math.max(incident.noticedMs, incident.onsetMs), text: 'asked' }]
      : [
          { ms: incident.onsetMs, text: 'onset' },
          { ms: incident.noticedMs, text: incident.trigger.kind === 'spike' ? 'noticed' : incident.trigger.kind },
          ...(incident.endedMs === undefined ? [] : [{ ms: incident.endedMs, text: 'over' }]),
        ]
  moments.sort((a, b) => a.ms - b.ms)
  const marks = moments
    .map(({ ms, text }) => ({
      x: chart.valToPos(ms / 1000, 'x', true),
      text,
      width: ctx.measureText(text).width + 8 * ratio,
    }))
    .filter(({ x }) => x >= bbox.left - 1 && x <= bbox.left + bbox.width + 1)
  const places = placeMarks(marks, { rightEdge: ctx.canvas.width, gap: nameGapPx * ratio })
  for (const [i, { x, text }] of marks.entries()) {
    const { left, row } = places[i]!
    const top = bbox.top - row * 14 * ratio
    ctx.fillStyle = ink.mark
    ctx.globalAlpha = 0.75
    ctx.fillRect(Math.round(x), top - 12 * ratio, ratio, bbox.top + bbox.height - top + 12 * ratio)
    ctx.globalAlpha = 1
    ctx.fillText(text, left + 4 * ratio, top - ratio)
  }
  if (ranges?.before) label(chart, ranges.before, { text: 'before', color: ink.deep, halo: ink.halo })
  const shown = isBrushed ? 'chosen' : ranges?.covered === 'nothing' ? 'recorded' : 'during'
  if (ranges) label(chart, ranges.during, { text: shown, color: ink.line, halo: ink.halo })
  ctx.restore()
}

/** Below the plot: which part comes from the ring and which from the deep recording. */
function drawCaptureBand(chart: UPlot, capture: Capture, ink: Ink): void {
  const { ctx, bbox } = chart
  const ratio = devicePixelRatio
  const y = bbox.top + bbox.height + 2 * ratio
  const band = (fromMs: number, toMs: number, color: string): void => {
    const [left, right] = [within(chart, fromMs), within(chart, toMs)]
    ctx.fillStyle = color
    ctx.fillRect(left, y, Math.max(0, right - left), 5 * ratio)
  }
  band(capture.fromMs, capture.boundaryMs ?? capture.toMs, ink.ring)
  if (capture.boundaryMs !== undefined) band(capture.boundaryMs, capture.toMs, ink.deep)
  for (const gap of capture.quality?.gaps ?? []) {
    ctx.clearRect(within(chart, gap.fromMs), y, within(chart, gap.toMs) - within(chart, gap.fromMs), 5 * ratio)
  }
}

interface Label {
  readonly text: string
  readonly color: string
  readonly halo: string
}

function label(chart: UPlot, range: TimeRange, { text, color, halo }: Label): void {
  const { ctx, bbox } = chart
  const ratio = devicePixelRatio
  const [left, right] = [within(chart, range.fromMs), within(chart, range.toMs)]
  ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`
  if (right - left < ctx.measureText(text).width + 10 * ratio) return
  // At the end of the range: its beginning is where the lines of onset and notice stand.
  ctx.textAlign = 'right'
  const at = [right - 6 * ratio, bbox.top + 17 * ratio] as const
  // A machine that is busy all the time has its line there.
  ctx.strokeStyle = halo
  ctx.lineWidth = 4 * ratio
  ctx.lineJoin = 'round'
  ctx.strokeText(text, ...at)
  ctx.fillStyle = color
  ctx.fillText(text, ...at)
  ctx.textAlign = 'left'
}

function within(chart: UPlot, ms: number): number {
  const { left, width } = chart.bbox
  return Math.min(left + width, Math.max(left, chart.valToPos(ms / 1000, 'x', true)))
}
