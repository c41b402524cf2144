import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from '../../test/scratch.ts'
import type { AgentMessage } from '../api/messages.ts'
import type { Artifact } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { startDelivery } from './deliver.ts'
import { Spool } from './spool.ts'

const artifact = (id: string): Artifact => ({
  id,
  captureId: 'cap-1',
  name: 'x',
  mediaType: 'text/plain',
  sizeBytes: 3,
  sha256: '0'.repeat(64),
  probe: 'ring',
  createdMs: 1,
})

/** A server in memory: what was sent, and an answer for it unless it is told to be silent. */
function server(): {
  link: { connected: boolean; send(message: AgentMessage): boolean }
  sent: string[]
  answer: (seq: number) => void
} {
  const sent: string[] = []
  const self = {
    sent,
    answer: (_seq: number): void => undefined,
    link: {
      connected: true,
      send(message: AgentMessage): boolean {
        if (message.type !== 'artifact') throw new Error('only artifacts here')
        sent.push(message.artifact.id)
        queueMicrotask(() => self.answer(message.seq))
        return true
      },
    },
  }
  return self
}

test('what waits is sent in order, bytes before their document, and dependants last', async () => {
  const spool = await Spool.open(freshFolder('deliver'))
  const first = await spool.put('a', { type: 'artifact', artifact: artifact('a') }, { bytes: new Uint8Array([1]) })
  await spool.put('b', { type: 'artifact', artifact: artifact('b') }, { after: [first] })
  const peer = server()
  const steps: string[] = []
  const delivery = startDelivery({
    spool,
    link: peer.link,
    upload: async (bytes) => void steps.push(`upload ${bytes.length} after ${peer.sent.length} documents`),
    onProblem: (problem) => steps.push(problem.message),
  })
  peer.answer = (seq) => delivery.answered({ type: 'stored', seq })
  await delivery.idle()
  delivery.close()
  expect(steps).toEqual(['upload 1 after 0 documents'])
  expect(peer.sent).toEqual(['a', 'b'])
})

test('bytes that are gone from the spool are told of once, and hold up nothing', async () => {
  const where = freshFolder('deliver')
  const spool = await Spool.open(where)
  for (const id of ['a', 'b'])
    await spool.put(id, { type: 'artifact', artifact: artifact(id) }, { bytes: new Uint8Array([1]) })
  rmSync(join(where, '0000000001.blob'))
  const peer = server()
  const problems: string[] = []
  const delivery = startDelivery({
    spool,
    link: peer.link,
    upload: async () => undefined,
    onProblem: (problem, item) => problems.push(`${item.key}: ${problem.message}`),
  })
  peer.answer = (seq) => delivery.answered({ type: 'stored', seq })
  await delivery.idle()
  delivery.close()
  expect(problems).toEqual(['a: x is gone from the spool'])
  expect(peer.sent).toEqual(['b'])
})

test('without a connection nothing is sent; after it everything is, and an upload that fails is tried again', async () => {
  const spool = await Spool.open(freshFolder('deliver'))
  await spool.put('a', { type: 'artifact', artifact: artifact('a') }, { bytes: new Uint8Array([1]) })
  const peer = server()
  peer.link.connected = false
  let uploads = 0
  const problems: string[] = []
  const delivery = startDelivery({
    spool,
    link: peer.link,
    upload: async () => {
      if (uploads++ === 0) throw new Failure('UNREACHABLE', 'cut')
    },
    onProblem: (problem) => problems.push(problem.message),
  })
  peer.answer = (seq) => delivery.answered({ type: 'stored', seq })
  delivery.wake()
  expect(peer.sent).toEqual([])
  peer.link.connected = true
  delivery.wake()
  await delivery.idle()
  delivery.close()
  expect(problems).toEqual(['cut'])
  expect(uploads).toBe(2)
  expect(peer.sent).toEqual(['a'])
})

test('a server that does not answer gets the document again', async () => {
  const spool = await Spool.open(freshFolder('deliver'))
  await spool.put('a', { type: 'artifact', artifact: artifact('a') })
  const peer = server()
  const delivery = startDelivery({
    spool,
    link: peer.link,
    upload: async () => undefined,
    onProblem: () => undefined,
    answerMs: 1,
  })
  peer.answer = (seq) => {
    if (peer.sent.length > 1) delivery.answered({ type: 'stored', seq })
  }
  await delivery.idle()
  delivery.close()
  expect(peer.sent).toEqual(['a', 'a'])
})

test('what the server will never take is given up and told; what it misses is brought again', async () => {
  const spool = await Spool.open(freshFolder('deliver'))
  await spool.put('a', { type: 'artifact', artifact: artifact('a') })
  await spool.put('b', { type: 'artifact', artifact: artifact('b') }, { bytes: new Uint8Array([1]) })
  const peer = server()
  let uploads = 0
  const problems: string[] = []
  const delivery = startDelivery({
    spool,
    link: peer.link,
    upload: async () => void uploads++,
    onProblem: (problem, item) => problems.push(`${item.key}: ${problem.message}`),
  })
  peer.answer = (seq) => {
    if (seq === 1) delivery.answered({ type: 'rejected', seq, code: 'MALFORMED', message: 'no such capture' })
    else delivery.answered(uploads === 1 ? { type: 'missing', seq, sha256: '0'.repeat(64) } : { type: 'stored', seq })
  }
  await delivery.idle()
  delivery.close()
  expect(problems).toEqual(['a: the server will not take it: no such capture'])
  expect(uploads).toBe(2)
})

test('bytes that the server will always refuse do not hold up the others', async () => {
  const spool = await Spool.open(freshFolder('deliver'))
  await spool.put('a', { type: 'artifact', artifact: artifact('a') }, { bytes: new Uint8Array(9) })
  await spool.put('b', { type: 'artifact', artifact: artifact('b') }, { bytes: new Uint8Array(1) })
  const peer = server()
  const problems: string[] = []
  const delivery = startDelivery({
    spool,
    link: peer.link,
    upload: async (bytes) => {
      if (bytes.length > 1) throw new Failure('TOO_LARGE', 'too much')
    },
    onProblem: (problem, item) => problems.push(`${item.key}: ${problem.code}`),
  })
  peer.answer = (seq) => delivery.answered({ type: 'stored', seq })
  await delivery.idle()
  delivery.close()
  expect(problems).toEqual(['a: TOO_LARGE'])
  expect(peer.sent).toEqual(['b'])
})

test('what was sent over the connection before is sent again over the next one, without waiting for an answer', async () => {
  const spool = await Spool.open(freshFolder('deliver'))
  const peer = server()
  const delivery = startDelivery({
    spool,
    link: peer.link,
    upload: async () => undefined,
    onProblem: () => undefined,
    answerMs: 3_600_000,
  })
  const isSent = new Promise<void>((resolve) => {
    peer.answer = () => resolve()
  })
  await spool.put('a', { type: 'artifact', artifact: artifact('a') })
  await isSent
  peer.answer = (seq) => delivery.answered({ type: 'stored', seq })
  delivery.wake()
  await delivery.idle()
  delivery.close()
  expect(peer.sent).toEqual(['a', 'a'])
})
