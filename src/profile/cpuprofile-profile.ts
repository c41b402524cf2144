// V8's CPU profiles as a profile of ours.
import { cutOff } from './bounded-json.ts'
import { ProfileBuilder } from './builder.ts'
import { parseV8CpuProfile, type V8File, type V8Node, type V8Profile, wholeNanos } from './cpuprofile.ts'
import { parseTraceProfiles } from './cpuprofile-trace.ts'
import type { Label, Profile } from './profile.ts'
import { StackBudget } from './stack-budget.ts'

/** V8's names for what is no function. */
export const root = '(root)'
export const program = '(program)'
export const idle = '(idle)'
export const collector = '(garbage collector)'

/**
 * Sample types `samples`/`count`, `wall`/`nanoseconds` (with idle time) and `cpu`/`nanoseconds` (without). A function
 * without a name is called after its place; its system name stays empty. Only the leaf of a stack has a source line:
 * V8 knows where each sample was, not where each call. Collections stand on the stack that they interrupted.
 * @throws Failure TOO_LARGE when the tree means more frames than such a file may
 */
function v8CpuProfile({ profiles, sizeBytes, lostBytes, comments = [], losses = [] }: V8File): Profile {
  const builder = new ProfileBuilder([
    { type: 'samples', unit: 'count' },
    { type: 'wall', unit: 'nanoseconds' },
    { type: 'cpu', unit: 'nanoseconds' },
  ])
  const budget = new StackBudget(sizeBytes)
  builder.comments.push(...comments)
  builder.addLosses([...losses, cutOff({ lostBytes })])
  for (const profile of profiles) {
    const stacks = new NodeStacks(builder, profile.nodes, budget)
    builder.addLoss('samples whose node is missing', profile.lostSamples)
    builder.addLoss('samples out of order, moved to the time of the one before', profile.backwards)
    if (profile.samples.length > 0) addSamples(builder, stacks, profile)
    else addHits(builder, stacks, profile)
  }
  // Hit counts have no times, nor has a file that was cut off before them.
  if (profiles.every(({ durationsUs }) => durationsUs.every((duration) => duration === 0))) builder.defaultType = 0
  const lengthUs = profiles.reduce((most, profile) => Math.max(most, profile.lengthUs), 0)
  builder.durationNanos = wholeNanos(lengthUs * 1000)
  return builder.build()
}

/** Reads a `.cpuprofile` into a profile. */
export const parseCpuProfile = (bytes: Uint8Array): Profile => v8CpuProfile(parseV8CpuProfile(bytes))

/** Reads the CPU profiles of a Chrome trace into one profile, threads as labels. */
export const parseChromeTrace = (bytes: Uint8Array): Profile => v8CpuProfile(parseTraceProfiles(bytes))

function addSamples(builder: ProfileBuilder, stacks: NodeStacks, profile: V8Profile): void {
  const { nodes, samples, durationsUs, offsetsUs, sampleLines } = profile
  const lines = sampleLines ?? linesFromTicks(profile)
  const labels = builder.internLabels(threadLabels(profile))
  /** The last node that was no collection. */
  let before = -1
  for (let i = 0; i < samples.length; i++) {
    const node = samples[i] as number
    const name = (nodes[node] as V8Node).functionName
    const isCollection = name === collector
    const stack = stacks.of(node, lines[i] as number, isCollection ? before : -1)
    if (!isCollection) before = name === idle || name === program || name === root ? -1 : node
    const nanos = Math.round((durationsUs[i] as number) * 1000)
    const offsetMs = (offsetsUs[i] as number) / 1000
    builder.addSample(stack, [1, nanos, name === idle ? 0 : nanos], { labels, offsetMs })
  }
}

/** A profile without samples still counted them per node; how long they were it does not tell. */
function addHits(builder: ProfileBuilder, stacks: NodeStacks, profile: V8Profile): void {
  const labels = builder.internLabels(threadLabels(profile))
  for (const [node, { hitCount }] of profile.nodes.entries()) {
    if (hitCount > 0) builder.addSample(stacks.of(node, 0, -1), [hitCount, 0, 0], { labels })
  }
}

/** The lines of a node go to its samples in turn: their sums per line are V8's, their order in time is not known. */
function linesFromTicks({ nodes, samples }: V8Profile): Float64Array {
  const next = new Uint32Array(nodes.length)
  const used = new Float64Array(nodes.length)
  return Float64Array.from(samples, (node) => {
    const { lineTicks } = nodes[node] as V8Node
    let at = next[node] as number
    const entry = lineTicks[at]
    if (!entry) return 0
    used[node] = (used[node] as number) + 1
    if ((used[node] as number) >= entry.ticks) {
      next[node] = ++at
      used[node] = 0
    }
    return entry.line
  })
}

function threadLabels({ thread }: V8Profile): Label[] {
  if (!thread) return []
  const labels: Label[] = [
    { key: 'pid', num: BigInt(Math.trunc(thread.pid)) },
    { key: 'tid', num: BigInt(Math.trunc(thread.tid)) },
  ]
  return thread.name ? [...labels, { key: 'comm', str: thread.name }] : labels
}

/** Stacks of nodes, each made once. */
class NodeStacks {
  private readonly builder: ProfileBuilder
  private readonly nodes: readonly V8Node[]
  private readonly budget: StackBudget
  private readonly known = new Map<string, number>()
  /** Location of each node as a caller; -1 = not made yet. */
  private readonly callers: Int32Array

  constructor(builder: ProfileBuilder, nodes: readonly V8Node[], budget: StackBudget) {
    this.builder = builder
    this.nodes = nodes
    this.budget = budget
    this.callers = new Int32Array(nodes.length).fill(-1)
  }

  /** @param below the node whose stack a collection interrupted, or -1 */
  of(node: number, line: number, below: number): number {
    const key = `${node} ${line} ${below}`
    let stack = this.known.get(key)
    if (stack === undefined) {
      const locations = [this.location(this.nodes[node] as V8Node, line)]
      let at = below >= 0 ? below : (this.nodes[node] as V8Node).parent
      for (; at >= 0; at = (this.nodes[at] as V8Node).parent) {
        this.budget.spend(1)
        const above = this.nodes[at] as V8Node
        if (above.functionName !== root) locations.push(this.callerAt(at))
      }
      stack = this.builder.internStack(locations)
      this.known.set(key, stack)
    }
    return stack
  }

  private callerAt(node: number): number {
    let location = this.callers[node] as number
    if (location < 0) {
      location = this.location(this.nodes[node] as V8Node, 0)
      this.callers[node] = location
    }
    return location
  }

  private location({ functionName, url, line: startLine, column }: V8Node, line: number): number {
    return this.builder.internFrame(functionName || anonymousName(url, startLine, column), {
      systemName: functionName,
      filename: url,
      startLine,
      line,
      column,
    })
  }
}

/** `(anonymous app.js:12:34)`: nameless functions are many, and all alike to one who sees no place. */
export function anonymousName(url: string, line: number, column: number): string {
  const file = url.slice(url.lastIndexOf('/') + 1)
  return file === '' && line === 0 ? '(anonymous)' : `(anonymous ${[file, line, column].filter(Boolean).join(':')})`
}
