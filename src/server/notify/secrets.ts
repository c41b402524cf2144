// Secrets of receivers: read from a file or the environment when they are needed, so that a new one counts at once, and
// taken out of every text that somebody may read.
import { readFile } from 'node:fs/promises'
import { Failure } from '../../model/errors.ts'
import { type Receiver, type Secret, secretsOf, whyNoAddress } from '../../trigger/receiver.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** @throws Failure BAD_CONFIG naming where the secret should have been, never what it is */
export async function readSecret({ file, env }: Secret, environment: Environment): Promise<string> {
  if (env !== undefined) {
    const value = environment[env]
    if (value) return value
    throw new Failure('BAD_CONFIG', `the environment variable ${env} is not set`)
  }
  let text: string
  try {
    text = await readFile(file ?? '', 'utf8')
  } catch (cause) {
    throw new Failure('BAD_CONFIG', `${file} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, { cause })
  }
  // Files of secrets end with a line end, which belongs to no secret.
  const value = text.replace(/\r?\n$/, '')
  if (value) return value
  throw new Failure('BAD_CONFIG', `${file} is empty`)
}

/** Both forms of a value in a rule file. */
export const readValue = async (value: string | Secret, environment: Environment): Promise<string> =>
  typeof value === 'string' ? value : readSecret(value, environment)

/** The address of a webhook, checked as one in the file is. @throws Failure BAD_CONFIG */
export async function readAddress(url: string | Secret, environment: Environment): Promise<string> {
  const text = await readValue(url, environment)
  const why = whyNoAddress(text)
  if (why) throw new Failure('BAD_CONFIG', `the address in ${placeOf(url)}: ${why}`)
  return text
}

const placeOf = (value: string | Secret): string =>
  typeof value === 'string' ? 'the rules' : value.env === undefined ? `${value.file}` : `the variable ${value.env}`

/** When rules are loaded: better then than at three in the morning. @throws Failure BAD_CONFIG */
export async function requireSecrets(receivers: readonly Receiver[], environment: Environment): Promise<void> {
  for (const receiver of receivers) {
    for (const [key, secret] of secretsOf(receiver)) {
      try {
        if (key === 'url') await readAddress(secret, environment)
        else await readSecret(secret, environment)
      } catch (error) {
        throw new Failure('BAD_CONFIG', `receiver ${receiver.name}: ${key}: ${(error as Error).message}`)
      }
    }
  }
}

/** Shorter than this is no secret, and would take letters out of every word. */
const shortestSecret = 4
/** `Bearer` and `Basic` are none; what follows them is, also when it is repeated alone. */
const shortestWord = 8

/** What receivers and libraries say may repeat what they were sent. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .flatMap((secret) => [secret, ...secret.split(/\s+/).filter(({ length }) => length >= shortestWord)])
    .filter(({ length }) => length >= shortestSecret)
    .toSorted((a, b) => b.length - a.length)
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
}
