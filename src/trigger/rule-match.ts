// Whether a rule is about an occasion. Every "no" has its reason.
import type { Rule } from './rule.ts'

/** Something that could lead to a capture: an alert that was resolved to a target, or a spike. */
export interface Occasion {
  readonly source: 'alert' | 'spike'
  /** Name of the alert; of a spike, the rule of the agent that saw it. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly namespace?: string
  readonly node?: string
  /** `deployment/cart`, or what else stands for all of its pods. */
  readonly workload: string
}

/** @returns why the rule does not match, or undefined when it does */
export function whyNoMatch(rule: Rule, occasion: Occasion): string | undefined {
  const { match } = rule
  if (rule.paused) return 'the rule is paused'
  if (!match.source.includes(occasion.source)) return `it is for ${match.source.join(' and ')}s only`
  const checks: [string, readonly string[] | undefined, readonly string[]][] = [
    ['alertname', match.alertname, [occasion.name]],
    ...Object.entries(match.labels).map(([name, patterns]): [string, readonly string[], readonly string[]] => [
      `label ${name}`,
      patterns,
      [occasion.labels[name] ?? ''],
    ]),
    ['namespace', match.namespaces, [occasion.namespace ?? '']],
    ['node', match.nodes, [occasion.node ?? '']],
    ['workload', match.workloads, [occasion.workload, ...occasion.workload.split('/')]],
  ]
  for (const [what, patterns, values] of checks) {
    if (patterns && !isMatch(patterns, values)) {
      return `${what} ${JSON.stringify(values[0])} does not match ${patterns.join(', ')}`
    }
  }
  return undefined
}

/** One of the patterns has to match one of the values, unless all only exclude; an excluded value never matches. */
export function isMatch(patterns: readonly string[], values: readonly string[]): boolean {
  const hits = (pattern: string): boolean => values.some((value) => isLike(pattern, value))
  if (patterns.some((pattern) => pattern.startsWith('!') && hits(pattern.slice(1)))) return false
  const wanted = patterns.filter((pattern) => !pattern.startsWith('!'))
  return wanted.length === 0 || wanted.some(hits)
}

/** In one walk over the value: labels are what others send, and a regular expression with several `.*` can take hours. */
function isLike(pattern: string, value: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return value === first
  const end = value.length - last.length
  if (!value.startsWith(first) || !value.endsWith(last) || end < first.length) return false
  let at = first.length
  for (const part of rest) {
    const found = value.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= end
}
