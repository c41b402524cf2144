// Receivers: whom to tell once the evidence of an incident is there. As they are written in the rule file, and checked.
//
//   receivers:
//     - { name: oncall, type: slack, url: { file: /run/secrets/slack-url } }
//     - { name: events, type: webhook, url: 'https://events.example/hook', headers: { authorization: { env: EVENTS } } }
//     - name: sre
//       type: email
//       smtp: { host: mail.example, user: spikecam, password: { file: /run/secrets/smtp } }
//       from: spikecam@example.org
//       to: [sre@example.org]
import { z } from 'zod'
import { whyNoTemplate } from './receiver-template.ts'
import { Duration } from './rule-values.ts'

const howSecret = 'secrets do not stand in the rules, which are in repositories: write { file: PATH } or { env: NAME }'
const Secret = z
  .strictObject(
    { file: z.string().min(1).optional(), env: z.string().min(1).optional() },
    { error: ({ code }) => (code === 'invalid_type' ? howSecret : undefined) },
  )
  .refine(({ file, env }) => (file === undefined) !== (env === undefined), howSecret)
export type Secret = z.infer<typeof Secret>

/**
 * Link-local addresses are no receivers, but where clouds answer with the credentials of the machine; so are a few others:
 * Alibaba's 100.100.100.200, and EC2's over IPv6. `a9fe` is 169.254 in an IPv4 address that is written as one of IPv6.
 */
const metadata =
  /^(169\.254(\.\d+){2}|100\.100\.100\.200|\[(::ffff:|64:ff9b::)(a9fe:[0-9a-f]+|6464:64c8)\]|\[fe[89ab][0-9a-f]:.*\]|\[fd00:ec2::254\]|metadata(\.google\.internal)?)\.?$/i

/** Why messages are not sent there; undefined when they are. The address itself may be a secret and is not repeated. */
export function whyNoAddress(text: string): string | undefined {
  if (!URL.canParse(text)) return 'that is no address: expected for example https://events.example/hook'
  const { protocol, username, password, hostname } = new URL(text)
  if (protocol !== 'https:' && protocol !== 'http:') return `messages go by https or http, not by ${protocol}`
  if (username || password)
    return 'user and password do not belong into the address: write headers: { authorization: … }'
  if (metadata.test(hostname)) return `${hostname} is where the credentials of a machine are, and no receiver`
  return undefined
}

const Address = z.string().superRefine((text, context) => {
  const message = whyNoAddress(text)
  if (message) context.addIssue({ code: 'custom', message })
})
/** Whoever knows the address of a Slack webhook may write there, so it may be a secret as a whole. */
const Url = z.union([Address, Secret])

const name = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'has to be of small letters, digits and dashes')

/** RFC 9110 section 5: tokens and visible characters; a line end would begin another header. */
const HeaderName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is no name of a header')
const HeaderText = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'has characters that no header can have')

const Template = z.json().superRefine((body, context) => {
  const message = whyNoTemplate(body)
  if (message) context.addIssue({ code: 'custom', message })
})

/** What every receiver has. */
const common = {
  name,
  /** Of one workload it gets at most one message in this time: what burns again and again is one story. */
  every: Duration.default(600_000),
}

const Webhook = z
  .strictObject({
    ...common,
    type: z.literal('webhook'),
    url: Url,
    method: z.enum(['POST', 'PUT']).default('POST'),
    headers: z.record(HeaderName, z.union([HeaderText, Secret])).default({}),
    /** A document is sent as JSON, a text as it is; without it all fields as JSON. */
    body: Template.optional(),
  })
  .superRefine(({ body, headers }, context) => {
    const type = Object.entries(headers).find(([key]) => key.toLowerCase() === 'content-type')?.[1]
    if (typeof body !== 'string' || typeof type !== 'string' || !/json/i.test(type)) return
    const message = 'write JSON as a mapping (title: …), not as text: then quotes in a field cannot break it'
    context.addIssue({ code: 'custom', path: ['body'], message })
  })

const Slack = z.strictObject({ ...common, type: z.literal('slack'), url: Url })

/** One address as it stands in a header; lists are lists in the file. */
const MailAddress = z
  .string()
  .regex(/^([^<>\r\n,;]*<[^\s<>@,;]+@[^\s<>@,;]+>|[^\s<>@,;]+@[^\s<>@,;]+)$/, 'is no address such as sre@example.org')

const SmtpKeys = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(1).max(65_535).optional(),
  /** `starttls`: begins in the open and must change to TLS; `tls`: from the first byte; `none`: all in the open. */
  security: z.enum(['starttls', 'tls', 'none']).optional(),
  user: z.string().min(1).optional(),
  password: Secret.optional(),
})
const Smtp = SmtpKeys.transform(({ port, security, ...rest }) => ({
  ...rest,
  // 465 is TLS from the first byte, 587 is for submission (RFC 8314 section 3).
  port: port ?? (security === 'tls' ? 465 : security === 'none' ? 25 : 587),
  security: security ?? (port === 465 ? ('tls' as const) : ('starttls' as const)),
})).superRefine(({ host, security, user, password }, context) => {
  const problem = (message: string): void => context.addIssue({ code: 'custom', message })
  if ((user === undefined) !== (password === undefined)) {
    problem('user and password belong together: write password: { file: … } or { env: … }')
  }
  if (user !== undefined && security === 'none' && !/^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host)) {
    problem(`a password is not sent to ${host} in the open: write security: starttls`)
  }
})

const Email = z.strictObject({
  ...common,
  type: z.literal('email'),
  smtp: Smtp,
  from: MailAddress,
  to: z.array(MailAddress).min(1).max(50),
})

export const Receiver = z.discriminatedUnion('type', [Webhook, Slack, Email], {
  error: (issue) => (issue.code === 'invalid_union' ? 'expected webhook, slack or email' : undefined),
})
export type Receiver = z.infer<typeof Receiver>
export type WebhookReceiver = z.infer<typeof Webhook>
export type SlackReceiver = z.infer<typeof Slack>
export type EmailReceiver = z.infer<typeof Email>

/** Names, as rules have them in `to`. */
export const ReceiverNames = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (Array.isArray(value) ? value : [value]))

/** Keys that some kind of receiver may have, to guess what was meant. */
export const receiverKeys = [Webhook, Slack, Email, SmtpKeys]
  .flatMap((schema) => Object.keys(schema.shape))
  .concat('file', 'env')

/** Every secret that a receiver needs, with the key that it stands under. */
export function secretsOf(receiver: Receiver): [key: string, secret: Secret][] {
  const isSecret = (value: unknown): value is Secret => typeof value === 'object' && value !== null
  const values: [string, unknown][] =
    receiver.type === 'email'
      ? [['smtp.password', receiver.smtp.password]]
      : [
          ['url', receiver.url],
          ...(receiver.type === 'webhook'
            ? Object.entries(receiver.headers).map(([key, value]): [string, unknown] => [`headers.${key}`, value])
            : []),
        ]
  return values.filter((pair): pair is [string, Secret] => isSecret(pair[1]))
}
