// Rules: which alerts and spikes lead to which captures, and how many at most. As they are written, and checked.
//
//   rules:
//     - name: shop-cpu
//       match: { alertname: ['*Cpu*', '!Watchdog'], namespaces: [shop] }
//       when: { above: 80%, risesBy: 40% }
//       do: [context, threads, cpu 20s]
//       limits: { cooldown: 10m, perWorkload: 3/h, onlyIfWorse: true }
import { z } from 'zod'
import { nearest } from '../lib/nearest.ts'
import { Failure } from '../model/errors.ts'
import { AlertMapping } from './alert-mapping.ts'
import { resolutions } from './alert-target.ts'
import { Receiver, ReceiverNames, receiverKeys } from './receiver.ts'
import { CpuCondition } from './rule-condition.ts'
import { Guards } from './rule-steps.ts'
import { Duration, defaultForMs, Rate, rememberMs, Step } from './rule-values.ts'

/** Texts with `*` for anything; a leading `!` excludes. One text stands for a list of one. */
const Patterns = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (Array.isArray(value) ? value : [value]))

const Match = z.strictObject({
  source: z
    .array(z.enum(['alert', 'spike']))
    .min(1)
    .default(['alert', 'spike']),
  alertname: Patterns.optional(),
  labels: z.record(z.string(), Patterns).default({}),
  namespaces: Patterns.optional(),
  nodes: Patterns.optional(),
  /** Workloads such as `deployment/cart`; a bare kind or name counts too. */
  workloads: Patterns.optional(),
})

const notBeyondMemory = 'what was captured is remembered for a day: expected 24h or less'
const RememberedRate = Rate.refine(({ perMs }) => perMs <= rememberMs, notBeyondMemory)

const Limits = z.strictObject({
  /** From one capture of a workload to the next by the same rule, for each kind. */
  cooldown: Duration.refine((ms) => ms <= rememberMs, notBeyondMemory).default(600_000),
  perWorkload: RememberedRate.default({ count: 3, perMs: 3_600_000 }),
  /** At once. */
  perNamespace: z.int().min(1).max(100).default(2),
  perNode: z.int().min(1).max(10).default(2),
  fleet: RememberedRate.default({ count: 60, perMs: 3_600_000 }),
  /** Within the cooldown only when it is clearly worse than it was. */
  onlyIfWorse: z.boolean().default(true),
  /** Of the pods of a workload, or of the containers of a node: the busiest so many. */
  maxTargets: z.int().min(1).max(20).default(1),
})

export const Rule = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'has to be of small letters, digits and dashes'),
  match: Match.prefault({}),
  resolve: z
    .array(z.enum(resolutions))
    .min(1)
    .default([...resolutions]),
  when: z.union([z.literal('firing'), CpuCondition]).default('firing'),
  /** One after the other; `bundle` is all that fits the process, with the ring's look-back. */
  do: z
    .array(Step)
    .min(1)
    .default([{ kind: 'bundle', forMs: defaultForMs }]),
  guards: Guards.prefault({}),
  limits: Limits.prefault({}),
  /** Receivers that are told when the evidence is there; without it those of the whole file. */
  to: ReceiverNames.optional(),
  paused: z.boolean().default(false),
})
export type Rule = z.infer<typeof Rule>

export const Rules = z
  .strictObject({
    rules: z.array(Rule).min(1).optional(),
    alertMapping: AlertMapping.optional(),
    receivers: z.array(Receiver).default([]),
    /** For rules that name none, and for spikes that no rule matches. */
    to: ReceiverNames.default([]),
  })
  .transform(({ rules = withoutFile(), ...rest }) => ({ rules, ...rest }))
  .superRefine(({ rules }, context) => {
    rules.forEach(({ name }, index) => {
      if (rules.findIndex((other) => other.name === name) === index) return
      context.addIssue({ code: 'custom', path: ['rules', index, 'name'], message: `"${name}" is there twice` })
    })
  })
  .superRefine(checkReceivers)
export type Rules = z.infer<typeof Rules>

/** Of a spike the agent has stacks, context and the threads of a JVM by itself; more is only what stops nothing. */
function withoutFile(): Rule[] {
  return [
    Rule.parse({ name: 'default', match: { source: ['alert'] } }),
    Rule.parse({ name: 'spikes', match: { source: ['spike'] }, do: ['threads 2s'] }),
  ]
}

function checkReceivers({ rules, receivers, to }: NamedReceivers, context: z.RefinementCtx): void {
  const known = receivers.map(({ name }) => name)
  const problem = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path, message })
  known.forEach((name, index) => {
    if (known.indexOf(name) !== index) problem(['receivers', index, 'name'], `"${name}" is there twice`)
  })
  const check = (names: readonly string[], path: PropertyKey[]) => {
    for (const name of names.filter((each) => !known.includes(each))) {
      const near = nearest(name, known)
      problem(path, `there is no receiver "${name}"${near ? `; did you mean "${near}"?` : ''}`)
    }
  }
  check(to, ['to'])
  rules.forEach((rule, index) => {
    check(rule.to ?? [], ['rules', index, 'to'])
  })
}

interface NamedReceivers {
  readonly rules: readonly Rule[]
  readonly receivers: readonly Receiver[]
  readonly to: readonly string[]
}

/** What holds without a file: everything that fires and names a target is looked at, gently. */
export const defaultRules: Rules = Rules.parse({})

/**
 * @param document as YAML or JSON gave it
 * @throws Failure BAD_CONFIG that names every place at fault
 */
export function readRules(document: unknown, file = 'the rules'): Rules {
  const result = Rules.safeParse(document ?? {})
  if (result.success) return result.data
  const lines = result.error.issues.flatMap((issue) => describe(issue))
  throw new Failure('BAD_CONFIG', `${file}: ${lines.join('; ')}`, { details: { problems: lines } })
}

/** Keys that some part of a rule file may have, to guess what was meant. */
const knownKeys = [Rule, Match, CpuCondition, Guards, Limits, AlertMapping]
  .flatMap((schema) => Object.keys(schema.shape))
  .concat(receiverKeys, ['rules', 'alertMapping', 'receivers'])

type Issue = z.core.$ZodIssue

function describe(issue: Issue): string[] {
  const place = issue.path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
  const where = place === '' ? '' : `${place.replace(/^\./, '')}: `
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const near = nearest(key, knownKeys)
      return `${where}there is no "${key}"${near && near !== key ? `; did you mean "${near}"?` : ''}`
    })
  }
  // Of the forms that a value may have, the one that came furthest says best what is wrong.
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const best = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0] ?? []
    return best.flatMap((inner) => describe({ ...inner, path: [...issue.path, ...inner.path] } as Issue))
  }
  return [`${where}${issue.message}`]
}

const depth = (issues: readonly Issue[]): number =>
  Math.max(
    ...issues.map(({ path, code }) => path.length * 2 + (code === 'invalid_type' || code === 'invalid_value' ? 0 : 1)),
  )
