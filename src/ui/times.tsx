// Moments as people on call read them: the clock, how long ago, and UTC for the ticket.
import { useEffect, useState } from 'react'
import { printDurationMs } from '../lib/units.ts'

export function Moment({ ms }: { ms: number }) {
  const date = new Date(ms)
  return (
    <time dateTime={date.toISOString()} title={`${date.toISOString()} (UTC)`}>
      {date.toLocaleTimeString([], { hour12: false })}
    </time>
  )
}

export function Day({ ms }: { ms: number }) {
  const [date, now] = [new Date(ms), new Date()]
  if (date.toDateString() === now.toDateString()) return <>today</>
  const isThisYear = date.getFullYear() === now.getFullYear()
  return <>{date.toLocaleDateString([], { day: 'numeric', month: 'short', ...(!isThisYear && { year: 'numeric' }) })}</>
}

/** `4 min ago`; moves on by itself. */
export function Ago({ ms, nowMs }: { ms: number; nowMs: number }) {
  const passed = Math.max(0, nowMs - ms)
  if (passed < 5000) return <>just now</>
  // Whole units: nobody needs the seconds of an hour ago.
  const step = passed < 60_000 ? 1000 : passed < 3_600_000 ? 60_000 : 3_600_000
  if (passed >= 172_800_000) return <>{Math.round(passed / 86_400_000)} days ago</>
  return <>{printDurationMs(Math.floor(passed / step) * step)} ago</>
}

export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}
