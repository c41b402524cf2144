// Real Node processes and their inspector: pegged, idle, in use, without the signal, and what is left behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, expect, test } from 'vitest'
import WebSocket from 'ws'
import { closeLeftInspectors } from '../../src/capture/node-inspector.ts'
import { openedInspectors } from '../../src/capture/node-opened.ts'
import { inspectorId } from '../../src/capture/node-places.ts'
import { nodeCpuProbe, nodeHeapProbe } from '../../src/capture/node-profile.ts'
import { type Probe, runProbe } from '../../src/capture/probe.ts'
import type { CaptureKind } from '../../src/model/capture.ts'
import { readProfile } from '../../src/profile/formats.ts'
import { topFunctions } from '../../src/profile/top.ts'
import { startTicksOf } from '../../src/target/process-identity.ts'
import { socketInodes, tcpSockets } from '../../src/target/tcp-sockets.ts'
import { favour } from '../favour.ts'
import { freePort } from '../free-port.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const nodeCpu = nodeCpuProbe()
const nodeHeap = nodeHeapProbe()
const folder = temporaryFolder()

const started: ChildProcess[] = []
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
})

/**
 * Resolves once the program said a word.
 * @param isFavoured it gets its share of a full machine, too: who is busy is told by a share of the time
 */
async function start(
  command: string,
  args: readonly string[],
  { isFavoured = false } = {},
): Promise<ChildProcess & { pid: number }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: isFavoured })
  started.push(child)
  if (isFavoured) favour(child.pid as number)
  await createInterface({ input: child.stdout })
    .on('error', () => undefined)
    [Symbol.asyncIterator]()
    .next()
  return child as ChildProcess & { pid: number }
}
/** A port of its own for the inspector: that of Node, 9229, may be open in a process of another test by now. */
const anyPort = '--inspect-port=127.0.0.1:0'
const startNode = (source: string, ...options: string[]) =>
  start(process.execPath, [anyPort, ...options, '-e', `console.log('ready'); ${source}`])

const idle = 'setInterval(() => {}, 1000)'
/** Never comes back to its event loop. */
const pegged = 'function hotInner() { for (let x = 0; ; ) x += Math.sqrt(x + 1) }; hotInner()'

async function look(probe: Probe, { pid }: { pid: number }, kind: CaptureKind, durationMs = 1000) {
  const startTicks = startTicksOf(pid) as number
  const target = { kind: 'process', node: 'vm1', pid, startTicks } as const
  const signal = new AbortController().signal
  return runProbe(probe, { target, kind, durationMs, options: {}, signal }, Date.now)
}

/** Ports that the process itself listens on. */
function portsOf({ pid }: { pid: number }): number[] {
  const { inodes } = socketInodes(pid)
  return tcpSockets(pid)
    .filter(({ state, inode }) => state === 'LISTEN' && inodes.has(inode))
    .map(({ local }) => local.port)
}

test('a pegged event loop gives its CPU profile, twice, and is left as it was', async () => {
  const node = await startNode(pegged)
  for (let round = 0; round < 2; round++) {
    const { result, findings } = await look(nodeCpu, node, 'cpu')
    expect(result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('closed again') })
    expect(findings.map(({ name }) => name)).toEqual(['cpuprofile'])
    const { profile } = await readProfile(findings[0]!.bytes)
    expect(
      topFunctions(profile, {})
        .functions.map((row) => row.function)
        .join(),
    ).toContain('hotInner')
    // V8 blames the caller, which has no name, until it has dropped what it had compiled; that is before the time begins.
    const names = namesInOrder(findings[0]!.bytes)
    const since = names.slice(names.lastIndexOf('') + 1).filter((name) => name === 'hotInner')
    expect(since.length).toBeGreaterThan(3)
    expect(portsOf(node)).toEqual([])
  }
  expect(node.exitCode).toBeNull()
})

/** Functions of the samples one after another. */
function namesInOrder(bytes: Uint8Array): string[] {
  type Nodes = { id: number; callFrame: { functionName: string } }[]
  const { nodes, samples } = JSON.parse(new TextDecoder().decode(bytes)) as { nodes: Nodes; samples: number[] }
  const names = new Map(nodes.map(({ id, callFrame }) => [id, callFrame.functionName]))
  return samples.map((id) => names.get(id)!)
}

