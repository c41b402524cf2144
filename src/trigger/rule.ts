// Rules: which alerts and spikes lead to which captures, and how many at most. As they are written, and checked.
//
//   rules:
//     - name: shop-cpu
//       match: { alertname: ['*Cpu*', '!Watchdog'], namespaces: [shop] }
//       when: { above: 80% }
//       do: [context, threads, cpu 20s]
//       limits: { cooldown: 10m, perWorkload: 3/h, onlyIfWorse: true }
import { z } from 'zod'
import { nearest } from '../lib/nearest.ts'
import { parseDurationMs } from '../lib/units.ts'
import { type CaptureKind, captureKinds } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { AlertMapping } from './alert-mapping.ts'
import { resolutions } from './alert-target.ts'

const Duration = z.string().transform((text, context) => {
  const ms = parseDurationMs(text)
  if (ms !== undefined) return ms
  context.addIssue({ code: 'custom', message: `"${text}" is no duration: expected for example 500ms, 20s, 10m or 2h` })
  return z.NEVER
})

/** `80%` as 0.8. */
const Share = z.string().transform((text, context) => {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text)
  if (match) return Number(match[1]) / 100
  context.addIssue({ code: 'custom', message: `"${text}" is no share: expected for example 80%` })
  return z.NEVER
})

export interface Rate {
  readonly count: number
  readonly perMs: number
}

/** `3/h`, `12/d`, `1/10m`. */
const Rate = z.string().transform((text, context): Rate => {
  const match = /^(\d+)\/(.+)$/.exec(text)
  const perMs = match && parseDurationMs(/^\d/.test(match[2] as string) ? (match[2] as string) : `1${match[2]}`)
  if (match && perMs) return { count: Number(match[1]), perMs }
  context.addIssue({ code: 'custom', message: `"${text}" is no rate: expected for example 3/h or 1/10m` })
  return z.NEVER
})

export interface Step {
  readonly kind: CaptureKind
  readonly forMs: number
}

/** How long a step records when it does not say. */
const defaultForMs = 20_000

/** `threads`, `cpu 20s`. */
const Step = z.string().transform((text, context): Step => {
  const [kind = '', duration, ...rest] = text.trim().split(/\s+/)
  const forMs = duration === undefined ? defaultForMs : parseDurationMs(duration)
  const known = captureKinds.find((each) => each === kind)
  if (known && forMs !== undefined && rest.length === 0) return { kind: known, forMs }
  const near = nearest(kind, captureKinds)
  const why = known
    ? `"${text}": expected a kind and how long, for example "cpu 20s"`
    : `there is no capture of "${kind}"${near ? `; did you mean "${near}"?` : `; there is: ${captureKinds.join(', ')}`}`
  context.addIssue({ code: 'custom', message: why })
  return z.NEVER
})

/** Texts with `*` for anything; a leading `!` excludes. One text stands for a list of one. */
const Patterns = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (Array.isArray(value) ? value : [value]))

const Match = z.strictObject({
  source: z.array(z.enum(['alert', 'spike'])).default(['alert', 'spike']),
  alertname: Patterns.optional(),
  labels: z.record(z.string(), Patterns).default({}),
  namespaces: Patterns.optional(),
  nodes: Patterns.optional(),
  /** Workloads such as `deployment/cart`; a bare kind or name counts too. */
  workloads: Patterns.optional(),
})

/** CPU of the target, as a share of its limit, else its request, else one core. */
const CpuCondition = z.strictObject({ above: Share })
export type CpuCondition = z.infer<typeof CpuCondition>

const Limits = z.strictObject({
  /** From one capture of a workload to the next by the same rule, for each kind. */
  cooldown: Duration.default(600_000),
  perWorkload: Rate.default({ count: 3, perMs: 3_600_000 }),
  /** At once. */
  perNamespace: z.int().min(1).max(100).default(2),
  perNode: z.int().min(1).max(10).default(2),
  fleet: Rate.default({ count: 60, perMs: 3_600_000 }),
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
  limits: Limits.prefault({}),
  paused: z.boolean().default(false),
})
export type Rule = z.infer<typeof Rule>

export const Rules = z
  .strictObject({
    rules: z.array(Rule).min(1).optional(),
    alertMapping: AlertMapping.optional(),
  })
  .transform(({ rules = [Rule.parse({ name: 'default' })], ...rest }) => ({ rules, ...rest }))
  .superRefine(({ rules }, context) => {
    rules.forEach(({ name }, index) => {
      if (rules.findIndex((other) => other.name === name) === index) return
      context.addIssue({ code: 'custom', path: ['rules', index, 'name'], message: `"${name}" is there twice` })
    })
  })
export type Rules = z.infer<typeof Rules>

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
const knownKeys = [Rule, Match, CpuCondition, Limits, AlertMapping].flatMap((schema) => Object.keys(schema.shape))

type Issue = z.core.$ZodIssue

function describe(issue: Issue): string[] {
  const place = issue.path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
  const where = place === '' ? '' : `${place.replace(/^\./, '')}: `
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const near = nearest(key, [...knownKeys, 'rules', 'alertMapping'])
      return `${where}there is no "${key}"${near && near !== key ? `; did you mean "${near}"?` : ''}`
    })
  }
  // Of the forms that a value may have, the one that came furthest says best what is wrong.
  if (issue.code === 'invalid_union') {
    const best = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0] ?? []
    return best.flatMap((inner) => describe({ ...inner, path: [...issue.path, ...inner.path] } as Issue))
  }
  return [`${where}${issue.message}`]
}

const depth = (issues: readonly Issue[]): number =>
  Math.max(
    ...issues.map(({ path, code }) => path.length * 2 + (code === 'invalid_type' || code === 'invalid_value' ? 0 : 1)),
  )
