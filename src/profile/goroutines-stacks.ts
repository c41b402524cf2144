// Go's traceback text, one stack per goroutine: debug=2, and what a panic, a fatal error or SIGQUIT writes to stderr.
//   panic: again
//
//   goroutine 18 [chan receive, 2 minutes, locked to thread]:
//   sync.(*Mutex).Lock(...)
//   	/usr/lib/go-1.19/src/sync/mutex.go:90
//   main.(*pair[...]).wait(0xc000, {0x7, 0x9}, ...)
//   	/home/app/main.go:9 +0x39 fp=0xc00 sp=0xc01 pc=0x66ccb9
//   ...106 frames elided...
//   created by main.main in goroutine 1
//   	/home/app/main.go:14 +0x5c
// Header with GOTRACEBACK=system: `goroutine 1 gp=0xc0 m=0 mp=0x9c [running]:`; with labels (GODEBUG=tracebacklabels=1,
// Go 1.27): `goroutine 7 [select labels:{"k": "v"}]:`. Written by goroutineheader and printing functions of Go's
// runtime/traceback.go. A program's own output may stand before, between and behind.
import { Failure } from '../model/errors.ts'
import { type GoCreator, type GoFrame, type Goroutine, type GoroutineDump, groupGoroutines } from './goroutines.ts'
import { parseGoLabels } from './goroutines-labels.ts'
import { headText, linesOf } from './text-lines.ts'

const header = /^goroutine (\d{1,15})(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[(.*)\]:$/
const place = /^\t(.*):(\d+)(?: \+0x[0-9a-f]+)?(?: fp=\S+ sp=\S+)?(?: pc=0x([0-9a-f]{1,16}))?$/
const elided = /^\.\.\.(?:(\d+|additional) )?frames elided\.\.\.$/
/** How the runtime begins to say why it dumps; SIGQUIT and SIGABRT come with a colon and the signal's description. */
const reasonStart = /^(?:panic: |fatal error: |SIG[A-Z]+: |unexpected fault address|runtime: )/
/** No reason is longer: panics print one value and the chain of earlier panics. */
const maxReasonLines = 50
const maxLine = 1 << 16

export function matchesGoroutineStacks(head: Uint8Array): boolean {
  return /^goroutine \d+(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[.*\]:\r?$/m.test(headText(head))
}

interface Open {
  id: number
  bracket: string
  frames: GoFrame[]
  elided?: { at: number; count: number }
  createdBy?: GoCreator
  missing?: string
}

/** @throws Failure NOT_A_PROFILE when there is no goroutine in it */
export function parseGoroutineStacks(bytes: Uint8Array): GoroutineDump {
  const goroutines: Goroutine[] = []
  const reason: string[] = []
  let open: Open | undefined
  /** The function line whose place has not come yet. */
  let pending: string | undefined
  let inReason = false
  let unknown = 0
  let cut = 0
  const close = ({ isMidLine = false } = {}): void => {
    if (open) goroutines.push(closed(open))
    // `exit status 2` of `go run` stands right below the last stack and is no frame.
    if (pending !== undefined && /\)$|^created by /.test(pending)) cut++
    else if (pending !== undefined && isMidLine && !/^exit status \d+$/.test(pending)) cut++
    open = undefined
    pending = undefined
  }
  for (const line of linesOf(bytes)) {
    const start = line.length > maxLine ? null : header.exec(line)
    if (start) {
      close()
      inReason = false
      open = { id: Number(start[1]), bracket: start[2] as string, frames: [] }
    } else if (!open) {
      if (reasonStart.test(line)) inReason = true
      if (inReason && line === '') inReason = false
      if (inReason && reason.length < maxReasonLines && line.length <= maxLine) reason.push(line.trimEnd())
    } else if (line === '') {
      close()
    } else if (line.startsWith('\t') || line.startsWith('...')) {
      if (addToStack(open, line, pending)) pending = undefined
      else unknown++
    } else if (line.length <= maxLine && !line.startsWith('[originating from ')) {
      if (pending !== undefined) unknown++
      pending = line
    }
  }
  // Go stops at 64 MB, wherever in a line that is.
  close({ isMidLine: bytes.at(-1) !== 0x0a })
  if (goroutines.length === 0) throw new Failure('NOT_A_PROFILE', 'There is no `goroutine N [state]:` line in it.')
  const losses = [
    { what: 'lines between goroutines that are not part of a stack', count: unknown },
    { what: 'frames whose second line is missing: the dump was cut off', count: cut, isCut: true },
    {
      what: 'frames that Go left out of deep stacks',
      count: goroutines.reduce((sum, g) => sum + (g.elided?.count ?? 0), 0),
    },
    { what: 'goroutines whose stack was not to be had', count: goroutines.filter((g) => g.missing).length },
  ]
  return {
    form: 'stacks',
    of: 'goroutine',
    total: goroutines.length,
    groups: groupGoroutines(goroutines),
    goroutines,
    ...(reason.length > 0 && { reason: reason.join('\n') }),
    losses: losses.filter((loss) => loss.count > 0),
  }
}

/** Takes a line that begins with a tab or dots; false when it means nothing here. */
function addToStack(open: Open, line: string, pending: string | undefined): boolean {
  const left = elided.exec(line)
  if (left) {
    // "additional" is what Go before 1.21 says: how many is not known, at least one.
    open.elided = { at: open.frames.length, count: Number(left[1]) || 1 }
    return true
  }
  if (pending === undefined) {
    if (!/unavailable|could not/.test(line)) return false
    open.missing = line.trim()
    return true
  }
  const match = place.exec(line)
  const bare = match ? undefined : /^\tpc=0x([0-9a-f]{1,16})/.exec(line)
  if (!match && !bare) return false
  const pc = match?.[3] ?? bare?.[1]
  const where = {
    ...(match && { file: match[1] as string, line: Number(match[2]) }),
    ...(pc && { pc: Number.parseInt(pc, 16) }),
  }
  const creator = /^created by (.*?)(?: in goroutine (\d+))?$/.exec(pending)
  if (creator) {
    const [, name, goroutine] = creator
    open.createdBy = { function: name as string, ...where, ...(goroutine && { goroutine: Number(goroutine) }) }
    return true
  }
  // Arguments hold braces but never parentheses; names hold both: `main.(*pair[...]).wait(0x1, {0x2, 0x3})`.
  const paren = pending.endsWith(')') ? pending.lastIndexOf('(') : -1
  const args = paren < 0 ? undefined : pending.slice(paren + 1, -1)
  open.frames.push({
    function: paren < 0 ? pending : pending.slice(0, paren),
    ...where,
    ...(args !== undefined && { args }),
    ...(args === '...' && !/ \+0x/.test(line) && { isInlined: true }),
  })
  return true
}

/** `chan receive (durable), 2 minutes, locked to thread, synctest bubble 1 labels:{"k": "v"}` */
function closed({ id, bracket, ...stack }: Open): Goroutine {
  const at = bracket.indexOf(' labels:{')
  const labels = at < 0 ? undefined : parseGoLabels(bracket.slice(at + 8))
  const [state = '', ...words] = (labels ? bracket.slice(0, at) : bracket).split(', ')
  const minutes = words.map((word) => /^(\d{1,9}) minutes$/.exec(word)?.[1]).find((found) => found)
  return {
    id,
    state,
    ...(minutes && { waitMinutes: Number(minutes) }),
    isLockedToThread: words.includes('locked to thread'),
    notes: words.filter((word) => word !== 'locked to thread' && !/^\d+ minutes$/.test(word)),
    labels: labels ?? {},
    ...stack,
  }
}
