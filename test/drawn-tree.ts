// Call trees for tests, written as folded stacks: `main;parse;lex 40`; a second number is the baseline of a diff.
import type { CallTree, FrameKind } from '../src/profile/call-tree.ts'

interface Branch {
  name: string
  self: number
  total: number
  baseSelf: number
  baseTotal: number
  children: Map<string, Branch>
}

const newBranch = (name: string): Branch => ({
  name,
  self: 0,
  total: 0,
  baseSelf: 0,
  baseTotal: 0,
  children: new Map(),
})

/**
 * Frames are `name`, `name@module` or `name@module:kind`; the root has no name.
 * @example drawnTree('main;parse;lex@libc.so:native 40', 'main;draw 30 10')
 */
export function drawnTree(...lines: string[]): CallTree {
  const root = newBranch('')
  let isDiff = false
  for (const line of lines) {
    const match = /^(.*?) (\d+(?:\.\d+)?)(?: (\d+(?:\.\d+)?))?$/.exec(line)
    if (!match) throw new Error(`not a folded stack: ${line}`)
    const [value, base] = [Number(match[2]), Number(match[3] ?? 0)]
    if (match[3] !== undefined) isDiff = true
    let at = root
    at.total += value
    at.baseTotal += base
    for (const name of match[1]!.split(';').filter(Boolean)) {
      const next = at.children.get(name) ?? newBranch(name)
      at.children.set(name, next)
      next.total += value
      next.baseTotal += base
      at = next
    }
    at.self += value
    at.baseSelf += base
  }
  return columns(root, isDiff)
}

function columns(root: Branch, isDiff: boolean): CallTree {
  const rows = new Map<string, number>()
  const [frame, parent, depth, end]: number[][] = [[], [], [], []]
  const [self, total, baseSelf, baseTotal]: number[][] = [[], [], [], []]
  const visit = (branch: Branch, above: number, level: number): void => {
    const node = frame!.length
    if (level > 0 && !rows.has(branch.name)) rows.set(branch.name, rows.size)
    frame!.push(level === 0 ? -1 : rows.get(branch.name)!)
    parent!.push(above)
    depth!.push(level)
    end!.push(0)
    self!.push(branch.self)
    total!.push(branch.total)
    baseSelf!.push(branch.baseSelf)
    baseTotal!.push(branch.baseTotal)
    for (const child of [...branch.children.values()].sort((a, b) => b.total - a.total)) visit(child, node, level + 1)
    end![node] = frame!.length
  }
  visit(root, -1, 0)
  const keys = [...rows.keys()].map((key) => /^([^@]*)(?:@([^:]*)(?::(\w+))?)?$/.exec(key)!)
  return {
    frames: {
      length: keys.length,
      name: keys.map((key) => key[1]!),
      module: keys.map((key) => key[2] ?? ''),
      kind: keys.map((key) => (key[3] ?? 'native') as FrameKind),
    },
    unit: 'nanoseconds',
    length: frame!.length,
    frame: Int32Array.from(frame!),
    parent: Int32Array.from(parent!),
    depth: Uint16Array.from(depth!),
    end: Uint32Array.from(end!),
    self: Float64Array.from(self!),
    total: Float64Array.from(total!),
    ...(isDiff && { base: { self: Float64Array.from(baseSelf!), total: Float64Array.from(baseTotal!) } }),
  }
}
