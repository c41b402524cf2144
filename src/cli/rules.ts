// `spikecam rules`: the rules in force and what they did, what they would do about an alert, and letting one rest.
import { readFile } from 'node:fs/promises'
import type { Client } from '../api/client.ts'
import type { RuleState, RulesAnswer, RuleTestAnswer } from '../api/shapes.ts'
import type { Config } from '../config.ts'
import { nearest } from '../lib/nearest.ts'
import { printDurationMs } from '../lib/units.ts'
import { exitCodes, Failure } from '../model/errors.ts'
import { connect } from './connect.ts'
import { explain } from './explain.ts'
import { runNotify } from './notify.ts'
import { note, readOutput, renderTable, writeForm, writeOut } from './output.ts'
import { nameOf } from './pin.ts'
import { printTime } from './print-time.ts'

const verbs = ['list', 'test', 'explain', 'pause', 'resume', 'notify'] as const

/** @returns 0; 5 when the file with the rules is not the one in force */
export async function runRules({ args, options }: Config): Promise<number> {
  const [verb = 'list', name, ...words] = args
  const output = readOutput(options.output, ['json', 'yaml', 'name'])
  const form = output && 'form' in output ? output.form : undefined
  const client = connect(options)
  switch (verb) {
    case 'list':
      return list(client, form)
    case 'test':
      return test(client, { rule: name, file: options.alertFile, form })
    case 'explain':
      return explain(client, name, form)
    case 'pause':
    case 'resume':
      if (name === undefined) throw new Failure('USAGE', `${verb} which rule? Expected: spikecam rules ${verb} RULE`)
      return rest(client, { verb, name, why: words.join(' '), by: nameOf(options), form })
    case 'notify':
      return runNotify(client, name, form)
    default: {
      const near = nearest(verb, verbs)
      throw new Failure('USAGE', `there is no "rules ${verb}"${near ? `; did you mean "rules ${near}"?` : ''}`)
    }
  }
}

type Form = string | undefined

async function list(client: Client, form: Form): Promise<number> {
  const answer = await client.get('/api/v1/rules')
  if (form === 'json' || form === 'yaml') await writeForm(answer, form)
  else if (form === 'name') await writeOut(answer.rules.map(({ name }) => `${name}\n`).join(''))
  else await writeOut(renderRules(answer))
  if (form === undefined && !answer.file) note('These are the defaults; --rules FILE of the server sets others.')
  if (!answer.problem) return 0
  note(`The file is not in force as it is now: ${answer.problem}`)
  return exitCodes.partial
}

function renderRules({ rules }: RulesAnswer): string {
  const right = { align: 'right' as const }
  const columns = [
    { title: 'RULE' },
    { title: 'STATE' },
    { title: 'DOES' },
    { title: 'CAPTURES 24H', ...right },
    { title: 'RUNNING', ...right },
    { title: 'FAILED', ...right },
    { title: 'LAST' },
    { title: 'MAY FIRE AGAIN' },
  ]
  const now = Date.now()
  const rows = rules.map((rule) => {
    const next = [...rule.cooling].sort((a, b) => a.untilMs - b.untilMs)[0]
    const more = rule.cooling.length > 1 ? ` (and ${rule.cooling.length - 1} more cooling down)` : ''
    return [
      rule.name,
      rule.state === 'paused' ? printPause(rule) : rule.state,
      rule.do.map(({ kind, forMs }) => `${kind} ${forMs / 1000}s`).join(', '),
      String(rule.captures),
      String(rule.running),
      String(rule.failed),
      rule.lastMs === undefined ? '' : printTime(rule.lastMs),
      next ? `${next.workload} ${next.kind} in ${printDurationMs(next.untilMs - now)}${more}` : 'now',
    ]
  })
  return renderTable(columns, rows)
}

/** `paused by ana since 2026-11-21 03:15:00Z: load test until noon`. */
function printPause({ pause }: RuleState): string {
  if (!pause) return 'paused by the rule file'
  const { by, atMs, why } = pause
  return `paused${by ? ` by ${by}` : ''} since ${printTime(atMs)}${why ? `: ${why}` : ''}`
}

interface Rest {
  readonly verb: 'pause' | 'resume'
  readonly name: string
  readonly why: string
  readonly by: string
  readonly form: Form
}

async function rest(client: Client, { verb, name, why, by, form }: Rest): Promise<number> {
  const params = { name }
  const rule =
    verb === 'pause'
      ? await client.post('/api/v1/rules/{name}/pause', { params, body: { by, ...(why === '' ? {} : { why }) } })
      : await client.post('/api/v1/rules/{name}/resume', { params })
  if (form === 'json' || form === 'yaml') await writeForm(rule, form)
  else if (form === 'name') await writeOut(`${name}\n`)
  else await writeOut(`${name}: ${rule.state === 'paused' ? printPause(rule) : rule.state}\n`)
  if (verb === 'pause' && form === undefined)
    note(`The rules after it are asked instead; spikecam rules resume ${name} ends it.`)
  return 0
}

async function test(
  client: Client,
  { rule, file, form }: { rule: string | undefined; file: string | undefined; form: Form },
): Promise<number> {
  if (file === undefined) {
    throw new Failure('USAGE', 'test with which alert? Expected: spikecam rules test [RULE] --alert FILE')
  }
  const body: unknown = JSON.parse(await readText(file))
  const answer = (await client.post('/api/v1/rules/test', { body } as never)) as RuleTestAnswer
  const isMeant = (decisions: readonly string[]): boolean =>
    rule === undefined || decisions.some((line) => line.startsWith(`rule ${rule} `) || line.startsWith(`rule ${rule}:`))
  if (form === 'json' || form === 'yaml') await writeForm(answer, form)
  else {
    for (const { name, status, decisions } of answer.alerts) {
      await writeOut(`${name} (${status})\n`)
      for (const line of decisions) await writeOut(`  ${line}\n`)
      if (!isMeant(decisions))
        await writeOut(`  ${rule} is not asked: another rule matches before it, or there is no such rule\n`)
    }
    for (const { what, why } of answer.skipped) await writeOut(`${what}: skipped: ${why}\n`)
  }
  return 0
}

async function readText(file: string): Promise<string> {
  try {
    const text = await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')
    JSON.parse(text)
    return text
  } catch (cause) {
    const what = cause instanceof SyntaxError ? 'is not JSON' : 'cannot be read'
    throw new Failure('USAGE', `${file} ${what}: ${(cause as Error).message}`, { cause })
  }
}