test('what is allocated while we look, by function; collected or not', async () => {
  const source =
    'let kept = []; function makeThings() { for (let i = 0; i < 5000; i++) kept.push({ i, text: "x" + i }); if (kept.length > 1e6) kept = [] }; setInterval(makeThings, 5)'
  const node = await startNode(source)
  for (const kind of ['heap', 'allocs'] as const) {
    const { result, findings } = await look(nodeHeap, node, kind)
    expect(result).toMatchObject({
      outcome: 'ok',
      message: expect.stringMatching(/allocated.*the heap of the main thread holds/),
    })
    const { profile } = await readProfile(findings[0]!.bytes)
    const { functions, unit } = topFunctions(profile, {})
    expect(unit).toBe('bytes')
    // V8 counts what an inlined function allocates for its caller.
    expect(functions.map((row) => row.function).join()).toMatch(/makeThings|listOnTimeout/)
  }
  expect(portsOf(node)).toEqual([])
})

test('workers have profiles of their own, the busiest first; one that sleeps for good holds nobody up', async () => {
  // They come up one after another; what is looked at is how it is once all of them are there.
  const source = `
    const { Worker } = require('node:worker_threads')
    const hot = 'function hotWorker() { for (let x = 0; ; ) x += Math.sqrt(x + 1) }; hotWorker()'
    const workers = [
      new Worker(hot, { eval: true, name: 'cruncher' }),
      new Worker('setInterval(() => {}, 1000)', { eval: true, name: 'idler' }),
      new Worker('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)', { eval: true, name: 'pool' }),
    ]
    const online = workers.map((worker) => new Promise((resolve) => worker.once('online', resolve)))
    Promise.all(online).then(() => console.log('ready'))
    ${idle}`
  const node = await start(process.execPath, [anyPort, '-e', source], { isFavoured: true })
  const { result, findings } = await look(nodeCpu, node, 'cpu', 1500)
  expect(result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('closed again') })
  expect(findings.map(({ name }) => name)).toEqual(['worker-1-cruncher.cpuprofile', 'cpuprofile'])
  const { profile } = await readProfile(findings[0]!.bytes)
  expect(topFunctions(profile, {}).functions[0]?.function).toContain('hotWorker')
  expect(result.message).toMatch(/of \[worker 1\] cruncher, \d+ samples/)
  expect(result.message).toContain('2 workers did next to nothing')
  expect(result.message).not.toContain('did not wait once')
  expect(portsOf(node)).toEqual([])
})

test('what an agent that was killed had opened is closed at the next start, and nothing of others', async () => {
  const record = openedInspectors(join(folder, 'inspectors'))
  const open = async (...options: string[]) => {
    const node = await startNode(idle, ...options)
    process.kill(node.pid, 'SIGUSR1')
    await untilOpen(node)
    return { node, key: { pid: node.pid, startTicks: startTicksOf(node.pid) as number } }
  }
  const port = await freePort()
  const [ours, theirs, used] = [await open(), await open(`--inspect-port=${port}`), await open()]
  const idOf = async ({ node, key }: typeof ours): Promise<string> =>
    (await inspectorId(key, { address: '127.0.0.1', port: portsOf(node)[0]! }))!
  record.note({ ...ours.key, id: await idOf(ours) })
  // Opened by somebody else since.
  record.note({ ...theirs.key, id: 'another' })
  record.note({ ...used.key, id: await idOf(used) })
  record.note({ pid: ours.key.pid, startTicks: 1, id: 'of a process that had this PID before' })
  const debugging = new WebSocket(await inspectorUrl(portsOf(used.node)[0]!))
  await once(debugging, 'open')

  const swept = await closeLeftInspectors(openedInspectors(join(folder, 'inspectors')))
  expect(swept.map(({ isClosed, message }) => `${isClosed} ${message}`).sort()).toEqual([
    expect.stringMatching(/^false the inspector of process \d+ .*is in use by somebody else/),
    `true the inspector of process ${ours.node.pid}, which an earlier run had left open, is closed`,
  ])
  expect([ours, theirs, used].map(({ node }) => portsOf(node).length)).toEqual([0, 1, 1])
  expect(record.left()).toEqual([])
  debugging.terminate()
})

test('it is written down before it is opened, and struck out once it is closed', async () => {
  const record = openedInspectors(join(folder, 'written'))
  const noted: (string | undefined)[] = []
  const watching = {
    ...record,
    note: (...args: Parameters<typeof record.note>) => {
      noted.push(args[0].id)
      record.note(...args)
    },
  }
  const node = await startNode(idle)
  expect((await look(nodeCpuProbe(watching), node, 'cpu', 300)).result.outcome).toBe('ok')
  expect(noted).toEqual([undefined, expect.stringMatching(/^[\w-]{36}$/)])
  expect(record.left()).toEqual([])
  // Where it cannot be written down it is not opened.
  const full = {
    ...record,
    note: () => {
      throw new Error('no space left on device')
    },
  }
  const refused = await look(nodeCpuProbe(full), node, 'cpu', 300)
  expect(refused.result).toMatchObject({ outcome: 'failed', code: 'DATA_NOT_WRITABLE' })
  expect(portsOf(node)).toEqual([])
})

