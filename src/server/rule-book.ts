// The rules in force: read from a file when the server starts, and again when the file changes. A file that does not
// make sense leaves the old ones in force and says so.
import { readFile, stat } from 'node:fs/promises'
import type { Logger } from 'pino'
import { parse } from 'yaml'
import { asFailure, Failure } from '../model/errors.ts'
import { defaultRules, type Rules, readRules } from '../trigger/rule.ts'

export interface RuleBook {
  readonly rules: Rules
  readonly file: string | undefined
  readonly loadedMs: number
  /** Why the file as it is now was not taken over. */
  readonly problem: string | undefined
  close(): void
}

/** A ConfigMap takes a minute to arrive anyway, and a look costs one system call. */
const lookEveryMs = 2000

/** @throws Failure BAD_CONFIG when the file cannot be read or makes no sense */
export async function openRuleBook(file: string | undefined, log: Logger): Promise<RuleBook> {
  let rules = file === undefined ? defaultRules : await load(file)
  let stamp = file === undefined ? '' : await stampOf(file)
  let loadedMs = Date.now()
  let problem: string | undefined

  const refresh = async (): Promise<void> => {
    if (file === undefined) return
    const now = await stampOf(file)
    if (now === stamp) return
    stamp = now
    try {
      rules = await load(file)
      loadedMs = Date.now()
      problem = undefined
      log.info({ file, rules: rules.rules.length }, 'the rules were read again')
    } catch (error) {
      problem = asFailure(error).message
      log.error({ file }, `the old rules stay in force: ${problem}`)
    }
  }
  const timer = setInterval(() => void refresh(), lookEveryMs)
  timer.unref()
  return {
    get rules() {
      return rules
    },
    file,
    get loadedMs() {
      return loadedMs
    },
    get problem() {
      return problem
    },
    close: () => clearInterval(timer),
  }
}

async function load(file: string): Promise<Rules> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new Failure('BAD_CONFIG', `the rules ${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
  try {
    return readRules(parse(text), file)
  } catch (cause) {
    if (cause instanceof Failure) throw cause
    throw new Failure('BAD_CONFIG', `${file} is not YAML: ${(cause as Error).message.split('\n')[0]}`, { cause })
  }
}

/** Differs when the file was written; a ConfigMap replaces a link, which changes the inode. */
async function stampOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined)
  return found ? `${found.ino}:${found.mtimeMs}:${found.size}` : 'gone'
}
