// What a notification says: the fields that templates know, and the same as text for people.
import { readableName } from '../../flame/label.ts'
import { directionMarks } from '../../lib/direction-marks.ts'
import { printDurationMs, printShare } from '../../lib/units.ts'
import type { Incident } from '../../model/incident.ts'
import { printTarget, type Target } from '../../model/target.ts'
import { type NoticeValues, noticeFields } from '../../trigger/receiver-template.ts'

export interface NoticeMessage {
  /** Names the message to the receiver: every attempt has the same. */
  readonly id: string
  readonly values: NoticeValues
  readonly isTest: boolean
  /** Whether an earlier attempt arrived is not known. */
  readonly isUnsure: boolean
}

interface MessageOptions {
  readonly id: string
  readonly link: string
  readonly isTest?: boolean
  readonly isUnsure?: boolean
}

/** Functions in a message: enough to know which way to look, and a telephone shows them without scrolling. */
const mostFunctions = 3
/** Of a name: template arguments of C++ go on for pages. */
const mostCharacters = 200

export function messageOf(incident: Incident, options: MessageOptions): NoticeMessage {
  const { link, id, isTest = false, isUnsure = false } = options
  const { target, trigger, node, state, onsetMs, noticedMs, evidenceMs, top, alerts = [] } = incident
  const [first] = top
  const who = oneLine(printTarget(target))
  const what = first && `${printShare(first.selfShare, 1)} in ${nameOf(first.function)}`
  const subject = `${isTest ? 'Test: ' : ''}${who}: ${what ?? oneLine(trigger.reason)}`
  const after = (ms: number | undefined) => (ms === undefined ? undefined : printDurationMs(ms - onsetMs))
  const values = {
    incident: incident.id,
    link,
    subject,
    target: who,
    workload: workloadOf(target),
    namespace: lineOf(target.namespace),
    pod: lineOf(target.pod),
    container: lineOf(target.container),
    node: oneLine(node),
    trigger: trigger.kind,
    rule: oneLine(trigger.rule),
    reason: oneLine(trigger.reason),
    alerts: alerts.length > 0 ? alerts.map(({ name }) => oneLine(name)).join(', ') : undefined,
    state,
    onset: printIso(onsetMs),
    noticed: printIso(noticedMs),
    evidence: evidenceMs === undefined ? undefined : printIso(evidenceMs),
    noticedAfter: after(noticedMs),
    evidenceAfter: after(evidenceMs),
    function: first && nameOf(first.function),
    module: first?.module === undefined ? undefined : oneLine(first.module),
    share: first && printShare(first.selfShare, 1),
    sharePercent: first && Number((first.selfShare * 100).toFixed(1)),
  }
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as NoticeValues
  const text = textOf(incident, given, { isTest, isUnsure })
  return { id, values: { ...given, text }, isTest, isUnsure }
}

export const unsureSentence = 'This may be a repeat: it is not known whether it arrived before.'
export const testSentence = 'This is a test: nothing has happened.'

function textOf(
  incident: Incident,
  values: NoticeValues,
  { isTest, isUnsure }: { isTest: boolean; isUnsure: boolean },
) {
  const { top, state, message, onsetMs } = incident
  const line = (name: string, value: string | number | undefined): string[] =>
    value === undefined || value === '' ? [] : [`${name.padEnd(10)} ${value}`]
  const functions = top
    .slice(0, mostFunctions)
    .map((row) => `${printShare(row.selfShare, 1).padStart(6)}  ${nameOf(row.function)}`)
  return [
    values.subject,
    '',
    ...line('why', values.reason),
    ...line('alerts', values.alerts),
    ...line('workload', values.workload === values.target ? undefined : values.workload),
    ...line('node', values.node),
    ...line('began', `${new Date(onsetMs).toISOString().slice(0, 19).replace('T', ' ')}Z`),
    ...line('noticed', `${values.noticedAfter} after it began`),
    ...line('evidence', values.evidenceAfter && `${values.evidenceAfter} after it began`),
    ...functions.flatMap((text, index) => line(index === 0 ? 'functions' : '', text)),
    ...line('state', state === 'complete' ? undefined : `${state}${message ? `: ${oneLine(message)}` : ''}`),
    ...line('page', values.link),
    ...(isTest ? ['', testSentence] : []),
    ...(isUnsure ? ['', unsureSentence] : []),
  ].join('\n')
}

/** `shop/statefulset/cart`, as the limits name it; the target itself where nothing is known of a workload. */
function workloadOf(target: Target): string {
  const { namespace, workload } = target
  return oneLine(workload ? `${namespace ? `${namespace}/` : ''}${workload}` : printTarget(target))
}

const nameOf = (name: string): string => oneLine(readableName(name))
const printIso = (ms: number): string => new Date(ms).toISOString()

const lineOf = (text: string | undefined): string | undefined => (text === undefined ? undefined : oneLine(text))

const obeyed = new RegExp(`[\\p{Cc}\\s${directionMarks}]+`, 'gu')

/**
 * Command lines and names of functions are whatever somebody made them: no line ends, no control characters, none that
 * turn the direction of writing, no novels.
 */
function oneLine(text: string): string {
  const clean = text.replace(obeyed, ' ').trim()
  return clean.length > mostCharacters ? `${clean.slice(0, mostCharacters - 1)}…` : clean
}

/** Says where it comes from and leads to the list: there is no incident behind it. */
export function testMessage(receiver: string, { link, nowMs }: { link: string; nowMs: number }): NoticeMessage {
  const at = (ms: number): string => printIso(nowMs + ms)
  const values = {
    ...noticeFields,
    incident: 'inc-test',
    link,
    subject: `Test: ${noticeFields.subject}`,
    onset: at(-12_000),
    noticed: at(-11_400),
    evidence: at(0),
  }
  const { target, share, function: name, reason, workload, node } = values
  const text = `Test: ${target}: ${share} in ${name}\n\n${reason}\n${workload} on ${node}\n${link}\n\n${testSentence}`
  return { id: `test.${receiver}.${nowMs}`, values: { ...values, text }, isTest: true, isUnsure: false }
}