async function untilOpen(node: { pid: number }): Promise<void> {
  while (portsOf(node).length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
}

test('an inspector that somebody uses is left to them; one that is open and idle is joined and stays open', async () => {
  const node = await startNode(idle, '--inspect=127.0.0.1:0')
  const [port] = portsOf(node) as [number]
  const joined = await look(nodeCpu, node, 'cpu')
  expect(joined.result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('was open already') })
  expect(portsOf(node)).toEqual([port])

  const debugging = new WebSocket(await inspectorUrl(port))
  await once(debugging, 'open')
  const { result } = await look(nodeCpu, node, 'cpu')
  expect(result).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('in use by somebody else') })
  expect(debugging.readyState).toBe(WebSocket.OPEN)
  debugging.terminate()
})

const inspectorUrl = async (port: number): Promise<string> => {
  const list = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as { webSocketDebuggerUrl: string }[]
  return list[0]!.webSocketDebuggerUrl
}

/** Speaks as an inspector to whoever comes, and to each of them lies in another way. */
const liar = `
  const lies = [
    () => 'null',
    () => '[]',
    () => '{',
    (id) => JSON.stringify({ id, error: { message: { toString: 1 } } }),
    (id) => JSON.stringify({ method: 'NodeWorker.attachedToWorker', params: { sessionId: '1', workerInfo: null } }) +
      JSON.stringify({ method: 'NodeWorker.receivedMessageFromWorker', params: { sessionId: '1', message: {} } }),
    (id) => '{"id":' + id + ',"result":{"many":[' + '{},'.repeat(2100000) + '{}]}}',
    (id, method) => JSON.stringify({ id, result: method === 'Profiler.stop' ? { profile: { nodes: 5, samples: '' } } : {} }),
  ]
  const server = require('node:http').createServer((request, response) =>
    response.end(request.url === '/json/version' ? '{"Browser":"node.js/v24"}' : '[{"id":"a"}]'))
  new (require('ws').WebSocketServer)({ server }).on('connection', (socket) => {
    const lie = lies.shift()
    socket.on('message', (text) => {
      const { id, method } = JSON.parse(text)
      socket.send(lie(id, method))
    })
  })
  server.listen(0, '127.0.0.1', () => console.log('ready'))`

test('an inspector that lies fails its probe and nothing else', async () => {
  const node = await start(process.execPath, [anyPort, '-e', liar])
  const strange = 'what answers as the inspector does not speak its protocol'
  const told = []
  for (let lie = 0; lie < 7; lie++) {
    const { result, findings } = await look(nodeCpu, node, 'cpu', 100)
    expect(findings).toEqual([])
    told.push(`${result.outcome} ${result.code}: ${result.message}`)
  }
  expect(told).toEqual([
    `failed MALFORMED: ${strange}`,
    `failed MALFORMED: ${strange}`,
    `failed MALFORMED: ${strange}`,
    'failed TOOL_FAILED: V8 says: nothing',
    `failed MALFORMED: ${strange}`,
    `failed MALFORMED: ${strange}`,
    'failed MALFORMED: V8 answered Profiler.stop with something that is no CPU profile',
  ])
  expect(node.exitCode ?? node.signalCode).toBeNull()
})

test('a port that is taken, a process without the signal, and one that is no Node are said and left alone', async () => {
  const port = await freePort()
  const taker = createServer().listen(port, '127.0.0.1')
  await once(taker, 'listening')
  const second = await startNode(idle, `--inspect-port=127.0.0.1:${port}`)
  expect((await look(nodeCpu, second, 'cpu')).result).toMatchObject({
    outcome: 'skipped',
    message: expect.stringContaining(`port ${port}`),
  })
  taker.close()

  const deaf = await startNode(idle, '--disable-sigusr1')
  expect((await look(nodeCpu, deaf, 'cpu')).result).toMatchObject({
    outcome: 'skipped',
    message: expect.stringContaining('does not catch SIGUSR1'),
  })

  const shell = await start('sh', ['-c', 'echo ready; exec sleep 600'])
  for (const probe of [nodeCpu, nodeHeap]) {
    const { result } = await look(probe, shell, 'heap')
    expect(result).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('is not Node') })
  }
  // SIGUSR1 would have ended them.
  expect([second, deaf, shell].map(({ exitCode, signalCode }) => [exitCode, signalCode])).toEqual(
    Array(3).fill([null, null]),
  )
  const gone = { pid: shell.pid, startTicks: 1 }
  const target = { kind: 'process', node: 'vm1', ...gone } as const
  const request = { target, kind: 'cpu', durationMs: 1000, options: {}, signal: new AbortController().signal } as const
  expect((await runProbe(nodeCpu, request, Date.now)).result).toMatchObject({ outcome: 'failed', code: 'TARGET_GONE' })
})
