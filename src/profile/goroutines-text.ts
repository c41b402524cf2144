// A goroutine dump as text for people: groups of equal stacks, largest first.
//   5 goroutines · chan receive · waiting up to 2 minutes
//       main.worker                     /app/main.go:60
//     created by main.main              /app/main.go:58
import { type GoFrame, type GoroutineDump, type GoroutineGroup, goroutineStates } from './goroutines.ts'

/** Width of the name column: most qualified Go names fit, and the place still does on a screen of 120. */
const nameWidth = 60

export function printGoroutineDump(dump: GoroutineDump): string {
  const states = goroutineStates(dump).map(({ state, count }) => `${count} ${state}`)
  const lines = [
    `${dump.total} ${dump.of}${dump.total === 1 ? '' : 's'}${states.length > 0 ? `: ${states.join(', ')}` : ''}`,
  ]
  if (dump.reason) lines.push(...dump.reason.split('\n'))
  for (const group of dump.groups) {
    const labels = Object.entries(group.labels).map(
      ([key, value]) => `${key}=${/^[\w./:-]+$/.test(value) ? value : JSON.stringify(value)}`,
    )
    const wait = group.maxWaitMinutes ? `waiting up to ${group.maxWaitMinutes} min` : undefined
    const facts = [group.state, wait, ...labels].filter((fact) => fact !== undefined)
    lines.push('', [`${group.count} ${dump.of}${group.count === 1 ? '' : 's'}`, ...facts].join(' · '))
    lines.push(...printFrames(group))
    if (group.frames.length === 0) lines.push(`    [${group.pcs.length} addresses, no names]`)
    if (group.createdBy) lines.push(`  created by ${printFrame(group.createdBy)}`)
  }
  for (const { what, count } of dump.losses) lines.push('', `lost: ${count} ${what}`)
  return `${lines.join('\n')}\n`
}

/** Frames of a recursion, which repeat, once with their number. */
function printFrames({ frames, elided }: GoroutineGroup): string[] {
  const lines: string[] = []
  for (let i = 0; i < frames.length; ) {
    if (elided?.at === i) lines.push(`    … ${elided.count} frames left out by Go`)
    const text = printFrame(frames[i] as GoFrame)
    let next = i + 1
    while (next < frames.length && elided?.at !== next && printFrame(frames[next] as GoFrame) === text) next++
    lines.push(next - i > 1 ? `    ${text} (${next - i} times)` : `    ${text}`)
    i = next
  }
  return lines
}

function printFrame({ function: name, file, line, pc }: GoFrame): string {
  const shown = name ?? `0x${(pc ?? 0).toString(16)}`
  return file === undefined ? shown : `${shown.padEnd(nameWidth)} ${file}:${line}`
}
