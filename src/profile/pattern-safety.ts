// Regular expressions that come in a file: JavaScript's engine backtracks, so some patterns take exponential time.

/** Names are up to some thousand characters, and two open quantifiers cost the square of that; three are too many. */
const maxOpenQuantifiers = 2

/**
 * True when a pattern might take very long on a hostile name: a repeated group, a back-reference, or more than two
 * `*`, `+`, `{n,}` in one alternative.
 */
export function unsafePattern(pattern: string): boolean {
  const plain = pattern.replace(/\[(?:\\.|[^\]\\])*\]/g, 'c').replace(/\\[^0-9k]/g, 'c')
  if (/\\|\)[*+{]/.test(plain)) return true
  return plain.split('|').some((part) => (part.match(/[*+]|\{\d+,\d*\}/g) ?? []).length > maxOpenQuantifiers)
}
