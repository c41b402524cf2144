// The WebSockets of the agents: who is there, what they said last, and what they are told.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { type WebSocket, WebSocketServer } from 'ws'
import { AgentMessage, type Answer, protocolNumber, type Question, type ServerMessage } from '../api/messages.ts'
import type { AgentState } from '../api/shapes.ts'
import { printDurationMs } from '../lib/units.ts'
import { Failure, type FailureCode, failures } from '../model/errors.ts'

/** Documents: the largest is a capture with the stderr tails of its probes. Bytes travel as uploads. */
const maxMessageBytes = 4 * 1024 * 1024
/** The agent calls the server gone after 30 s of silence; three pings fit in. */
const pingEveryMs = 10_000
const silenceMs = 30_000
const helloWithinMs = 10_000
/** A node of 500 containers answers within half a second; ten times that is one that has no time. */
const answerWithinMs = 5000
/** Close code of the application range (RFC 6455 §7.4.2) for a connection that a newer one of the same node replaces. */
const replacedCode = 4000

/** Messages that change something and are acknowledged. */
export type DocumentMessage = Extract<AgentMessage, { seq: number }>
export type DocumentAnswer = Extract<ServerMessage, { seq: number }>

export interface AgentHubOptions {
  readonly version: string
  readonly log: Logger
  /** Stores what the message brings; the answer is sent. What it throws is logged, and the agent repeats. */
  onDocument(message: DocumentMessage, node: string): Promise<DocumentAnswer>
  /** Connected, gone, or a new status. */
  onChange(agent: AgentState): void
  /** An agent has been let in: it hears what it is told from now on. */
  onConnect?(node: string): void
}

export interface AgentHub {
  /** Takes over a connection that asked to become a WebSocket and was let in. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Every agent heard of since the start, by node. */
  list(): AgentState[]
  get(node: string): AgentState | undefined
  /** False when no agent of this node is connected. */
  send(node: string, message: ServerMessage): boolean
  /**
   * What the agent of a node says to a question.
   * @throws Failure UNREACHABLE (no such agent, or it went away), TIMEOUT, or what the agent could not do
   */
  ask<Q extends Question>(node: string, question: Q): Promise<AnswerTo<Q>>
  close(): void
}

/** The answer that is about the same as the question. */
export type AnswerTo<Q extends Question> = Extract<Answer, { about: Q['about'] }>

interface Connection {
  readonly socket: WebSocket
  readonly node: string
  /** Questions without an answer yet, by number. */
  readonly asked: Map<number, (answer: Answer | Failure) => void>
}

