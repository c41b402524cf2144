// The one program. The first word picks what it is: agent, server, both at once (`up`), or a command for people.
// Each is loaded only when asked for, so that `spikecam top` does not wait for a database to load.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { isMainThread, workerData } from 'node:worker_threads'
import packageJson from '../package.json' with { type: 'json' }
import { type CommandName, type Config, commands, readConfig, type World } from './config.ts'
import { asFailure, exitCodes, type Failure } from './model/errors.ts'

async function run(config: Config): Promise<number> {
  const { command } = config
  if (command === 'version') {
    process.stdout.write(`spikecam ${packageJson.version}\n`)
    return 0
  }
  if (command === 'help') {
    const { renderHelp } = await import('./cli/help.ts')
    process.stdout.write(await renderHelp(config.args[0] as CommandName | undefined))
    return 0
  }
  if (command === 'up' || command === 'agent' || command === 'server') return runMain(command, config)
  const { runCommand } = await import('./cli/run.ts')
  return runCommand(command, config)
}

/** This file, unbuilt or bundled; workers are started from it too. */
const program = new URL(import.meta.url)
const isBundled = !program.pathname.endsWith('/src/main.ts')
const uiDir = fileURLToPath(new URL(isBundled ? './ui' : '../dist/ui', program))

let isMainRunning = false

/** Runs until Ctrl-C or SIGTERM, then ends what runs in the order in which the evidence travels. */
async function runMain(command: 'up' | 'agent' | 'server', { options }: Config): Promise<number> {
  isMainRunning = true
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve)
  })
  const { createLog } = await import('./cli/log.ts')
  const log = createLog(options.logLevel)
  const { version } = packageJson
  const closing: (() => Promise<void>)[] = []
  const unrecordable: Promise<never>[] = []
  const { token, agentToken = token } = options
  let serverUrl = options.server
  try {
    if (command !== 'agent') {
      const { startServer } = await import('./server/server.ts')
      const hasUi = existsSync(uiDir)
      if (!hasUi) log.warn('the UI is not built, so there is only the API; run: make build')
      const server = await startServer({
        listen: options.listen,
        dataDir: options.dataDir,
        dataBudgetBytes: options.dataBudgetBytes,
        dataAgeMs: options.dataAgeMs,
        captureLimits: { perNode: options.capturesPerNode },
        version,
        log,
        program,
        ...(hasUi ? { uiDir } : {}),
        ...(token ? { token } : {}),
        ...(agentToken ? { agentToken } : {}),
        ...(options.publicUrl ? { publicUrl: options.publicUrl } : {}),
        ...(options.rules ? { rulesFile: options.rules } : {}),
        hooks: {
          ...(options.hookBasic ? { basic: options.hookBasic } : {}),
          ...(options.hookSecret ? { secret: options.hookSecret } : {}),
          ...(options.hookTimestampHeader ? { timestampHeader: options.hookTimestampHeader } : {}),
        },
      })
      closing.unshift(() => server.close())
      serverUrl = reachable(server.url)
      process.stdout.write(`Spikecam is at ${serverUrl}\n`)
    }
    if (command !== 'server') {
      const { startAgent } = await import('./agent/agent.ts')
      const { agentOptions } = await import('./agent/from-options.ts')
      const agent = await startAgent(agentOptions(options, { serverUrl, token: agentToken, version, program, log }))
      closing.unshift(() => agent.close())
      // A node's agent outlives whatever is wrong and tries again; a person in front of `up` is told at once.
      if (command === 'up') unrecordable.push(agent.recording.then(never, () => refuseIfUnrecordable(options)))
    }
    if (options.open) void openUi(serverUrl)
    const signal = await Promise.race([stopped, ...unrecordable])
    log.info(`ending: ${signal}`)
    return signal === 'SIGINT' ? exitCodes.interrupted : 0
  } finally {
    for (const close of closing) await close()
  }
}

const never = (): Promise<never> => new Promise(() => undefined)

/** @throws Failure when this machine cannot be recorded as it is; otherwise the agent's own attempts will do */
async function refuseIfUnrecordable(options: Config['options']): Promise<never> {
  const { whyUnrecordable } = await import('./cli/doctor.ts')
  const failure = whyUnrecordable(options.perf, options.dataDir)
  if (failure) throw failure
  return never()
}

/** An address to connect to: one that listens on every address is reached by loopback. */
function reachable(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//127.0.0.1:')
}

async function openUi(url: string): Promise<void> {
  const { openBrowser } = await import('./cli/open.ts')
  if (!(await openBrowser(url))) process.stderr.write(`No browser could be started here; open ${url}\n`)
}

/** Command line and environment, and the YAML file where they name one. */
async function readWholeConfig(argv: readonly string[]): Promise<Config> {
  const world: World = { isRoot: process.getuid?.() === 0, home: homedir(), hostname: hostname() }
  const config = readConfig(argv, process.env, { world })
  const path = config.options.configFile
  if (path === undefined) return config
  const { readYamlDocument } = await import('./model/yaml-document.ts')
  const document = await readYamlDocument(`the configuration ${path}`, () => readFile(path, 'utf8'))
  return readConfig(argv, process.env, { world, file: { path, document } })
}

/** Message and next step on stderr. @returns the exit code */
function report(failure: Failure, argv: readonly string[]): number {
  const command = argv.find((word) => Object.hasOwn(commands, word))
  const advice = failure.code === 'USAGE' ? `Run: spikecam ${command ? `${command} ` : ''}--help` : failure.advice
  process.stderr.write(`spikecam: ${failure.message}\n  next step: ${advice}\n`)
  const { stack } = failure.details
  if (failure.code === 'INTERNAL' && typeof stack === 'string') process.stderr.write(`${stack}\n`)
  return failure.exit
}

/** A reader that has seen enough (`| head`) closes the pipe; that is success. */
function endQuietlyWhenNobodyReads(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
}

/** The recorder and the analyst are this program too, each in a thread of its own. */
async function runWorker(): Promise<void> {
  if ((workerData as { worker?: string }).worker === 'recorder') {
    const { runAgentWorker } = await import('./agent/worker.ts')
    await runAgentWorker()
  } else await import('./server/analyst-worker.ts')
}

async function runProgram(argv: readonly string[]): Promise<void> {
  endQuietlyWhenNobodyReads()
  try {
    process.exitCode = await run(await readWholeConfig(argv))
  } catch (error) {
    process.exitCode = report(asFailure(error), argv)
  }
  // A main has closed what it opened; nothing that it forgot may keep it alive. Other commands may still be writing.
  if (isMainRunning) process.exit()
}

if (isMainThread) await runProgram(process.argv.slice(2))
else await runWorker()
