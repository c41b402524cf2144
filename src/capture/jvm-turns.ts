// Two probes of one JVM at once, as in a bundle: while one counts what its threads use, the other does not make it load
// its flight recorder, whose hundred classes would stand in the table as the work of compilers and of `Attach Listener`.
import type { JvmProcess } from '../target/jvm-process.ts'

/** Ends of the windows that are open, by process. */
const counting = new Map<string, Promise<unknown>>()
/** Of one life of a process: its number may be given again. */
export const keyOf = ({ pid, startTicks }: JvmProcess): string => `${pid} ${startTicks}`

export function whileCounting<T>(process: JvmProcess, count: () => Promise<T>): Promise<T> {
  const key = keyOf(process)
  const counted = count()
  counting.set(key, counted)
  const end = (): void => void (counting.get(key) === counted && counting.delete(key))
  counted.then(end, end)
  return counted
}

/** Resolves once nobody counts. @returns false when `signal` came first */
export async function untilCounted(process: JvmProcess, signal: AbortSignal): Promise<boolean> {
  const window = counting.get(keyOf(process))
  if (window) {
    let onAbort = (): void => undefined
    const aborted = new Promise<void>((resolve) => {
      onAbort = () => resolve()
      signal.addEventListener('abort', onAbort, { once: true })
    })
    await Promise.race([window.catch(() => undefined), aborted])
    signal.removeEventListener('abort', onAbort)
  }
  return !signal.aborted
}
