// Messages by HTTP: webhooks with a body of the operator's own, and those that Slack and its likes take.
import type { SlackReceiver, WebhookReceiver } from '../../trigger/receiver.ts'
import { fillBody } from '../../trigger/receiver-template.ts'
import { type Delivery, deliverWithinMs, mostAnswer } from './delivery.ts'
import { type NoticeMessage, testSentence, unsureSentence } from './message.ts'
import { type Environment, readAddress, readValue, withoutSecrets } from './secrets.ts'

export interface SendOptions {
  readonly environment: Environment
  readonly version: string
  readonly signal?: AbortSignal
}

/** @throws Failure BAD_CONFIG when a secret is not where it should be */
export async function postWebhook(
  { url, method, headers, body }: WebhookReceiver,
  message: NoticeMessage,
  options: SendOptions,
): Promise<Delivery> {
  const address = await readAddress(url, options.environment)
  const own: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) own[name] = await readValue(value, options.environment)
  const filled = body === undefined ? wholeMessage(message) : fillBody(body, message.values)
  const isText = typeof filled === 'string'
  const secrets = Object.entries(headers).flatMap(([name, value]) =>
    typeof value !== 'string' || /auth|token|key|secret/i.test(name) ? [own[name]!] : [],
  )
  return post(
    {
      address,
      method,
      headers: { 'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json', ...lower(own) },
      body: isText ? filled : JSON.stringify(filled),
      id: message.id,
      secrets: [...secrets, ...(typeof url === 'string' ? [] : secretsIn(address))],
    },
    options,
  )
}

/** @throws Failure BAD_CONFIG when the address is not where it should be */
export async function postSlack(
  { url }: SlackReceiver,
  message: NoticeMessage,
  options: SendOptions,
): Promise<Delivery> {
  const address = await readAddress(url, options.environment)
  return post(
    {
      address,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: slackText(message) }),
      id: message.id,
      secrets: secretsIn(address),
    },
    options,
  )
}

/** `https://hooks.example/T0/B1/xyz?key=abc`: receivers repeat of an address what comes after its host. */
function secretsIn(address: string): string[] {
  const { pathname, search } = new URL(address)
  return [address, pathname + search, pathname, search.slice(1)]
}

/** Every field, and what people would be told. */
function wholeMessage({ id, values, isTest, isUnsure }: NoticeMessage): object {
  return { id, ...values, ...(isTest ? { test: true } : {}), ...(isUnsure ? { mayBeRepeat: true } : {}) }
}

/**
 * `*who*: *63.4 %* in `evilRegex``: the marks that Slack, Mattermost and Rocket.Chat share, as plain text because
 * blocks are Slack's alone.
 */
function slackText({ values, isTest, isUnsure }: NoticeMessage): string {
  const { target, share, function: name, reason, workload, node, noticedAfter, evidenceAfter, onset, link } = values
  const what = name === undefined ? '' : `: *${slackEscape(share)}* in \`${slackEscape(name).replaceAll('`', "'")}\``
  const began = String(onset).slice(11, 19)
  return [
    `${isTest ? 'Test: ' : ''}*${slackEscape(target)}*${what}`,
    slackEscape(reason),
    `${slackEscape(workload)} on ${slackEscape(node)}, began ${began}Z, noticed after ${noticedAfter}` +
      (evidenceAfter === undefined ? '' : `, evidence after ${evidenceAfter}`),
    `<${slackEscape(link)}|Open the incident>`,
    ...(isTest ? [testSentence] : []),
    ...(isUnsure ? [unsureSentence] : []),
  ].join('\n')
}

/** The three characters that Slack reads as marks: `<!channel>` in the name of a pod must not ring everybody. */
const slackEscape = (text: string | number | undefined): string =>
  String(text ?? '')
    .replace(/[&<>]/g, (char) => (char === '&' ? '&amp;' : char === '<' ? '&lt;' : '&gt;'))
    // Mattermost and Rocket.Chat ring everybody for the bare word; an invisible space in it makes it a word like others.
    .replace(/@(?=(?:all|channel|everyone|here)\b)/gi, '@\u200b')

const lower = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

interface Post {
  readonly address: string
  readonly method: string
  readonly headers: Record<string, string>
  readonly body: string
  readonly id: string
  readonly secrets: readonly string[]
}

/** Too early, too many, or not now; everything else between 300 and 500 is about the message or the address. */
const passing = new Set([408, 425, 429])
/** Said by what stands before the receiver, which may have taken it (RFC 9110 sections 15.6.3 and 15.6.5). */
const ofGateways = new Set([502, 504])

async function post({ address, method, headers, body, id, secrets }: Post, options: SendOptions): Promise<Delivery> {
  const { version, signal } = options
  const ends = [AbortSignal.timeout(deliverWithinMs), ...(signal ? [signal] : [])]
  const say = (text: string): string => withoutSecrets(text, secrets)
  let response: Response
  try {
    response = await fetch(address, {
      method,
      // A receiver that looks at the key takes a message once, however often it comes.
      headers: { 'user-agent': `spikecam/${version}`, 'idempotency-key': id, ...headers },
      body,
      // An address that the operator wrote must not become another one that a receiver chose.
      redirect: 'manual',
      signal: AbortSignal.any(ends),
    })
  } catch (error) {
    const { why, isUnsure } = brokenOff(error)
    return { isDelivered: false, why: say(why), isFinal: false, isUnsure }
  }
  const { status, ok } = response
  const said = await beginning(response)
  const answer = say(`${status}${said ? `: ${said}` : ''}`)
  if (ok) return { isDelivered: true, answer }
  if (status >= 300 && status < 400) {
    const why = `it answered ${status}: redirects are not followed, write the address that it redirects to`
    return { isDelivered: false, why, isFinal: true, isUnsure: false }
  }
  const retryAfterMs = readRetryAfter(response.headers.get('retry-after'))
  return {
    isDelivered: false,
    why: `it answered ${answer}`,
    isFinal: status < 500 && !passing.has(status),
    isUnsure: ofGateways.has(status),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

/** `fetch failed` says nothing; the reason is in the cause: `connect ECONNREFUSED 127.0.0.1:9`. */
function brokenOff(error: unknown): { why: string; isUnsure: boolean } {
  const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException }
  if (name === 'TimeoutError') return { why: `no answer within ${deliverWithinMs / 1000} s`, isUnsure: true }
  if (name === 'AbortError') return { why: 'the server was ended', isUnsure: true }
  const code = cause?.code ?? ''
  const said = cause?.message || code || message
  return {
    why: said === 'bad port' ? 'no HTTP client sends to this port (Fetch standard, "bad port")' : said,
    isUnsure: ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT'].includes(code),
  }
}

async function beginning(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  if (!reader) return ''
  const decoder = new TextDecoder()
  let text = ''
  try {
    while (text.length < mostAnswer) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
    }
    await reader.cancel()
  } catch {
    // Cut in the midst of its answer: the status has come, and that is what counts.
  }
  return text.replace(/\s+/g, ' ').trim().slice(0, mostAnswer)
}

/** Seconds, or a date (RFC 9110 section 10.2.3). */
function readRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}
