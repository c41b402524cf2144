// CPU over time with everything that happened on the same axis; dragging over it chooses the time that is looked at.
import { useEffect, useRef } from 'react'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Theme } from '../flame/color.ts'
import { printCores } from '../flame/value.ts'
import type { UsageSeries } from '../model/usage.ts'
import type { TimeRange } from './slice.ts'
import { useTheme } from './theme.ts'
import { inks, mark, shade, type TimelineMarks } from './timeline-marks.ts'
import './timeline.css'

export interface TimelineProps extends TimelineMarks {
  readonly series: readonly UsageSeries[]
  onBrush(range: TimeRange | undefined): void
}

const heightPx = 152
/** A drag shorter than this is a click, which clears the choice. */
const minDragPx = 4
/** Room above the plot for the names of the moments. */
const marksPx = 30
/** Half of a time of day on the axis, `12:34:56`, which stands around the end of the plot. */
const halfTimePx = 28
/** Between two times on the axis; they have no fractions, so less than a second would show the same one twice. */
const tickSeconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400]
/** What the chart shows around the moments while nothing was measured or recorded yet. */
const emptyMarginMs = 5000

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
    padding: [marksPx, halfTimePx, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { size: 6 },
      drag: { x: true, y: false, setScale: false, dist: minDragPx },
    },
    select: { show: true, left: 0, top: 0, width: 0, height: 0 },
    scales: {
      x: { time: true, range: (_, min, max) => (min == null || max == null ? emptyRange(latest.current) : [min, max]) },
      y: { range: (_, __, max) => [0, Math.max(1, (max ?? 0) * 1.08)] },
    },
    axes: [
      {
        stroke: ink.text,
        font,
        grid: { stroke: ink.grid, width: 1 },
        ticks: { show: false },
        size: 34,
        gap: 12,
        values: (_, splits) => splits.map((at) => new Date(at * 1000).toLocaleTimeString([], { hour12: false })),
        incrs: tickSeconds,
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

/** Without usage there are still moments and recordings to show; without any time uPlot leaves the axis out. */
function emptyRange({ incident, capture }: TimelineProps): UPlot.Range.MinMax {
  const times = [incident.onsetMs, incident.noticedMs, incident.endedMs, capture?.fromMs, capture?.toMs]
  const known = times.filter((ms) => ms !== undefined)
  return [(Math.min(...known) - emptyMarginMs) / 1000, (Math.max(...known) + emptyMarginMs) / 1000]
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
