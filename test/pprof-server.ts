// The Go program of fixtures/go-pprof, compiled once per process, with listeners as a test wants them.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Target } from '../src/model/target.ts'
import { startTicksOf } from '../src/target/process-identity.ts'
import { spawnInOwnNetwork } from './own-network.ts'
import { freshFolder } from './scratch.ts'

export interface PprofServer {
  readonly ports: readonly number[]
  readonly key: { readonly pid: number; readonly startTicks: number }
  readonly target: Target
  stop(): Promise<void>
}

const program = join(freshFolder('pprof-server'), 'pprof-server')
let isBuilt = false

/** Statically linked, so that it runs in any container. */
export function pprofServerProgram(): string {
  if (isBuilt) return program
  execFileSync('go', ['build', '-o', program, join(import.meta.dirname, 'fixtures/go-pprof/server.go')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, CGO_ENABLED: '0' },
  })
  isBuilt = true
  return program
}

/** @param listeners query strings as the program's own head explains them */
export async function startPprofServer(
  listeners: readonly string[],
  { cwd, ownNetwork = false }: { cwd?: string; ownNetwork?: boolean } = {},
): Promise<PprofServer> {
  const command = [pprofServerProgram(), ...listeners.map((each) => (cwd ? each.replaceAll('DIR', cwd) : each))]
  const child: ChildProcess = ownNetwork
    ? spawnInOwnNetwork(command)
    : spawn(command[0] as string, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const { value, done } = await lines.next()
  if (done) throw new Error('the pprof server ended before it was ready')
  const pid = child.pid as number
  const key = { pid, startTicks: startTicksOf(pid) as number }
  return {
    ports: (value as string).split(' ').filter(Boolean).map(Number),
    key,
    target: { kind: 'process', node: 'test', ...key },
    stop: async () => {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}
