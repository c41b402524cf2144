// Go's debug=1 text: stacks with how many goroutines (or threads, or objects of a custom profile) share them.
//   goroutine profile: total 9
//   2 @ 0x4399d6 0x44a85e 0x469761
//   # labels: {"handler":"/cart", "id":"7"}
//   #	0x44a85d	sync.(*Mutex).lockSlow+0x164		/usr/lib/go-1.19/src/sync/mutex.go:171
//   #	0x0
// Written by printCountProfile and printStackRecord of Go's runtime/pprof/pprof.go: the numbers after @ are return
// addresses, those of the # lines one less; calls that were inlined share the address of the call around them.
import { Failure } from '../model/errors.ts'
import type { GoFrame, GoroutineDump, GoroutineGroup } from './goroutines.ts'
import { parseGoLabels } from './goroutines-labels.ts'
import type { Loss } from './profile.ts'
import { headText, linesOf } from './text-lines.ts'

const header = /^(\S{1,200}) profile: total (\d{1,15})$/
const counted = /^(\d{1,15}) @((?: 0x[0-9a-f]{1,16})*)$/

export function matchesCountedGoroutines(head: Uint8Array): boolean {
  const text = headText(head.subarray(0, 512))
  // The other profiles begin alike but carry values in brackets: `heap profile: 3: 240 [5: 400] @ heap/524288`.
  return header.test((text.match(/^\s*(.*)/) as RegExpMatchArray)[1] as string)
}

/** @throws Failure NOT_A_PROFILE when the first line is not a header of this form */
export function parseCountedGoroutines(bytes: Uint8Array): GoroutineDump {
  const groups: GoroutineGroup[] = []
  let title: RegExpExecArray | undefined
  let bad = 0
  let open: { count: number; pcs: number[]; labels: Record<string, string>; frames: GoFrame[]; ids: [] } | undefined
  for (const raw of linesOf(bytes)) {
    const line = raw.length > maxLine ? '?' : raw.trimEnd()
    if (line === '') continue
    if (!title) {
      title = header.exec(line.trimStart()) ?? undefined
      if (!title) throw new Failure('NOT_A_PROFILE', 'The first line is not `… profile: total N`.')
      continue
    }
    const count = counted.exec(line)
    if (count) {
      open = { count: Number(count[1]), pcs: addresses(count[2] as string), labels: {}, frames: [], ids: [] }
      groups.push(open)
      continue
    }
    // What follows a count that cannot be read is not of the group before it.
    if (/^\d+ @/.test(line)) open = undefined
    const frame = open && line.startsWith('#\t') ? parseFrame(line) : undefined
    const labels = open && line.startsWith('# labels: ') ? parseGoLabels(line.slice(10)) : undefined
    if (open && frame) open.frames.push(frame)
    else if (open && labels) open.labels = labels
    else bad++
  }
  if (!title) throw new Failure('NOT_A_PROFILE', 'The file is empty.')
  const seen = groups.reduce((sum, group) => sum + group.count, 0)
  const total = Number(title[2])
  const losses: Loss[] = []
  if (bad > 0) losses.push({ what: 'lines that are not part of a goroutine dump', count: bad })
  if (seen < total)
    losses.push({ what: 'goroutines that the header counts but no stack follows', count: total - seen, isCut: true })
  return {
    form: 'counted',
    of: title[1] as string,
    total,
    groups: groups.sort((a, b) => b.count - a.count),
    goroutines: [],
    losses,
  }
}

/** Lines are short, label lines a few hundred bytes; a longer one than this is not text of a dump. */
const maxLine = 1 << 16

/** Exact: code lies below 2^47 on every platform that Go supports. */
function addresses(text: string): number[] {
  return text === '' ? [] : text.slice(1).split(' ').map(Number)
}

/** `#	0x44a85d	sync.(*Mutex).lockSlow+0x164		/usr/lib/go-1.19/src/sync/mutex.go:171`, or the address alone. */
function parseFrame(line: string): GoFrame | undefined {
  const [, address = '', name, place = ''] = line.split(/\t+/)
  if (!/^0x[0-9a-f]{1,16}$/.test(address)) return undefined
  if (name === undefined) return { pc: Number(address) }
  const plus = name.lastIndexOf('+0x')
  const colon = place.lastIndexOf(':')
  if (plus < 0 || colon < 0) return undefined
  return {
    function: name.slice(0, plus),
    file: place.slice(0, colon),
    line: Number(place.slice(colon + 1)) || 0,
    pc: Number(address),
  }
}
