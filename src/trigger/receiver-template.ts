// Messages in a receiver's own words: named fields in double braces, filled into texts and into the texts of a document.
//
//   body:
//     title: '{{workload}}: {{share}} in {{function}}'
//     percent: '{{sharePercent}}'          a field alone keeps its type: 63.4
//
// A field is never read as anything but text: there are no expressions, and what is filled in is not filled again.
// A document becomes JSON afterwards, so quotes and line ends in a field cannot break out of it.
import { nearest } from '../lib/nearest.ts'

/** What a message can say, each with an example that shows its form. */
export const noticeFields = {
  incident: 'inc-01kb1x0w3v6s2k9q4t8a',
  link: 'https://spikecam.example/incidents/inc-01kb1x0w3v6s2k9q4t8a',
  subject: 'shop/cart-0/app: 63.4 % in evilRegex coupon.js:12',
  text: 'everything below in some lines',
  target: 'shop/cart-0/app',
  workload: 'shop/statefulset/cart',
  namespace: 'shop',
  pod: 'cart-0',
  container: 'app',
  node: 'node-1',
  trigger: 'alert',
  rule: 'shop-cpu',
  reason: 'alert CpuHigh: cart-0 is busy',
  alerts: 'CpuHigh',
  state: 'complete',
  onset: '2026-11-21T03:14:05.000Z',
  noticed: '2026-11-21T03:14:05.600Z',
  evidence: '2026-11-21T03:14:17.000Z',
  noticedAfter: '600 ms',
  evidenceAfter: '12 s',
  function: 'evilRegex coupon.js:12',
  module: 'coupon.js',
  share: '63.4 %',
  sharePercent: 63.4,
} as const satisfies Record<string, string | number>

export type NoticeField = keyof typeof noticeFields
/** Fields that do not apply, such as the pod of a program outside of pods, are absent. */
export type NoticeValues = Readonly<Partial<Record<NoticeField, string | number>>>

const placeholder = /\{\{([^{}]*)\}\}/g
const alone = /^\{\{([^{}]*)\}\}$/
const isField = (name: string): name is NoticeField => Object.hasOwn(noticeFields, name)

/** What is wrong with a template, for people; undefined when nothing is. */
export function whyNoTemplate(body: unknown): string | undefined {
  if (typeof body === 'string') {
    for (const [, inner = ''] of body.matchAll(placeholder)) {
      const name = inner.trim()
      if (isField(name)) continue
      const near = nearest(name, Object.keys(noticeFields))
      const known = Object.keys(noticeFields).join(', ')
      return `there is no {{${name}}}${near ? `; did you mean {{${near}}}?` : `; there is: ${known}`}`
    }
    return undefined
  }
  if (typeof body !== 'object' || body === null) return undefined
  for (const inner of Object.values(body)) {
    const why = whyNoTemplate(inner)
    if (why) return why
  }
  return undefined
}

/** Absent fields leave nothing behind. */
export function fillText(template: string, values: NoticeValues): string {
  return template.replace(placeholder, (_, inner: string) => String(values[inner.trim() as NoticeField] ?? ''))
}

/** A document with its texts filled in; a text that is one field alone becomes its value, `null` where that is absent. */
export function fillBody(body: unknown, values: NoticeValues): unknown {
  if (typeof body === 'string') {
    const name = alone.exec(body)?.[1]
    return name === undefined ? fillText(body, values) : (values[name.trim() as NoticeField] ?? null)
  }
  if (Array.isArray(body)) return body.map((inner) => fillBody(inner, values))
  if (typeof body !== 'object' || body === null) return body
  return Object.fromEntries(Object.entries(body).map(([key, inner]) => [key, fillBody(inner, values)]))
}
