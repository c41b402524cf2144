// The known word that a mistyped one most likely meant.

/**
 * Edits (insert, delete, replace, swap of two neighbours) that turn `a` into `b`: the "optimal string alignment"
 * distance, in which `lsiten` is one edit from `listen`.
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, replace)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, beforeLast[j - 2]! + 1)
      row.push(best)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}

/**
 * @returns the nearest of `known`, or undefined when nothing is near enough to be worth suggesting: more than half of
 * the word would have to change, and neither is the beginning of the other
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: { name: string; score: number } | undefined
  for (const name of known) {
    const isBeginning = word.length > 1 && (name.startsWith(word) || word.startsWith(name))
    const score = isBeginning ? 0.5 : editDistance(word, name)
    if (score <= Math.max(word.length, name.length) / 2 && (!best || score < best.score)) best = { name, score }
  }
  return best?.name
}