export function createAgentHub({ version, log, onDocument, onChange, onConnect }: AgentHubOptions): AgentHub {
  const upgrader = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes })
  const connections = new Map<string, Connection>()
  const states = new Map<string, AgentState>()
  let lastRequest = 0
  let isClosed = false

  const update = (node: string, change: Partial<AgentState>): void => {
    const old = states.get(node)
    if (!old) return
    const next = { ...old, ...change, lastSeenMs: change.connected === false ? old.lastSeenMs : Date.now() }
    states.set(node, next)
    onChange(next)
  }
  const say = (socket: WebSocket, message: ServerMessage): void => {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
  }

  const greet = (socket: WebSocket, hello: Extract<AgentMessage, { type: 'hello' }>): Connection | undefined => {
    if (hello.protocol !== protocolNumber) {
      const message = `agent ${hello.version} of node ${hello.node} speaks protocol ${hello.protocol}, server ${version} speaks ${protocolNumber}`
      log.warn(message)
      say(socket, { type: 'refused', code: 'PROTOCOL', message })
      socket.close()
      return undefined
    }
    const { node } = hello
    connections.get(node)?.socket.close(replacedCode, 'a newer connection of this node')
    const connection: Connection = { socket, node, asked: new Map() }
    connections.set(node, connection)
    const { status } = states.get(node) ?? {}
    const state: AgentState = {
      node,
      version: hello.version,
      connected: true,
      startedMs: hello.startedMs,
      lastSeenMs: Date.now(),
      ...(status ? { status } : {}),
    }
    states.set(node, state)
    say(socket, { type: 'welcome', protocol: protocolNumber, version })
    log.info({ node, version: hello.version }, 'agent connected')
    onChange(state)
    onConnect?.(node)
    return connection
  }

  const store = async (connection: Connection, message: DocumentMessage): Promise<void> => {
    try {
      say(connection.socket, await onDocument(message, connection.node))
    } catch (error) {
      log.error({ err: error, node: connection.node, type: message.type }, 'a message of an agent could not be stored')
    }
  }

  const serve = (socket: WebSocket): void => {
    let connection: Connection | undefined
    // Documents are stored in the order they came in: the newest state of an incident must win.
    let last: Promise<void> = Promise.resolve()
    let heardMs = Date.now()
    const helloTimer = setTimeout(() => socket.close(), helloWithinMs)
    const pings = setInterval(() => {
      if (Date.now() - heardMs > silenceMs) socket.terminate()
      else socket.ping()
    }, pingEveryMs)
    socket.on('pong', () => {
      heardMs = Date.now()
    })
    socket.on('message', (data) => {
      heardMs = Date.now()
      const message = readMessage(String(data))
      if ('problem' in message) {
        log.warn({ node: connection?.node }, `a message of an agent cannot be used: ${message.problem}`)
        if (message.seq !== undefined) {
          say(socket, { type: 'rejected', seq: message.seq, code: 'BAD_REQUEST', message: message.problem })
        }
      } else if (message.type === 'hello') {
        clearTimeout(helloTimer)
        connection ??= greet(socket, message)
      } else if (!connection) {
        say(socket, { type: 'refused', code: 'PROTOCOL', message: 'the first message must be hello' })
        socket.close()
      } else if (message.type === 'status') {
        const { type: _, ...status } = message
        update(connection.node, { status })
      } else if (message.type === 'answer') {
        connection.asked.get(message.request)?.(message.answer)
      } else if (message.type === 'no-answer') {
        const code = message.code in failures ? (message.code as FailureCode) : 'INTERNAL'
        connection.asked.get(message.request)?.(new Failure(code, message.message))
      } else {
        const from = connection
        last = last.then(() => store(from, message))
      }
    })
    socket.on('error', (error) => log.debug({ err: error, node: connection?.node }, 'agent connection'))
    socket.on('close', () => {
      clearTimeout(helloTimer)
      clearInterval(pings)
      const gone = new Failure('UNREACHABLE', `the agent of node ${connection?.node} went away just now`)
      for (const answer of [...(connection?.asked.values() ?? [])]) answer(gone)
      if (!connection || connections.get(connection.node) !== connection) return
      connections.delete(connection.node)
      if (!isClosed) log.warn({ node: connection.node }, 'agent disconnected')
      update(connection.node, { connected: false })
    })
  }

  const ask = <Q extends Question>(node: string, question: Q): Promise<AnswerTo<Q>> =>
    new Promise((resolve, reject) => {
      const connection = connections.get(node)
      if (!connection) {
        reject(new Failure('UNREACHABLE', `the agent of node ${node} is not connected`))
        return
      }
      const request = ++lastRequest
      const take = (answer: Answer | Failure): void => {
        clearTimeout(timer)
        connection.asked.delete(request)
        if (answer instanceof Failure) reject(answer)
        else if (answer.about === question.about) resolve(answer as AnswerTo<Q>)
        else reject(new Failure('PROTOCOL', `the agent of node ${node} answered another question`))
      }
      const late = (): void => {
        const waited = printDurationMs(answerWithinMs)
        take(new Failure('TIMEOUT', `the agent of node ${node} did not answer within ${waited}`))
      }
      const timer = setTimeout(late, answerWithinMs)
      connection.asked.set(request, take)
      say(connection.socket, { type: 'ask', request, question })
    })

  return {
    ask,
    accept: (request, socket, head) => {
      if (isClosed) socket.destroy()
      else upgrader.handleUpgrade(request, socket, head, serve)
    },
    list: () => [...states.values()].sort((a, b) => (a.node < b.node ? -1 : 1)),
    get: (node) => states.get(node),
    send: (node, message) => {
      const socket = connections.get(node)?.socket
      if (socket?.readyState !== socket?.OPEN || !socket) return false
      say(socket, message)
      return true
    },
    close: () => {
      isClosed = true
      for (const client of upgrader.clients) client.terminate()
      upgrader.close()
    },
  }
}

type Unusable = { readonly problem: string; readonly seq?: number }

function readMessage(text: string): AgentMessage | Unusable {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return { problem: 'it is not JSON' }
  }
  const parsed = AgentMessage.safeParse(document)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const seq = (document as { seq?: unknown } | null)?.seq
  const problem = `${issue?.path.map(String).join('.') || 'type'}: ${issue?.message}`
  return typeof seq === 'number' ? { problem, seq } : { problem }
}
