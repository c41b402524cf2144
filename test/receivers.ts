// Receivers of notifications for tests: a real HTTP server, and a stand-in for a mail server that speaks the part of
// SMTP (RFC 5321) that a client needs to hand over a message. No mail server is among the tools of this project.
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

export interface Posted {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What to answer; `undefined` leaves the request without an answer. */
export type Script = (
  posted: Posted,
  index: number,
) => { status: number; headers?: Record<string, string>; body?: string } | undefined

export interface HttpReceiver {
  readonly url: string
  readonly posted: Posted[]
  [Symbol.asyncDispose](): Promise<void>
}

/** @param port of an earlier one, which comes back */
export async function startHttpReceiver(
  script: Script = () => ({ status: 200, body: 'ok' }),
  port = 0,
): Promise<HttpReceiver> {
  const posted: Posted[] = []
  const server: Server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const answer = script({ method, path, headers, body }, posted.length)
      posted.push({ method, path, headers, body })
      if (answer) response.writeHead(answer.status, answer.headers ?? {}).end(answer.body ?? '')
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posted,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export interface Mail {
  /** `from` and `to` of the envelope, as the commands had them. */
  readonly from: string
  readonly to: string[]
  /** User and password, where the client showed them. */
  readonly login: string | undefined
  /** It came over TLS. */
  readonly isSecure: boolean
  /** Header and body, lines ended by \n. */
  readonly text: string
}

export interface SmtpReceiver {
  readonly port: number
  readonly mails: Mail[]
  [Symbol.asyncDispose](): Promise<void>
}

export interface SmtpOptions {
  /** To commands by their beginning, where they differ from those of a server that takes everything; to `.`, the end of
   * a message, it may be `cut`. */
  readonly replies?: Record<string, string>
  /** With these it can STARTTLS. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer }
}

export async function startSmtpStandIn({ replies = {}, tls }: SmtpOptions = {}): Promise<SmtpReceiver> {
  const mails: Mail[] = []
  const sockets = new Set<Socket>()
  const serve = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    const isSecure = socket instanceof TLSSocket
    const say = (line: string) => socket.write(`${line}\r\n`)
    let envelope = { from: '', to: [] as string[], login: undefined as string | undefined }
    let text: string[] | undefined
    let rest = ''
    if (!isSecure) say('220 stand-in ESMTP')
    const onData = (chunk: Buffer): void => {
      rest += chunk.toString()
      for (let at = rest.indexOf('\r\n'); at >= 0; at = rest.indexOf('\r\n')) {
        const line = rest.slice(0, at)
        rest = rest.slice(at + 2)
        if (text) take(line)
        else obey(line)
      }
    }
    socket.on('data', onData)
    const take = (line: string): void => {
      if (line !== '.') {
        text?.push(line.replace(/^\./, ''))
        return
      }
      mails.push({ ...envelope, isSecure, text: (text ?? []).join('\n') })
      text = undefined
      if (replies['.'] === 'cut') socket.destroy()
      else say(replies['.'] ?? '250 taken as 1')
    }
    const obey = (line: string): void => {
      const special = Object.keys(replies).find((beginning) => line.startsWith(beginning))
      if (special) say(replies[special] as string)
      else if (/^EHLO/i.test(line)) {
        socket.write(`250-stand-in\r\n${tls && !isSecure ? '250-STARTTLS\r\n' : ''}250 AUTH PLAIN\r\n`)
      } else if (/^STARTTLS/i.test(line) && tls) {
        socket.off('data', onData)
        socket.write('220 go on\r\n', () => serve(new TLSSocket(socket, { isServer: true, ...tls })))
      } else if (/^AUTH PLAIN /i.test(line)) {
        envelope.login = Buffer.from(line.slice(11), 'base64').toString().split('\0').filter(Boolean).join(':')
        say('235 welcome')
      } else if (/^MAIL FROM:/i.test(line)) {
        envelope = { ...envelope, from: line.slice(10), to: [] }
        say('250 ok')
      } else if (/^RCPT TO:/i.test(line)) {
        envelope.to.push(line.slice(8))
        say('250 ok')
      } else if (/^DATA/i.test(line)) {
        text = []
        say('354 go on')
      } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n')
      else say('250 ok')
    }
  }
  const server = createTcpServer(serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
