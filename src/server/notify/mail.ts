// Messages by e-mail, over SMTP.
import type { SendMailOptions } from 'nodemailer'
import type { EmailReceiver } from '../../trigger/receiver.ts'
import { type Delivery, deliverWithinMs, mostAnswer } from './delivery.ts'
import type { NoticeMessage } from './message.ts'
import type { SendOptions } from './post.ts'
import { readSecret, withoutSecrets } from './secrets.ts'

/** The timeouts below start anew with every line: a server that says one now and then would hold us for ever. */
const mailWithinMs = 4 * deliverWithinMs

/** @throws Failure BAD_CONFIG when the password is not where it should be */
export async function sendMail(
  { smtp, from, to }: EmailReceiver,
  message: NoticeMessage,
  { environment, signal }: SendOptions,
): Promise<Delivery> {
  const { host, port, security, user, password } = smtp
  const pass = password && (await readSecret(password, environment))
  // Loaded only here: an agent is the same program and sends none.
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(user && pass ? { auth: { user, pass } } : {}),
    connectionTimeout: deliverWithinMs,
    greetingTimeout: deliverWithinMs,
    socketTimeout: deliverWithinMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const ends = AbortSignal.any([AbortSignal.timeout(mailWithinMs), ...(signal ? [signal] : [])])
  try {
    const letter: Mail = {
      from,
      to,
      subject: String(message.values.subject),
      text: String(message.values.text),
      // The same for every attempt: mail servers and readers show a message once.
      messageId: `<${message.id}@${domainOf(from)}>`,
      // No answers of absent people, please (RFC 3834 section 5).
      headers: { 'Auto-Submitted': 'auto-generated' },
      signal: ends,
    }
    const { response, rejected } = await transport.sendMail(letter)
    const not = rejected.length > 0 ? `; not to ${rejected.join(', ')}` : ''
    return { isDelivered: true, answer: shorten(response + not) }
  } catch (error) {
    return failed(error as SmtpError, pass ? [pass, Buffer.from(pass).toString('base64')] : [])
  } finally {
    transport.close()
  }
}

/** @types/nodemailer does not know the signal of nodemailer 10 yet. */
type Mail = SendMailOptions & { readonly signal: AbortSignal }

interface SmtpError extends Error {
  readonly code?: string
  readonly responseCode?: number
}

/** What ends a connection before there was one. Any other end without a reply may have come after the message went. */
const neverBegun = /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|Connection timeout|Greeting never received|certificate/
const neverSent = new Set(['EDNS', 'ETLS', 'EAUTH', 'EENVELOPE'])

/** Replies of 500 and above are for good (RFC 5321 section 4.2.1). */
function failed({ code = '', responseCode, message }: SmtpError, secrets: readonly string[]): Delivery {
  return {
    isDelivered: false,
    why: shorten(withoutSecrets(message, secrets)),
    isFinal: responseCode !== undefined && responseCode >= 500,
    isUnsure: responseCode === undefined && !neverSent.has(code) && !neverBegun.test(message),
  }
}

/** Not the name of the machine: in a cluster it is another one after every restart. */
const domainOf = (address: string): string => /@([^\s>]+)/.exec(address)?.[1] ?? 'spikecam.invalid'

const shorten = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, mostAnswer)
