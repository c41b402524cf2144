// Node's inspector in a process that runs: opened by SIGUSR1, spoken to over its WebSocket inside the process's own
// network, and closed again. Its I/O thread interrupts the JavaScript, so it answers while the event loop is pegged.
//
//   kill -USR1 4242                                        the process listens on 127.0.0.1:9229, or where --inspect-port says
//   ws://127.0.0.1:9229/0f2c936f-b1cd-4ac9-aab3-f63b0f33d55e    questions and answers, see node-session.ts
//
// Whoever reaches that port can run code in the process, so it is open for as long as we look, on its loopback only, and
// what we have opened is written down before, for the case that we do not live to close it.
import type { Socket } from 'node:net'
import { pid as ownPid } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import { Failure } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { detectRuntime } from '../target/runtime.ts'
import { connectInside, type ProcessKey } from './connect-inside.ts'
import { readIfThere } from './context-processes.ts'
import { noRecord, type OpenedInspectors } from './node-opened.ts'
import {
  connectedPorts,
  findOpen,
  hostOf,
  type InspectorPlace,
  inspectorId,
  isInspector,
  ownListeners,
  requireFreePort,
} from './node-places.ts'
import { NodeSession } from './node-session.ts'
import { type NodeThreads, NodeWorkers } from './node-threads.ts'
import { Skipped } from './probe.ts'

export interface Inspector {
  /** True when somebody else had opened it: then it stays open. */
  readonly wasOpen: boolean
  /** `127.0.0.1:9229` */
  readonly address: string
  /** Its main thread and its workers. */
  readonly threads: NodeThreads
  /** Closes the inspector, unless it was open before. @returns why it could not, if so */
  close(): Promise<string | undefined>
}

/** Bit of signal 10 in the masks of /proc/PID/status: signal N is bit N-1. */
const sigusr1Bit = 1n << 9n
/** Node's signal thread answers within milliseconds, also on a pegged loop; a starved container may take seconds. */
const openWithinMs = 10_000
const closeWithinMs = 3000
const lookEveryMs = 25
/** A CPU profile of 10 minutes of a large program is some 50 MB. */
const maxMessageBytes = 64 * 1024 * 1024
/** Of all threads together; who sends more is not answering but filling our memory. */
const maxConversationBytes = 4 * maxMessageBytes

/**
 * Opens the inspector of a Node process, or joins one that is open and that nobody uses.
 * @throws Skipped when the process is no Node, does not listen to the signal, or its inspector is somebody's;
 * Failure TARGET_GONE, NOT_PERMITTED, TIMEOUT
 */
export async function openInspector(
  target: Target,
  signal: AbortSignal,
  record: OpenedInspectors = noRecord,
): Promise<Inspector> {
  const process = requireNode(target)
  // Halted by its own debugger it would answer nobody, not even itself.
  if (process.pid === ownPid) throw new Skipped('this is the recorder itself, which cannot wait for its own inspector')
  const before = ownListeners(process.pid)
  // Before we connect ourselves.
  const inUse = new Set(connectedPorts(process.pid))
  const open = await findOpen(process, before, signal)
  if (open) {
    if (inUse.has(open.port)) throw new Skipped(whoseInspector(process.pid, open))
    const attached = await attach(process, open)
    const close = async (): Promise<undefined> => attached.detach() as undefined
    return { ...attached, wasOpen: true, close }
  }
  requireFreePort(process.pid, before)
  noteOpened(record, process)
  try {
    sendSignal(process)
  } catch (error) {
    record.forget(process)
    throw error
  }
  // From here on it has to be closed again, so nothing below is given up because somebody lost interest.
  const place = await untilListening(process, before)
  try {
    const attached = await attach(process, place)
    record.note({ ...process, id: attached.id })
    return { ...attached, wasOpen: false, close: () => closeOpened(process, attached, record) }
  } catch (error) {
    // Opened and not usable: what can be done is to say so.
    if (error instanceof Failure)
      throw new Failure(error.code, `${error.message}; ${leftOpen(place)}`, { cause: error })
    throw error
  }
}

