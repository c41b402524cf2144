// What the demo has running and has to take down again, in whatever way it ends. Programs get sessions of their own:
// Ctrl-C reaches the demo alone, and it ends them in order.
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'

export const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** What went wrong, for people; anything else that is thrown is a mistake of ours and shown with its stack. */
export class DemoFailure extends Error {}

export class Stage {
  readonly #takeDowns: (() => Promise<void> | void)[] = []

  /** Taken down in the opposite order of these calls. */
  atEnd(takeDown: () => Promise<void> | void): void {
    this.#takeDowns.push(takeDown)
  }

  start(command: string, args: readonly string[]): ChildProcess {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    child.stderr?.resume()
    this.atEnd(() => end(child))
    return child
  }

  /** @throws AggregateError of what could not be taken down; the rest is, all the same */
  async clear(): Promise<void> {
    const errors: unknown[] = []
    for (const takeDown of this.#takeDowns.splice(0).reverse()) {
      try {
        await takeDown()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `could not be taken down: ${errors.join('; ')}`)
  }
}

/** Spikecam takes a few seconds to keep what it has; the others end at once. */
const graceMs = 15_000

async function end(child: ChildProcess): Promise<void> {
  const { pid } = child
  if (pid === undefined) return
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    process.kill(-pid, 'SIGTERM')
    const late = setTimeout(() => process.kill(-pid, 'SIGKILL'), graceMs)
    await gone
    clearTimeout(late)
  }
  rmSync(`/tmp/perf-${pid}.map`, { force: true })
}

/** What it says first. @throws DemoFailure when it ends before */
export function firstLine(child: ChildProcess, what: string): Promise<string> {
  return firstMatch(child, what, /^(.*)\n/)
}

/** The first group of a pattern in what a program writes to stdout and stderr. @throws DemoFailure when it ends before */
export function firstMatch(child: ChildProcess, what: string, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const read = (chunk: Buffer): void => {
      text += chunk.toString()
      const match = pattern.exec(text)
      if (match) resolve(match[1] as string)
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('error', (error) => reject(new DemoFailure(`${what} cannot be started: ${error.message}`)))
    child.once('exit', (code) => reject(new DemoFailure(`${what} ended with code ${code}:\n${text.trim()}`)))
  })
}
