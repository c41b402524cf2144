// An agent played by a test: a real WebSocket client that speaks the contract, one message at a time.
import WebSocket from 'ws'
import {
  type AgentMessage,
  type AgentStatus,
  type Answer,
  protocolNumber,
  type Question,
  type ServerMessage,
} from '../src/api/messages.ts'

type Hello = Extract<AgentMessage, { type: 'hello' }>
type Draft =
  Extract<AgentMessage, { seq: number }> extends infer M ? (M extends unknown ? Omit<M, 'seq'> : never) : never

export const someStatus: AgentStatus = {
  nowMs: 0,
  recording: true,
  event: 'cpu-clock',
  ringHz: 49,
  ringSeconds: 300,
  ringBytes: 1e6,
  targets: 3,
  samples: 1000,
  lostSamples: 0,
  cpuSeconds: 1,
  rssBytes: 1e8,
  spooled: 0,
}

export class PlayedAgent {
  readonly received: ServerMessage[] = []
  readonly socket: WebSocket
  /** Resolves with the close code. */
  readonly closed: Promise<number>
  #seq = 0
  #waiting: (() => void)[] = []

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data) => {
      this.received.push(JSON.parse(String(data)))
      for (const wake of this.#waiting.splice(0)) wake()
    })
    this.closed = new Promise((resolve) => {
      socket.on('close', (code) => {
        for (const wake of this.#waiting.splice(0)) wake()
        resolve(code)
      })
    })
  }

  /** Resolves once the server has answered its hello: what is asked of the server from now on finds this agent. */
  static async connect(
    serverUrl: string,
    { token, headers = {}, ...hello }: Partial<Hello> & { token?: string; headers?: Record<string, string> } = {},
  ): Promise<PlayedAgent> {
    const url = `${serverUrl.replace('http', 'ws')}/api/v1/agent/socket`
    const authorization = token ? { authorization: `Bearer ${token}` } : {}
    const socket = new WebSocket(url, { headers: { ...authorization, ...headers } })
    const agent = new PlayedAgent(socket)
    await new Promise((resolve, reject) => {
      socket.on('open', resolve)
      socket.on('error', reject)
    })
    agent.say({ type: 'hello', protocol: protocolNumber, node: 'node-1', version: '0.0.0', startedMs: 1, ...hello })
    await agent.next(({ type }) => type === 'welcome' || type === 'refused')
    return agent
  }

  say(message: AgentMessage | Record<string, unknown>): void {
    this.socket.send(JSON.stringify(message))
  }

  /** Sends a document and resolves with what the server answers to it. */
  async deliver(draft: Draft): Promise<ServerMessage> {
    const seq = ++this.#seq
    this.say({ ...draft, seq } as AgentMessage)
    return this.next((message) => 'seq' in message && message.seq === seq)
  }

  /** The first message that is wanted, also one received already. */
  async next(isWanted: (message: ServerMessage) => boolean): Promise<ServerMessage> {
    for (;;) {
      const found = this.received.find(isWanted)
      if (found) return found
      if (this.socket.readyState !== WebSocket.OPEN) throw new Error(`closed; got ${JSON.stringify(this.received)}`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  nextOf<T extends ServerMessage['type']>(type: T): Promise<Extract<ServerMessage, { type: T }>> {
    return this.next((message) => message.type === type) as Promise<Extract<ServerMessage, { type: T }>>
  }

  /** Answers what the server asks from now on, and what it has asked already. */
  answerWith(answer: (question: Question) => Answer): void {
    const reply = (message: ServerMessage): void => {
      if (message.type !== 'ask') return
      this.say({ type: 'answer', request: message.request, answer: answer(message.question) })
    }
    for (const message of this.received) reply(message)
    this.socket.on('message', (data) => reply(JSON.parse(String(data))))
  }

  async close(): Promise<void> {
    this.socket.close()
    await this.closed
  }
}
