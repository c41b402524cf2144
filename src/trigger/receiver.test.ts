// Receivers and their templates: what is taken, what is refused with which words, and that nothing breaks out of JSON.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { Receiver, secretsOf, whyNoAddress } from './receiver.ts'
import { fillBody, fillText, noticeFields, whyNoTemplate } from './receiver-template.ts'
import { readRules } from './rule.ts'

const slack = { name: 'oncall', type: 'slack', url: { file: '/run/secrets/slack' } }
const mail = { name: 'sre', type: 'email', smtp: { host: 'mail.example' }, from: 'spikecam@example', to: ['a@example'] }
const rulesWith = (receiver: object, more: object = {}) => readRules({ receivers: [receiver], ...more })
const why = (document: unknown): string => {
  try {
    readRules(document)
  } catch (error) {
    return (error as Error).message.replace('the rules: ', '')
  }
  return ''
}

test('rules name receivers, the file has a default, and names that nobody has are errors', () => {
  const rules = rulesWith(slack, {
    to: 'oncall',
    rules: [
      { name: 'a', to: [] },
      { name: 'b', to: 'oncall' },
    ],
  })
  expect([rules.to, ...rules.rules.map(({ to }) => to)]).toEqual([['oncall'], [], ['oncall']])
  expect(why({ receivers: [slack], rules: [{ name: 'a', to: 'oncal' }] })).toBe(
    'rules[0].to: there is no receiver "oncal"; did you mean "oncall"?',
  )
  expect(why({ to: ['pager'] })).toBe('to: there is no receiver "pager"')
  expect(why({ receivers: [slack, slack] })).toBe('receivers[1].name: "oncall" is there twice')
})

test.each([
  [{ ...slack, type: 'slak' }, 'receivers[0].type: expected webhook, slack or email'],
  [{ ...slack, adress: 'x' }, 'receivers[0]: there is no "adress"'],
  [{ ...slack, url: { fil: 'x' } }, 'receivers[0].url: there is no "fil"; did you mean "file"?'],
  [{ ...slack, url: 'file:///etc/passwd' }, 'receivers[0].url: messages go by https or http, not by file:'],
  [{ ...slack, url: 'http://169.254.169.254/latest' }, 'receivers[0].url: 169.254.169.254 is where the credentials'],
  [
    { ...mail, smtp: { host: 'm', user: 'u', password: 'hunter2' } },
    'receivers[0].smtp.password: secrets do not stand',
  ],
  [{ ...mail, smtp: { host: 'm', user: 'u' } }, 'receivers[0].smtp: user and password belong together'],
  [
    { ...mail, smtp: { host: 'm', user: 'u', password: { env: 'P' }, security: 'none' } },
    'receivers[0].smtp: a password is not sent to m in the open',
  ],
  [{ ...mail, to: ['a@example\r\nbcc: b@example'] }, 'receivers[0].to[0]: is no address'],
])('a receiver that makes no sense is refused: %j', (receiver, message) => {
  expect(why({ receivers: [receiver] })).toContain(message)
  expect(why({ receivers: [receiver] })).not.toContain('hunter2')
})

test('addresses that lead to the machine itself are told from those that do not', () => {
  const refused = [
    'http://[fe80::1]/',
    'http://0xa9fea9fe/',
    'http://metadata.google.internal/x',
    'http://metadata.google.internal./x',
    'http://[::ffff:169.254.169.254]/x',
    'http://[64:ff9b::a9fe:a9fe]/x',
    'http://100.100.100.200/x',
    'https://u:p@e.example/',
  ]
  expect(refused.map((url) => whyNoAddress(url) !== undefined)).not.toContain(false)
  expect(['http://127.0.0.1:9000/x', 'https://e.example/?a=b'].map(whyNoAddress)).toEqual([undefined, undefined])
})

test('ports and security follow from each other as mail servers have them', () => {
  const smtp = (change: object) => {
    const receiver = Receiver.parse({ ...mail, smtp: { host: 'm', ...change } })
    return receiver.type === 'email' && [receiver.smtp.port, receiver.smtp.security]
  }
  expect(smtp({})).toEqual([587, 'starttls'])
  expect(smtp({ port: 465 })).toEqual([465, 'tls'])
  expect(smtp({ security: 'none' })).toEqual([25, 'none'])
})

test('secrets are known by where they stand', () => {
  const headers = { authorization: { env: 'TOKEN' }, 'x-source': 'spikecam' }
  const webhook = Receiver.parse({ name: 'e', type: 'webhook', url: 'https://e.example', headers })
  expect(secretsOf(webhook)).toEqual([['headers.authorization', { env: 'TOKEN' }]])
  expect(secretsOf(Receiver.parse(slack))).toEqual([['url', { file: '/run/secrets/slack' }]])
})

test('a document keeps its shape whatever the fields hold', () => {
  const evil = `"}],"x": "\\\n\u2028{{node}}</script>`
  const body = { title: 'in {{function}} on {{ node }}', list: [{ percent: '{{sharePercent}}', pod: '{{pod}}' }], n: 1 }
  const filled = fillBody(body, { function: evil, node: 'n1', sharePercent: 63.4 })
  expect(JSON.parse(JSON.stringify(filled))).toEqual({
    title: `in ${evil} on n1`,
    list: [{ percent: 63.4, pod: null }],
    n: 1,
  })
  expect(fillText('$& {{function}} {{pod}}!', { function: '$1 $&' })).toBe('$& $1 $& !')
})

test('a template with a field that there is not is refused when it is loaded', () => {
  const webhook = { name: 'e', type: 'webhook', url: 'https://e.example' }
  expect(why({ receivers: [{ ...webhook, body: { a: ['{{sahre}}'] } }] })).toBe(
    'receivers[0].body: there is no {{sahre}}; did you mean {{share}}?',
  )
  expect(whyNoTemplate('{{constructor}}')).toContain('there is no {{constructor}}')
  expect(whyNoTemplate(Object.keys(noticeFields).map((name) => `{{${name}}}`))).toBeUndefined()
  const json = { ...webhook, headers: { 'Content-Type': 'application/json' }, body: '{"a": "{{text}}"}' }
  expect(why({ receivers: [json] })).toContain('receivers[0].body: write JSON as a mapping')
})

test('the example of docs/alerts.md is one that works, and it names every field', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/alerts.md'), 'utf8')
  const blocks = [...text.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] as string)
  const rules = readRules(parse(blocks.find((block) => block.includes('type: slack')) ?? ''))
  expect(rules.receivers.map(({ type }) => type)).toEqual(['slack', 'webhook', 'email'])
  expect(rules.rules.map(({ to }) => to)).toEqual([[], ['oncall', 'sre']])
  const fields = /\*\*Fields\*\*:(.*?)A name that is none/s.exec(text)?.[1] ?? ''
  expect([...fields.matchAll(/`(\w+)`/g)].map((match) => match[1]).sort()).toEqual(Object.keys(noticeFields).sort())
})
