// Regular expressions as people type them into an option.
import { Failure } from '../model/errors.ts'

/** @throws Failure USAGE that says what is wrong with it */
export function toRegExp(option: string, text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (cause) {
    throw new Failure('USAGE', `${option}: ${(cause as Error).message}`, { cause })
  }
}
