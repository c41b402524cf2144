// One message to one receiver, whatever its kind.
import type { Receiver } from '../../trigger/receiver.ts'
import type { Delivery } from './delivery.ts'
import { sendMail } from './mail.ts'
import type { NoticeMessage } from './message.ts'
import { postSlack, postWebhook, type SendOptions } from './post.ts'

/** @throws Failure BAD_CONFIG when a secret is not where it should be */
export function sendMessage(receiver: Receiver, message: NoticeMessage, options: SendOptions): Promise<Delivery> {
  switch (receiver.type) {
    case 'webhook':
      return postWebhook(receiver, message, options)
    case 'slack':
      return postSlack(receiver, message, options)
    case 'email':
      return sendMail(receiver, message, options)
  }
}

/** Where messages go, as far as anybody may know: Slack has its secret in the path. */
export function placeOf(receiver: Receiver): string {
  if (receiver.type === 'email') {
    const { host, port, security } = receiver.smtp
    return `${security === 'tls' ? 'smtps' : 'smtp'}://${host}:${port} to ${receiver.to.join(', ')}`
  }
  const { url } = receiver
  if (typeof url === 'string') return new URL(url).origin
  return url.env === undefined ? `address in ${url.file}` : `address in the variable ${url.env}`
}