/** @throws Failure DATA_NOT_WRITABLE */
function noteOpened(record: OpenedInspectors, process: ProcessKey): void {
  try {
    record.note(process)
  } catch (cause) {
    const message = `the inspector was not opened: that is written down before, and ${(cause as Error).message}`
    throw new Failure('DATA_NOT_WRITABLE', message, { cause })
  }
}

/** What became of an inspector that an earlier run of ours had opened, one sentence. */
export type Swept = { readonly isClosed: boolean; readonly message: string }

/** Closes what earlier runs opened and did not live to close. Never rejects; in use by somebody else it is left to them. */
export async function closeLeftInspectors(record: OpenedInspectors): Promise<Swept[]> {
  const swept: Swept[] = []
  for (const { id, ...process } of record.left()) {
    const which = `the inspector of process ${process.pid}`
    // Before we connect ourselves.
    const inUse = new Set(connectedPorts(process.pid))
    try {
      const place =
        startTicksOf(process.pid) === process.startTicks
          ? await findOpen(process, ownListeners(process.pid))
          : undefined
      // Without an id we were ended while it opened; another id is of somebody who opened it later.
      const isOurs = place !== undefined && (id === undefined || (await inspectorId(process, place)) === id)
      if (!isOurs) record.forget(process)
      else if (inUse.has(place.port)) {
        record.forget(process)
        swept.push({ isClosed: false, message: `${whoseInspector(process.pid, place)}; we had opened it` })
      } else {
        const open = await closeOpened(process, await attach(process, place), record)
        swept.push({ isClosed: !open, message: open ?? `${which}, which an earlier run had left open, is closed` })
      }
    } catch (error) {
      swept.push({ isClosed: false, message: `${which} could not be closed: ${(error as Error).message}` })
    }
  }
  return swept
}

const whoseInspector = (pid: number, { address, port }: InspectorPlace): string =>
  `the inspector of process ${pid} on ${address}:${port} is in use by somebody else, and is left to them; try again when they are done`

const leftOpen = ({ address, port }: InspectorPlace): string =>
  `its inspector is still open on ${address}:${port}, until the process is started again`

/** @throws Skipped, Failure TARGET_GONE */
function requireNode({ pid, startTicks }: Target): ProcessKey {
  if (pid === undefined || startTicks === undefined) throw new Skipped('the inspector is that of one process; name it')
  if (startTicksOf(pid) !== startTicks) throw new Failure('TARGET_GONE', `process ${pid} has ended`)
  const { runtime } = detectRuntime(pid)
  if (runtime !== 'node') throw new Skipped(`process ${pid} is not Node but ${runtime}`)
  // A process that does not catch it would be killed by it: started with --disable-sigusr1, or not through node's main.
  const caught = /^SigCgt:\s+([0-9a-f]+)/m.exec(readIfThere(`/proc/${pid}/status`))?.[1]
  if (caught === undefined || (BigInt(`0x${caught}`) & sigusr1Bit) === 0n) {
    throw new Skipped(`process ${pid} does not catch SIGUSR1, so it cannot be asked to open its inspector`)
  }
  return { pid, startTicks }
}

/** @throws Failure TARGET_GONE, NOT_PERMITTED */
function sendSignal({ pid, startTicks }: ProcessKey): void {
  if (startTicksOf(pid) !== startTicks) throw new Failure('TARGET_GONE', `process ${pid} has ended`)
  try {
    globalThis.process.kill(pid, 'SIGUSR1')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') throw new Failure('TARGET_GONE', `process ${pid} has ended`)
    throw new Failure('NOT_PERMITTED', `process ${pid} may not be sent a signal`, { cause })
  }
}

