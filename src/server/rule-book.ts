// The rules in force: read from a file when the server starts, and again when the file changes. A file that does not
// make sense leaves the old ones in force and says so. What somebody paused rests, whatever the file says.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { RulePause } from '../api/shapes.ts'
import { asFailure, Failure } from '../model/errors.ts'
import { readYamlDocument } from '../model/yaml-document.ts'
import { defaultRules, type Rules, readRules } from '../trigger/rule.ts'
import { requireSecrets } from './notify/secrets.ts'
import { openRulePauses } from './rule-pauses.ts'

export interface RuleBook {
  /** With those that are paused marked so. */
  readonly rules: Rules
  /** By the name of the rule. */
  readonly pauses: ReadonlyMap<string, RulePause>
  /** Durable when it resolves. */
  pause(rule: string, pause: RulePause): Promise<void>
  /** @throws Failure BAD_REQUEST when it is not paused, or the file says so */
  resume(rule: string): Promise<void>
  readonly file: string | undefined
  readonly loadedMs: number
  /** Why the file as it is now was not taken over. */
  readonly problem: string | undefined
  /** Reads the file where it has changed; also runs by itself. */
  look(): Promise<void>
  close(): void
}

/** A ConfigMap takes a minute to arrive anyway, and a look costs one system call. */
const defaultLookEveryMs = 1000

export interface RuleBookOptions {
  readonly file: string | undefined
  /** Where pauses are kept. */
  readonly dataDir: string
  readonly log: Logger
  readonly lookEveryMs?: number
}

/** @throws Failure BAD_CONFIG when the file cannot be read or makes no sense, DATA_DAMAGED */
export async function openRuleBook({
  file,
  dataDir,
  log,
  lookEveryMs = defaultLookEveryMs,
}: RuleBookOptions): Promise<RuleBook> {
  const pauses = await openRulePauses(join(dataDir, 'rule-pauses.json'))
  let rules = file === undefined ? defaultRules : await load(file)
  let stamp = file === undefined ? '' : await stampOf(file)
  let loadedMs = Date.now()
  let problem: string | undefined

  /** As the file was at the last look: one that is being written differs from look to look, and may be half there. */
  let seen = stamp
  const refresh = async (): Promise<void> => {
    if (file === undefined) return
    const now = await stampOf(file)
    const isSettled = now === seen
    seen = now
    // What was wrong may have been something else than the file, as a secret that was mounted later.
    if (!isSettled || (now === stamp && problem === undefined)) return
    try {
      rules = await load(file)
      loadedMs = Date.now()
      problem = undefined
      log.info({ file, rules: rules.rules.length }, 'the rules were read again')
    } catch (error) {
      const { message } = asFailure(error)
      if (message !== problem || now !== stamp) log.error({ file }, `the old rules stay in force: ${message}`)
      problem = message
    }
    stamp = now
  }
  const timer = setInterval(() => void refresh(), lookEveryMs)
  timer.unref()
  return {
    get rules() {
      if (pauses.all.size === 0) return rules
      return {
        ...rules,
        rules: rules.rules.map((rule) => (pauses.all.has(rule.name) ? { ...rule, paused: true } : rule)),
      }
    },
    pauses: pauses.all,
    pause: async (rule, pause) => {
      await pauses.set(rule, pause)
      log.info({ rule, ...pause }, 'a rule was paused')
    },
    resume: async (rule) => {
      if (!pauses.all.has(rule)) {
        const isInFile = rules.rules.some(({ name, paused }) => name === rule && paused)
        throw new Failure('BAD_REQUEST', `rule "${rule}" is not paused${isInFile ? ' here but by the rule file' : ''}`)
      }
      await pauses.set(rule, undefined)
      log.info({ rule }, 'a rule was resumed')
    },
    file,
    get loadedMs() {
      return loadedMs
    },
    get problem() {
      return problem
    },
    look: refresh,
    close: () => clearInterval(timer),
  }
}

async function load(file: string): Promise<Rules> {
  const rules = readRules(await readYamlDocument(`the rules ${file}`, () => readFile(file, 'utf8')), file)
  await requireSecrets(rules.receivers, process.env)
  return rules
}

/** Differs when the file was written; a ConfigMap replaces a link, which changes the inode. */
async function stampOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined)
  return found ? `${found.ino}:${found.mtimeMs}:${found.size}` : 'gone'
}
