// A tree as folded stacks, one line per node with self time: `main;parse;lex 40`; in a diff a second number, before.
import type { CallTree } from '../profile/call-tree.ts'

/** Counts are whole numbers of the tree's unit. Semicolons and line ends in names would cut stacks, so they go. */
export function foldedOf(tree: CallTree): string {
  const paths: string[] = ['']
  const lines: string[] = []
  const names = tree.frames.name.map((name) => (name || '[unknown]').replace(/[;\r\n]/g, ' '))
  for (let node = 1; node < tree.length; node++) {
    const above = paths[tree.depth[node]! - 1]!
    const path = above === '' ? names[tree.frame[node]!]! : `${above};${names[tree.frame[node]!]}`
    paths[tree.depth[node]!] = path
    const [self, base] = [Math.round(tree.self[node]!), Math.round(tree.base?.self[node] ?? 0)]
    if (self > 0 || base > 0) lines.push(tree.base ? `${path} ${base} ${self}` : `${path} ${self}`)
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}
