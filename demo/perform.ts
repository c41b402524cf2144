// How every demo is performed: signals end it in order, whatever it started is taken down again, and its exit code says
// how it went. In a terminal it goes on serving until Ctrl-C.
import { Failure } from '../src/model/errors.ts'
import { DemoFailure, Stage, say } from './stage.ts'

export interface Performance {
  readonly stage: Stage
  /** Aborted when somebody ends the demo. */
  readonly signal: AbortSignal
}

/**
 * Ends the process: with 0, 1 when the story failed, 130 when it was ended.
 * @param story resolves to addresses of what can be looked at
 */
export async function perform(story: (performance: Performance) => Promise<string[]>): Promise<never> {
  const stage = new Stage()
  const stop = new AbortController()
  const interrupted = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason))
  })
  // Not `once`: while things are taken down a second Ctrl-C must not leave half of them.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stop.abort(new DemoFailure(`ended by ${signal}`)))
  }

  let exitCode = 0
  try {
    const urls = await Promise.race([story({ stage, signal: stop.signal }), interrupted])
    if (process.stdin.isTTY && process.stdout.isTTY) {
      say(`\nServing until Ctrl-C: ${urls.join(' ')}`)
      await interrupted.catch(() => undefined) // it is what was waited for
    }
  } catch (error) {
    exitCode = stop.signal.aborted ? 130 : 1
    const isTold = error instanceof DemoFailure || error instanceof Failure
    const text = isTold ? error.message : (error as Error).stack
    process.stderr.write(exitCode === 1 ? `\nThe demo failed: ${text}\n` : `\nThe demo was ${text}; cleaning up\n`)
  }
  try {
    await stage.clear()
  } catch (error) {
    exitCode ||= 1
    process.stderr.write(`\nThe demo could not clean up: ${(error as Error).message}\n`)
  }
  process.exit(exitCode)
}
