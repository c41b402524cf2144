// The files of /proc as the context reads them, and a real process with its sockets and children.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { openCgroupView } from '../target/cgroup-view.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { collectContext } from './context.ts'
import { parsePressure } from './context-cgroup.ts'
import { parseLimits, parseTask } from './context-processes.ts'

test('names of tasks may hold anything', () => {
  const text = `4250 (http ) R 1) R 1 4242 4242 0 -1 4194560 12 0 0 0 812 96 0 0 20 0 11 0 123456 ${'0 '.repeat(30)}`
  expect(parseTask(text, 4242)).toEqual({
    pid: 4242,
    tid: 4250,
    name: 'http ) R 1',
    state: 'R',
    userTicks: 812,
    systemTicks: 96,
    startTicks: 123_456,
    parent: 1,
    threads: 11,
  })
  expect(parseTask('4250 (cut', 4242)).toBeUndefined()
})

test('limits and pressure as the kernel prints them', () => {
  const limits = [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max open files            1024                 1048576              files     ',
    'Max cpu time              unlimited            unlimited            seconds   ',
  ]
  expect(parseLimits(limits.join('\n'))).toEqual({
    'open files': { soft: '1024', hard: '1048576' },
    'cpu time': { soft: 'unlimited', hard: 'unlimited' },
  })
  const pressure = 'some avg10=12.50 avg60=1.00 avg300=0.10 total=99\nfull avg10=2.00 avg60=0.00 avg300=0.00 total=3\n'
  expect(parsePressure(pressure)).toEqual({ some10s: 0.125, some60s: 0.01, full10s: 0.02, full60s: 0 })
  expect(parsePressure('')).toBeUndefined()
})

test('this very process: its threads, its child, its port and who is connected to it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect(port, '127.0.0.1')
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  await Promise.all([once(client, 'connect'), once(child, 'spawn')])
  try {
    const pid = process.pid
    const target = { kind: 'process', node: 'vm1', pid, startTicks: startTicksOf(pid) as number } as const
    const options = { cgroups: openCgroupView(), nowMs: () => 7 }
    const stop = new AbortController()
    const context = await collectContext({ target, signal: stop.signal }, options)
    expect(context.atMs).toBe(7)
    expect(context.processes.find((each) => each.pid === pid)).toMatchObject({ runtime: 'node', containerPid: pid })
    if (context.scope === 'process') expect(context.processes.map((each) => each.pid)).toContain(child.pid)
    expect(context.threads.find(({ tid }) => tid === pid)).toBeDefined()
    expect(context.sockets?.listening).toContainEqual({ address: '127.0.0.1', port, backlog: expect.any(Number) })
    expect(context.sockets?.peers).toContainEqual({ address: '127.0.0.1', port, direction: 'out', count: 1 })
    expect(context.limits['open files']).toBeDefined()
    expect(context.node.memoryBytes).toBeGreaterThan(context.node.memoryAvailableBytes)
    await expect(
      collectContext({ target: { ...target, startTicks: 1 }, signal: stop.signal }, options),
    ).rejects.toMatchObject({ code: 'TARGET_GONE' })
  } finally {
    client.destroy()
    server.close()
    child.kill('SIGKILL')
  }
})
