// What the demo has running and has to take down again, in whatever way it ends. Programs get sessions of their own:
// Ctrl-C reaches the demo alone, and it ends them in order.
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'

export const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** What went wrong, for people; anything else that is thrown is a mistake of ours and shown with its stack. */
export class DemoFailure extends Error {}

/** A program that was started. */
export interface Actor {
  readonly pid: number
  /** The first group of a pattern in what it writes. @throws DemoFailure with all it wrote when it ends before */
  says(pattern: RegExp): Promise<string>
  /** Never resolves. @throws DemoFailure when it ends by itself */
  readonly gone: Promise<never>
}

export class Stage {
  readonly #takeDowns: (() => Promise<void> | void)[] = []

  /** Taken down in the opposite order of these calls. */
  atEnd(takeDown: () => Promise<void> | void): void {
    this.#takeDowns.push(takeDown)
  }

  /** @param name for messages */
  start(name: string, command: string, args: readonly string[]): Actor {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: cleanEnv() })
    this.atEnd(() => end(child))
    let text = ''
    let onText = (): void => undefined
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        text = (text + chunk.toString()).slice(-mostText)
        onText()
      })
    }
    const gone = new Promise<never>((_, reject) => {
      child.once('error', (error) => reject(new DemoFailure(`${name} cannot be started: ${error.message}`)))
      child.once('close', (code) => reject(new DemoFailure(`${name} ended with code ${code}:\n${text.trim()}`)))
    })
    gone.catch(() => undefined) // nobody may be waiting for it
    const says = (pattern: RegExp): Promise<string> => {
      const said = new Promise<string>((resolve) => {
        onText = () => {
          const match = pattern.exec(text)
          if (match) resolve(match[1] as string)
        }
        onText()
      })
      return Promise.race([said, gone])
    }
    return { pid: child.pid ?? -1, says, gone }
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

/** Without what settles another Spikecam on this machine, such as its token. */
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SPIKECAM_')))
}

/** The end of what a program wrote explains why it ended. */
const mostText = 4000
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
