// E-mail over SMTP against the stand-in of test/receivers.ts: what arrives, and what a refusal means.
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { expect, test } from 'vitest'
import { makeAuthority, makeLeaf } from '../../../test/certificates.ts'
import { makeIncident } from '../../../test/nouns.ts'
import { startSmtpStandIn } from '../../../test/receivers.ts'
import { type EmailReceiver, Receiver } from '../../trigger/receiver.ts'
import { sendMail } from './mail.ts'
import { messageOf } from './message.ts'

const incident = makeIncident({
  id: 'inc-1',
  state: 'complete',
  top: [{ function: `std::map<int, "x">::find\r\nBcc: everybody@example`, selfShare: 0.634, totalShare: 1 }],
})
const message = messageOf(incident, {
  id: 'inc-1.sre',
  link: 'https://spikecam.example/incidents/inc-1',
  isUnsure: true,
})
const options = { environment: { SMTP: 'sesame-open' }, version: '0.0.0' }
const receiverAt = (port: number, smtp: object = {}) =>
  Receiver.parse({
    name: 'sre',
    type: 'email',
    smtp: { host: '127.0.0.1', port, security: 'none', ...smtp },
    from: 'Spikecam <spikecam@example.org>',
    to: ['ada@example.org', 'bob@example.org'],
  }) as EmailReceiver

/** `=?UTF-8?Q?cart_=28pid?= =?UTF-8?Q?_4242?=` -> `cart (pid 4242` */
const decodeWords = (head: string): string =>
  head
    .replace(/\?=\s+=\?UTF-8\?Q\?/g, '')
    .replace(/=\?UTF-8\?Q\?(.*?)\?=/g, (_, word: string) =>
      word
        .replaceAll('_', ' ')
        .replace(/=([0-9A-F]{2})/g, (__, hex: string) => String.fromCharCode(Number(`0x${hex}`))),
    )

test('the message arrives once with its own id, and nothing in a name becomes a header', async () => {
  await using server = await startSmtpStandIn()
  const receiver = receiverAt(server.port, { user: 'spikecam', password: { env: 'SMTP' } })
  expect(await sendMail(receiver, message, options)).toEqual({ isDelivered: true, answer: '250 taken as 1' })
  const [mail, ...others] = server.mails
  expect(others).toEqual([])
  expect(mail).toMatchObject({
    login: 'spikecam:sesame-open',
    from: expect.stringContaining('<spikecam@example.org>'),
    to: ['<ada@example.org>', '<bob@example.org>'],
  })
  const [head = '', text = ''] = mail!.text.split('\n\n', 2)
  const names = head.split('\n').flatMap((line) => /^([A-Za-z-]+):/.exec(line)?.[1] ?? [])
  expect(names).toEqual(expect.arrayContaining(['From', 'To', 'Subject', 'Message-ID', 'Date', 'Auto-Submitted']))
  expect(names.map((name) => name.toLowerCase())).not.toContain('bcc')
  expect(head).toMatch(/^Message-ID: <inc-1\.sre@example\.org>$/m)
  // The line end in the name is a blank, and the colons of C++ made it an encoded word (RFC 2047).
  expect(decodeWords(head)).toContain(`Subject: cart (pid 4242): 63.4 % in std::map<int, "x">::find Bcc: everybody`)
  expect(mail!.text).toContain('page       https://spikecam.example/incidents/inc-1')
  expect(mail!.text).toContain('This may be a repeat')
  expect(text).toContain('cart (pid 4242): 63.4 % in')
})

test.each([
  ['an address that there is not', { 'RCPT TO': '550 no such user' }, { isFinal: true, isUnsure: false }],
  ['a full mailbox', { 'RCPT TO': '452 later' }, { isFinal: false, isUnsure: false }],
  ['a wrong password', { AUTH: '535 not you, sesame-open' }, { isFinal: true, isUnsure: false }],
  ['content that it does not like', { '.': '554 spam' }, { isFinal: true, isUnsure: false }],
])('%s', async (_, replies, expected) => {
  await using server = await startSmtpStandIn({ replies })
  const receiver = receiverAt(server.port, { user: 'spikecam', password: { env: 'SMTP' } })
  const delivery = await sendMail(receiver, message, options)
  expect(delivery).toMatchObject({ isDelivered: false, ...expected })
  const reply = Object.values(replies)[0]!.replace('sesame-open', '***')
  expect(delivery.isDelivered ? '' : delivery.why).toContain(reply)
})

test('without TLS on the other side nothing is said unless the rules allow it', async () => {
  await using server = await startSmtpStandIn({ replies: { STARTTLS: '502 not here' } })
  const delivery = await sendMail(receiverAt(server.port, { security: 'starttls' }), message, options)
  expect(delivery).toMatchObject({ isDelivered: false, isUnsure: false })
  expect(server.mails).toEqual([])
})

test('over TLS the other side has to be who it says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spikecam-mail-'))
  makeAuthority(folder, 'authority')
  makeLeaf(folder, 'mail', { authority: 'authority', names: 'IP:127.0.0.1', usage: 'serverAuth' })
  const read = (name: string) => readFileSync(join(folder, name))
  await using server = await startSmtpStandIn({ tls: { key: read('mail.key'), cert: read('mail.crt') } })
  const receiver = receiverAt(server.port, { security: 'starttls', user: 'spikecam', password: { env: 'SMTP' } })
  expect(await sendMail(receiver, message, options)).toMatchObject({
    isDelivered: false,
    isUnsure: false,
    why: expect.stringContaining('certificate'),
  })
  expect(server.mails).toEqual([])
  // As NODE_EXTRA_CA_CERTS does when the process begins.
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, read('authority.crt').toString()])
  expect(await sendMail(receiver, message, options)).toMatchObject({ isDelivered: true })
  setDefaultCACertificates(before)
  expect(server.mails).toMatchObject([{ isSecure: true, login: 'spikecam:sesame-open' }])
  rmSync(folder, { recursive: true })
})

test('a server that keeps talking and never begins is left when the program ends', async () => {
  const endless = createServer((socket) => {
    const talk = setInterval(() => socket.write('220-one moment\r\n'), 10)
    socket.on('close', () => clearInterval(talk)).on('error', () => undefined)
  })
  endless.listen(0, '127.0.0.1')
  await once(endless, 'listening')
  const ending = new AbortController()
  const { port } = endless.address() as AddressInfo
  const sending = sendMail(receiverAt(port), message, { ...options, signal: ending.signal })
  const [socket] = (await once(endless, 'connection')) as [Socket]
  const isGone = once(socket, 'close')
  ending.abort()
  expect(await sending).toMatchObject({ isDelivered: false, isFinal: false })
  await isGone
  endless.close()
})

test('nobody there is certain, a cut after the message is not', async () => {
  const gone = await startSmtpStandIn()
  await gone[Symbol.asyncDispose]()
  expect(await sendMail(receiverAt(gone.port), message, options)).toMatchObject({
    isDelivered: false,
    isFinal: false,
    isUnsure: false,
    why: expect.stringContaining('ECONNREFUSED'),
  })
  await using server = await startSmtpStandIn({ replies: { '.': 'cut' } })
  expect(await sendMail(receiverAt(server.port), message, options)).toMatchObject({ isFinal: false, isUnsure: true })
  expect(server.mails).toHaveLength(1)
})
