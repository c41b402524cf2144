// Nodes for bench/alert-storm.ts: agents that speak the contract and carry out every order once, as the real one does,
// but record nothing. They keep what the server has not acknowledged, and connect again when it was killed.
import WebSocket from 'ws'
import {
  type AgentMessage,
  type Answer,
  protocolNumber,
  type Question,
  type ServerMessage,
} from '../src/api/messages.ts'
import { type Capture, captureVersion } from '../src/model/capture.ts'
import type { Target } from '../src/model/target.ts'

type Order = Extract<ServerMessage, { type: 'start-capture' }>

export interface StormNodes {
  /** How often each capture was carried out: more than once is what must not be. */
  readonly runs: ReadonlyMap<string, number>
  /** Orders that came again and were left alone. */
  readonly toldAgain: () => number
  /** The most that ran on one node at once. */
  readonly mostAtOnce: () => number
  close(): void
}

/** How long a capture takes here. */
const captureMs = 200
const reconnectMs = 100

/** @param url of the server; pod number n is on node n % count */
export function startNodes(url: string, count: number): StormNodes {
  const runs = new Map<string, number>()
  let toldAgain = 0
  let mostAtOnce = 0
  let isClosed = false
  const nodes = Array.from({ length: count }, (_, number) => {
    const node = `node-${number}`
    const waiting = new Map<number, AgentMessage>()
    let seq = 0
    let atOnce = 0
    let socket: WebSocket
    const say = (message: AgentMessage): void => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
    }
    const bring = (capture: Capture): void => {
      const message: AgentMessage = { type: 'capture', seq: ++seq, capture }
      waiting.set(seq, message)
      say(message)
    }
    const carryOut = (order: Order): void => {
      if (runs.has(order.captureId)) {
        toldAgain++
        return
      }
      runs.set(order.captureId, (runs.get(order.captureId) ?? 0) + 1)
      mostAtOnce = Math.max(mostAtOnce, ++atOnce)
      const capture = captureOf(order)
      bring({ ...capture, state: 'recording' })
      setTimeout(() => {
        atOnce--
        bring({ ...capture, state: 'complete', toMs: Date.now() })
      }, captureMs)
    }
    const connect = (): void => {
      socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/agent/socket`)
      socket.on('open', () => say({ type: 'hello', protocol: protocolNumber, node, version: 'bench', startedMs: 1 }))
      socket.on('message', (data) => {
        const message = JSON.parse(String(data)) as ServerMessage
        if (message.type === 'welcome') for (const each of waiting.values()) say(each)
        else if (message.type === 'stored') waiting.delete(message.seq)
        else if (message.type === 'start-capture') carryOut(message)
        else if (message.type === 'ask') {
          say({ type: 'answer', request: message.request, answer: answerOf(message.question, number, count) })
        }
      })
      socket.on('error', () => undefined) // the server is being killed; close follows
      socket.on('close', () => {
        if (!isClosed) setTimeout(connect, reconnectMs)
      })
    }
    connect()
    return { close: () => socket.terminate() }
  })
  return {
    runs,
    toldAgain: () => toldAgain,
    mostAtOnce: () => mostAtOnce,
    close: () => {
      isClosed = true
      for (const node of nodes) node.close()
    },
  }
}

function answerOf(question: Question, number: number, count: number): Answer {
  if (question.about !== 'targets') {
    const node = { cpus: 2, cores: 1, memoryAvailableShare: 0.5 }
    return { about: 'vitals', cores: 0.9, runtimes: ['go'], node }
  }
  const pod = /^pod\/(p-(\d+))$/.exec(question.select.name ?? '')
  const isHere = pod && Number(pod[2]) % count === number
  return { about: 'targets', near: [], candidates: isHere ? [{ cores: 1, target: targetOf(pod[1]!, number) }] : [] }
}

function targetOf(pod: string, number: number): Target {
  const containerId = Buffer.from(pod.padEnd(32, '.')).toString('hex')
  return { kind: 'container', node: `node-${number}`, containerId, container: 'app', pod, namespace: 'storm' }
}

function captureOf(order: Order): Capture {
  const { captureId, incidentId, target, triggerKind, rule, reason, captureKind, forMs } = order
  const requestedMs = Date.now()
  return {
    version: captureVersion,
    id: captureId,
    ...(incidentId ? { incidentId } : {}),
    node: target.node,
    target,
    trigger: { kind: triggerKind, rule, reason },
    kind: captureKind,
    state: 'recording',
    requestedMs,
    fromMs: requestedMs,
    toMs: requestedMs + forMs,
    probes: [{ probe: 'context', outcome: 'ok' }],
  }
}
