import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { encodeJcmd, parseAnswer } from './jvm-protocol.ts'
import { exchange, openJvmSocket } from './jvm-socket.ts'

const folder = temporaryFolder()
const uid = process.getuid!()
const options = { deadlineMs: 10_000, maxBytes: 1000, signal: new AbortController().signal }
const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Listens where a JVM with this PID would, and does with each connection what is given. */
async function listen(pid: number, serve: (request: string) => string | undefined): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (chunk) => {
      const answer = serve(chunk.toString())
      if (answer !== undefined) socket.end(answer)
    })
  }).listen(`${folder}/.java_pid${pid}`)
  await once(server, 'listening')
  return server
}

test('a command and its answer, as they are on the wire', async () => {
  const requests: string[] = []
  const server = await listen(1, (request) => {
    requests.push(request)
    return '0\nfirst line\n'
  })
  const socket = openJvmSocket(folder, 1, uid)!
  const answer = await exchange(socket, encodeJcmd('Thread.print -e -l'), options)
  expect(requests).toEqual(['1\0jcmd\0Thread.print -e -l\0\0\0'])
  const { code, output } = parseAnswer(answer as Uint8Array)
  expect([code, new TextDecoder().decode(output)]).toEqual([0, 'first line\n'])
  socket.close()
  server.close()
})

test('what is answered with a number alone, with a negative one, with none', () => {
  expect(parseAnswer(encode('0\n'))).toEqual({ code: 0, output: encode('') })
  expect(parseAnswer(encode('-1\nno\n'))).toMatchObject({ code: -1 })
  expect(() => parseAnswer(encode('HTTP/1.1 400 Bad Request\r\n'))).toThrow('does not speak the attach protocol')
  expect(() => encodeJcmd('x'.repeat(1025))).toThrow('at most 1024 bytes')
})

test('an answer that is too long or does not come is an error; a hang-up and a dead socket are told apart', async () => {
  const server = await listen(2, (request) => (request.includes('long') ? 'x'.repeat(2000) : undefined))
  const socket = openJvmSocket(folder, 2, uid)!
  await expect(exchange(socket, encode('long'), options)).rejects.toMatchObject({ code: 'TOO_LARGE' })
  await expect(exchange(socket, encode('never'), { ...options, deadlineMs: 50 })).rejects.toMatchObject({
    code: 'TIMEOUT',
  })
  const abort = new AbortController()
  const asked = exchange(socket, encode('never'), { ...options, signal: abort.signal })
  abort.abort(new Error('ended'))
  await expect(asked).rejects.toThrow('ended')
  server.close()
  expect(await exchange(socket, encode('x'), options)).toBe('refused')
  socket.close()
  const silent = await listen(3, () => '')
  const other = openJvmSocket(folder, 3, uid)!
  expect(await exchange(other, encode('x'), options)).toBe('closed')
  other.close()
  silent.close()
})

test('one that accepts nobody is not waited for once others wait', async () => {
  const code =
    'use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Local => shift, Listen => 1); $| = 1; print 1; <STDIN>'
  const deaf = spawn('perl', ['-e', code, `${folder}/.java_pid9`], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(deaf.stdout, 'data')
  const socket = openJvmSocket(folder, 9, uid)!
  const abort = new AbortController()
  // The queue takes one more than it was made for (unix(7)); these never get an answer.
  const asked = [1, 2, 3].map(() => exchange(socket, encode('x'), { ...options, signal: abort.signal }))
  await expect(Promise.race(asked)).rejects.toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('wait') })
  abort.abort(new Error('ended'))
  await Promise.allSettled(asked)
  socket.close()
  deaf.stdin.end()
  await once(deaf, 'exit')
})

test('only a socket of the right user is one: no link to another socket, no file', async () => {
  const server = await listen(4, () => '0\n')
  symlinkSync(`${folder}/.java_pid4`, `${folder}/.java_pid5`)
  writeFileSync(`${folder}/.java_pid6`, '')
  expect(openJvmSocket(folder, 5, uid)).toBeUndefined()
  expect(openJvmSocket(folder, 6, uid)).toBeUndefined()
  expect(openJvmSocket(folder, 7, uid)).toBeUndefined()
  if (uid === 0) {
    chownSync(`${folder}/.java_pid4`, 10_001, 10_001)
    expect(openJvmSocket(folder, 4, 10_002)).toBeUndefined()
  }
  const socket = openJvmSocket(folder, 4, uid === 0 ? 10_001 : uid)
  expect(socket).toBeDefined()
  socket?.close()
  server.close()
})

test.skipIf(uid !== 0)('as another user, through folders that this user may not enter', async () => {
  const server = await listen(8, () => '0\nhello\n')
  chmodSync(folder, 0o700)
  chownSync(`${folder}/.java_pid8`, 10_001, 10_001)
  const as = { uid: 10_001, gid: 10_001 }
  const socket = openJvmSocket(folder, 8, as.uid)!
  expect(new TextDecoder().decode((await exchange(socket, encode('x'), { ...options, as })) as Uint8Array)).toBe(
    '0\nhello\n',
  )
  const stranger = { uid: 10_002, gid: 10_002 }
  await expect(exchange(socket, encode('x'), { ...options, as: stranger })).rejects.toMatchObject({
    code: 'NOT_PERMITTED',
  })
  server.close()
  await sleep(0)
  expect(await exchange(socket, encode('x'), { ...options, as })).toBe('refused')
  socket.close()
})
