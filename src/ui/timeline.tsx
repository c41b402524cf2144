// CPU over time with everything that happened on the same axis; dragging over it chooses the time that is looked at.
import { useEffect, useRef } from 'react'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Theme } from '../flame/color.ts'
import { printCores } from '../flame/value.ts'
import type { Capture } from '../model/capture.ts'
import type { Incident } from '../model/incident.ts'
import type { UsageSeries } from '../model/usage.ts'
import type { Ranges } from './ranges.ts'
import type { TimeRange } from './slice.ts'
import { useTheme } from './theme.ts'
import './timeline.css'

export interface TimelineProps {
  readonly incident: Incident
  readonly capture: Capture | undefined
  readonly series: readonly UsageSeries[]
  readonly ranges: Ranges | undefined
  /** True while `ranges.during` was chosen by hand. */
  readonly isBrushed: boolean
  onBrush(range: TimeRange | undefined): void
}

const heightPx = 152
/** A drag shorter than this is a click, which clears the choice. */
const minDragPx = 4
/** Room above the plot for the names of the moments. */
const marksPx = 30

interface Ink {
  readonly line: string
  readonly machine: string
  readonly machineFill: string
  readonly lineFill: string
  readonly grid: string
  readonly text: string
  readonly before: string
  readonly during: string
  readonly mark: string
  readonly ring: string
  readonly deep: string
}

const inks: Record<Theme, Ink> = {
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
    ring: '#44638f',
    deep: '#6ea8ff',
  },
}

export function Timeline(props: TimelineProps) {
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot>(undefined)
  const latest = useRef(props)
  latest.current = props
  const theme = useTheme()
  const { series, ranges, incident, capture, isBrushed } = props

  useEffect(() => {
    const element = host.current!
    const chart = new UPlot(optionsOf(theme, element.clientWidth, latest), columnsOf(latest.current.series), element)
    plot.current = chart
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: heightPx }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      chart.destroy()
      plot.current = undefined
    }
  }, [theme])
  useEffect(() => plot.current?.setData(columnsOf(series)), [series])

  // biome-ignore lint/correctness/useExhaustiveDependencies: the marks are painted from these
  useEffect(() => {
    plot.current?.redraw(false)
  }, [ranges, incident, capture, isBrushed])

  return <div className="timeline" ref={host} role="img" aria-label={spoken(props)} />
}

function spoken({ incident, series }: TimelineProps): string {
  const target = series.find(({ name }) => name !== 'machine') ?? series[0]
  const peak = Math.max(0, ...(target?.cores ?? []).map((cores) => cores ?? 0))
  const at = new Date(incident.onsetMs).toLocaleTimeString()
  return `CPU usage over time: the rise began at ${at}, the highest value was ${printCores(peak)}. The table below has the same data by function.`
}

/** Series on one axis of seconds; uPlot wants columns of equal length. */
function columnsOf(series: readonly UsageSeries[]): UPlot.AlignedData {
  const target = series.find(({ name }) => name !== 'machine')
  const machine = series.find(({ name }) => name === 'machine')
  const tables = [machine, target].map((one): UPlot.AlignedData => {
    const times = (one?.cores ?? []).map((_, i) => (one!.startMs + i * one!.stepMs) / 1000)
    return [times, one?.cores ?? []] as UPlot.AlignedData
  })
  return UPlot.join(tables)
}

