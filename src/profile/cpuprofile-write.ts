// Writes a profile as V8's .cpuprofile, which Chrome, Edge and VS Code open. One line of time: threads one after the
// other would be wrong, so samples keep their order and each lasts as long as its value says.
import { printRemarks } from './carried-losses.ts'
import { collector, root } from './cpuprofile-profile.ts'
import { int64Reader } from './int64.ts'
import type { Profile } from './profile.ts'
import { countColumn } from './sample-counts.ts'
import { TextWriter } from './text-writer.ts'

/** Microseconds of one unit of value. */
const microseconds: Record<string, number> = { nanoseconds: 1e-3, microseconds: 1, milliseconds: 1e3, seconds: 1e6 }
/** A count says nothing of time; V8's default interval makes it a picture: one millisecond. */
const defaultIntervalUs = 1000

interface Node {
  readonly id: number
  readonly frame: { readonly name: string; readonly url: string; readonly line: number; readonly column: number }
  readonly children: number[]
  readonly ticks: Map<number, number>
  hits: number
}

/**
 * The column shown first, or `wall` where there is one, as times; a column that is no time is written as if each unit
 * took the sampling period. Labels and mappings are not kept; a function's module stands for a missing file.
 */
export function writeCpuProfile(profile: Profile): Uint8Array<ArrayBuffer> {
  const { samples, stacks } = profile
  const column = chooseColumn(profile)
  const unitUs = unitMicroseconds(profile, column)
  const read = int64Reader(samples.values[column] as BigInt64Array)
  const isCounted = countedTest(profile)
  const tree = new NodeTree(profile)
  const leaves: number[] = []
  /** Before the first sample, then how long each lasted. */
  const spansUs: number[] = [(samples.offsetMs?.[0] || 0) * 1000]
  for (let i = 0; i < samples.length; i++) {
    // Rows of other kinds, such as allocations of a Java recording, are no samples of this one; V8's may take no time.
    if (read(i) <= 0 && !isCounted(i)) continue
    const stack = samples.stack[i] as number
    leaves.push(tree.leaf(stacks.locations.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])))
    spansUs.push(Math.max(0, read(i)) * unitUs)
  }
  const out = new TextWriter()
  tree.print(out)
  out.write(',"startTime":0,"samples":[')
  for (const [i, leaf] of leaves.entries()) out.write(`${i === 0 ? '' : ','}${leaf}`)
  out.write('],"timeDeltas":[')
  // Whole microseconds, as V8 writes them; what rounding takes from one goes to the next, so that errors do not add up.
  let exact = 0
  let written = 0
  for (let i = 0; i < leaves.length; i++) {
    exact += spansUs[i] as number
    const whole = Math.round(exact) - written
    written += whole
    out.write(`${i === 0 ? '' : ','}${whole}`)
  }
  out.write(`],"endTime":${Math.round(exact + (spansUs[leaves.length] as number))}${printRemarks(profile)}}\n`)
  return out.toBytes()
}

/** Whether the profile says itself that a row is a sample. */
function countedTest(profile: Profile): (row: number) => boolean {
  const counts = countColumn(profile)
  const read = counts && int64Reader(counts)
  return (row) => read !== undefined && read(row) > 0
}

function chooseColumn({ sampleTypes, defaultType }: Profile): number {
  const wall = sampleTypes.findIndex(({ type, unit }) => type === 'wall' && unit in microseconds)
  return wall >= 0 ? wall : defaultType
}

function unitMicroseconds({ sampleTypes, periodType, period }: Profile, column: number): number {
  const unit = sampleTypes[column]?.unit ?? ''
  const known = microseconds[unit]
  if (known !== undefined) return known
  const ofPeriod = microseconds[periodType?.unit ?? '']
  return unit === 'count' && ofPeriod !== undefined && period > 0n ? Number(period) * ofPeriod : defaultIntervalUs
}

class NodeTree {
  private readonly profile: Profile
  private readonly nodes: Node[] = []
  private readonly ids = new Map<string, number>()

  constructor(profile: Profile) {
    this.profile = profile
    this.add({ name: root, url: '', line: 0, column: 0 })
  }

  /** Id of the node that a stack (leaf first) ends in; counts a sample for it. */
  leaf(stack: Uint32Array): number {
    const { locations, lines } = this.profile
    let node = this.nodes[0] as Node
    let line = 0
    // V8 keeps collections below the root, not on the stack that they interrupted.
    const isCollection = stack.length > 0 && this.nameOf(stack[0] as number) === collector
    for (let i = isCollection ? 0 : stack.length - 1; i >= 0; i--) {
      const location = stack[i] as number
      const first = locations.lineOffsets[location] as number
      const last = (locations.lineOffsets[location + 1] as number) - 1
      if (last < first) node = this.child(node, location, -1)
      // Inlined functions are called by the one that comes after them.
      for (let row = last; row >= first; row--) {
        node = this.child(node, location, row)
        line = lines.line[row] as number
      }
    }
    node.hits++
    if (line > 0) node.ticks.set(line, (node.ticks.get(line) ?? 0) + 1)
    return node.id
  }

  print(out: TextWriter): void {
    out.write('{"nodes":[')
    for (const { id, frame, children, ticks, hits } of this.nodes) {
      const { name, url, line, column } = frame
      const node = {
        id,
        callFrame: { functionName: name, scriptId: '0', url, lineNumber: line - 1, columnNumber: column - 1 },
        hitCount: hits,
        ...(children.length > 0 && { children }),
        ...(ticks.size > 0 && { positionTicks: [...ticks].map(([at, count]) => ({ line: at, ticks: count })) }),
      }
      out.write(`${id === 1 ? '' : ','}${JSON.stringify(node)}`)
    }
    out.write(']')
  }

  private add(frame: Node['frame']): Node {
    const node: Node = { id: this.nodes.length + 1, frame, children: [], ticks: new Map(), hits: 0 }
    this.nodes.push(node)
    return node
  }

  /** Two lines of one function are one node. `row` -1: a location without symbols. */
  private child(parent: Node, location: number, row: number): Node {
    const { lines } = this.profile
    const key = row < 0 ? `${parent.id} @${location}` : `${parent.id} ${lines.function[row]} ${lines.column[row]}`
    const known = this.ids.get(key)
    if (known !== undefined) return this.nodes[known - 1] as Node
    const node = this.add(this.frame(location, row))
    parent.children.push(node.id)
    this.ids.set(key, node.id)
    return node
  }

  private nameOf(location: number): string {
    const { functions, lines, locations, strings } = this.profile
    const row = locations.lineOffsets[location] as number
    if (row === locations.lineOffsets[location + 1]) return ''
    return strings.get(functions.name[lines.function[row] as number] as number)
  }

  private frame(location: number, row: number): Node['frame'] {
    const { functions, lines, strings, locations, mappings } = this.profile
    const module = mappings[locations.mapping[location] as number]?.file ?? ''
    if (row < 0) {
      return { name: `0x${locations.address[location]?.toString(16)}`, url: module, line: 0, column: 0 }
    }
    const fn = lines.function[row] as number
    const name = strings.get(functions.name[fn] as number)
    // A JavaScript function without a name has an empty system name and is called after its place.
    const isNameless = functions.systemName[fn] === 0 && name.startsWith('(anonymous')
    return {
      name: isNameless ? '' : name,
      url: strings.get(functions.filename[fn] as number) || module,
      line: functions.startLine[fn] as number,
      column: lines.column[row] as number,
    }
  }
}
