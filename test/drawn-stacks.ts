// Profiles drawn as text for tests, root first: `main;parse;read 3`. Labels follow in braces: `main 1 {pid=7 tid=9}`.
import { ProfileBuilder } from '../src/profile/builder.ts'
import type { CallTree } from '../src/profile/call-tree.ts'
import type { Profile } from '../src/profile/profile.ts'

/** One sample per line; several numbers are several sample types; `@250` is the time in ms. */
export function drawProfile(drawing: string, types: readonly string[] = ['samples/count']): Profile {
  const builder = new ProfileBuilder(
    types.map((text) => ({ type: text.split('/')[0] ?? '', unit: text.split('/')[1] ?? '' })),
  )
  for (const line of drawing.trim().split('\n')) {
    const match = /^\s*(.*?)((?: -?\d+)+)(?: @(\d+))?(?: \{(.*)\})?\s*$/.exec(line)
    if (!match) throw new Error(`not a drawn stack: ${line}`)
    const names = match[1] === '' ? [] : match[1]!.split(';').reverse()
    const stack = builder.internStack(
      names.map((name) => {
        const [fn = '', module] = name.split('@')
        return builder.internFrame(fn, module ? { module } : {})
      }),
    )
    const labels = (match[4] ?? '')
      .split(' ')
      .filter(Boolean)
      .map((pair) => {
        const [key = '', value = ''] = pair.split('=')
        return /^\d+$/.test(value) ? { key, num: BigInt(value) } : { key, str: value }
      })
    builder.addSample(stack, match[2]!.trim().split(' ').map(BigInt), {
      labels: builder.internLabels(labels),
      ...(match[3] !== undefined && { offsetMs: Number(match[3]) }),
    })
  }
  return builder.build()
}

/** A tree as indented lines `name self/total`, with `(base self/total)` in a diff. */
export function printTree(tree: CallTree): string {
  const lines: string[] = []
  for (let node = 0; node < tree.length; node++) {
    const name = node === 0 ? 'root' : tree.frames.name[tree.frame[node]!]
    const base = tree.base ? ` (${tree.base.self[node]}/${tree.base.total[node]})` : ''
    lines.push(`${'  '.repeat(tree.depth[node]!)}${name} ${tree.self[node]}/${tree.total[node]}${base}`)
  }
  return lines.join('\n')
}