function optionsOf(theme: Theme, width: number, latest: { current: TimelineProps }): UPlot.Options {
  const ink = inks[theme]
  const font = '11px system-ui, sans-serif'
  return {
    width: Math.max(width, 100),
    height: heightPx,
    padding: [marksPx, 14, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { size: 6 },
      drag: { x: true, y: false, setScale: false, dist: minDragPx },
    },
    select: { show: true, left: 0, top: 0, width: 0, height: 0 },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(1, (max ?? 0) * 1.08)] } },
    axes: [
      {
        stroke: ink.text,
        font,
        grid: { stroke: ink.grid, width: 1 },
        ticks: { show: false },
        size: 34,
        gap: 12,
        values: (_, splits) => splits.map((at) => new Date(at * 1000).toLocaleTimeString([], { hour12: false })),
        space: 90,
      },
      {
        stroke: ink.text,
        font,
        grid: { stroke: ink.grid, width: 1 },
        ticks: { show: false },
        size: 52,
        values: (_, splits) => splits.map((cores) => (cores === 0 ? '0' : `${cores}`)),
        label: 'cores',
        labelFont: font,
        labelSize: 16,
      },
    ],
    series: [
      {},
      {
        label: 'machine',
        stroke: ink.machine,
        fill: ink.machineFill,
        width: 1,
        points: { show: false },
        spanGaps: false,
      },
      { label: 'target', stroke: ink.line, fill: ink.lineFill, width: 2, points: { show: false }, spanGaps: false },
    ],
    hooks: {
      drawClear: [(chart) => shade(chart, latest.current, ink)],
      draw: [(chart) => mark(chart, latest.current, ink)],
      setSelect: [
        (chart) => {
          const { left, width: wide } = chart.select
          if (wide < minDragPx) return
          const [fromMs, toMs] = [left, left + wide].map((px) => chart.posToVal(px, 'x') * 1000) as [number, number]
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          latest.current.onBrush({ fromMs, toMs })
        },
      ],
      ready: [
        (chart) => {
          chart.over.addEventListener('click', () => {
            if (chart.select.width < minDragPx && latest.current.isBrushed) latest.current.onBrush(undefined)
          })
          chart.over.addEventListener('mousemove', () => tell(chart))
          chart.over.addEventListener('mouseleave', () => chart.over.removeAttribute('title'))
        },
      ],
    },
  }
}

/** The values under the pointer, as the native tooltip. */
function tell(chart: UPlot): void {
  const at = chart.cursor.idx
  if (at == null) return
  const [times, machine, target] = chart.data
  const value = (column: typeof machine): string => {
    const cores = column?.[at]
    return cores == null ? 'not measured' : printCores(cores)
  }
  chart.over.title = `${new Date(times[at]! * 1000).toLocaleTimeString()}: target ${value(target)}, machine ${value(machine)}`
}

function shade(chart: UPlot, { ranges }: TimelineProps, ink: Ink): void {
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

function mark(chart: UPlot, props: TimelineProps, ink: Ink): void {
  const { incident, capture, ranges, isBrushed } = props
  const { ctx, bbox } = chart
  const ratio = devicePixelRatio
  ctx.save()
  ctx.font = `${11 * ratio}px system-ui, sans-serif`
  ctx.textBaseline = 'bottom'
  ctx.textAlign = 'left'
  if (capture) drawCaptureBand(chart, capture, ink)
  const moments: { ms: number; text: string }[] = [
    { ms: incident.onsetMs, text: 'onset' },
    { ms: incident.noticedMs, text: incident.trigger.kind === 'spike' ? 'noticed' : incident.trigger.kind },
    ...(incident.endedMs === undefined ? [] : [{ ms: incident.endedMs, text: 'over' }]),
  ]
  // Names that would overlap take turns on two lines.
  const rightEdge = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { ms, text } of moments) {
    const x = chart.valToPos(ms / 1000, 'x', true)
    if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) continue
    const width = ctx.measureText(text).width + 8 * ratio
    const line = x >= rightEdge[0]! ? 0 : 1
    rightEdge[line] = x + width
    const top = bbox.top - (line === 0 ? 0 : 14) * ratio
    ctx.fillStyle = ink.mark
    ctx.globalAlpha = 0.75
    ctx.fillRect(Math.round(x), top - 12 * ratio, ratio, bbox.top + bbox.height - top + 12 * ratio)
    ctx.globalAlpha = 1
    ctx.fillText(text, x + 4 * ratio, top - ratio)
  }
  if (ranges?.before) label(chart, ranges.before, 'before', ink.deep)
  if (ranges) label(chart, ranges.during, isBrushed ? 'chosen' : 'during', ink.line)
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

function label(chart: UPlot, range: TimeRange, text: string, color: string): void {
  const { ctx, bbox } = chart
  const ratio = devicePixelRatio
  const [left, right] = [within(chart, range.fromMs), within(chart, range.toMs)]
  ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`
  if (right - left < ctx.measureText(text).width + 10 * ratio) return
  ctx.fillStyle = color
  // At the end of the range: its beginning is where the lines of onset and notice stand.
  ctx.textAlign = 'right'
  ctx.fillText(text, right - 6 * ratio, bbox.top + 17 * ratio)
  ctx.textAlign = 'left'
}

function within(chart: UPlot, ms: number): number {
  const { left, width } = chart.bbox
  return Math.min(left + width, Math.max(left, chart.valToPos(ms / 1000, 'x', true)))
}