/** A port on loopback that was not there before and answers as an inspector. @throws Failure TIMEOUT, TARGET_GONE */
async function untilListening(process: ProcessKey, before: readonly InspectorPlace[]): Promise<InspectorPlace> {
  const known = new Set(before.map(({ address, port }) => `${address}:${port}`))
  const deadline = performance.now() + openWithinMs
  while (performance.now() < deadline) {
    const fresh = ownListeners(process.pid).filter(({ address, port }) => !known.has(`${address}:${port}`))
    for (const local of fresh) {
      if (performance.now() < deadline && (await isInspector(process, local))) return local
    }
    if (startTicksOf(process.pid) !== process.startTicks) {
      throw new Failure('TARGET_GONE', `process ${process.pid} has ended`)
    }
    await sleep(lookEveryMs)
  }
  throw new Failure(
    'TIMEOUT',
    `process ${process.pid} opened no inspector within ${openWithinMs / 1000} s of SIGUSR1: it gets no CPU, or has a use of its own for that signal; then start it with --inspect=127.0.0.1:9229`,
  )
}

interface Attached extends Pick<Inspector, 'address' | 'threads'> {
  readonly id: string
  readonly place: InspectorPlace
  readonly main: NodeSession
  /** Ends the conversation alone. */
  detach(): void
}

async function attach(process: ProcessKey, place: InspectorPlace): Promise<Attached> {
  const id = await inspectorId(process, place)
  if (id === undefined) throw new Failure('TOOL_FAILED', 'the inspector names no target')
  const host = hostOf(place.address)
  const connection: Socket = await connectInside(process, { host, port: place.port })
  const socket = new WebSocket(`ws://127.0.0.1:${place.port}/${id}`, {
    createConnection: () => connection,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handshakeTimeout: openWithinMs,
  })
  const workers = new NodeWorkers()
  const main = new NodeSession(
    `process ${process.pid}`,
    (text) => socket.send(text),
    (method, params) => workers.onEvent(method, params, () => main),
  )
  const fail = (failure: Failure): void => {
    main.fail(failure)
    workers.fail(failure)
  }
  const broken = (cause: Error): Failure => new Failure('TOOL_FAILED', `the inspector: ${cause.message}`, { cause })
  let received = 0
  socket.on('message', (data: Buffer) => {
    received += data.length
    if (received <= maxConversationBytes) return main.receive(String(data))
    fail(new Failure('TOO_LARGE', `the inspector sent more than ${maxConversationBytes >> 20} MiB`))
    socket.terminate()
  })
  socket.on('error', (cause) => fail(broken(cause)))
  socket.on('close', () => fail(new Failure('TARGET_GONE', `the inspector of process ${process.pid} hung up`)))
  let threads: NodeThreads
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', (cause) => reject(broken(cause)))
    })
    threads = await workers.attach(main)
  } catch (error) {
    // Left connected it would be "in use by somebody else" from now on.
    socket.terminate()
    throw error
  }
  return { id, place, main, threads, address: `${host}:${place.port}`, detach: () => socket.terminate() }
}

/** @returns why it could not, if so */
async function closeOpened(
  process: ProcessKey,
  { main, place, detach }: Attached,
  record: OpenedInspectors,
): Promise<string | undefined> {
  // What `inspector.close` is; it needs no `require`, which an ES module has not. At once, not from a timer: those of a
  // pegged loop never come. It takes the connection down, so there may be no answer.
  await main.call('Runtime.evaluate', { expression: 'process._debugEnd()' }).catch(() => undefined)
  const open = await whenClosed(process, place)
  detach()
  if (!open) record.forget(process)
  return open
}

/** Looks until nobody listens there any more. @returns what to tell when somebody still does */
async function whenClosed(process: ProcessKey, local: InspectorPlace): Promise<string | undefined> {
  const deadline = performance.now() + closeWithinMs
  while (ownListeners(process.pid).some(({ port }) => port === local.port)) {
    if (performance.now() > deadline) return leftOpen(local)
    await sleep(lookEveryMs)
  }
  return undefined
}
