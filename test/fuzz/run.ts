// `make fuzz`: damaged input for every parser, each for as long as is asked for, as many at a time as there are cores.
// Every parser runs in a thread of its own, so that one that never comes back is seen and ended, too. What breaks a
// parser is kept in a file whose name is printed.
//
//   node test/fuzz/run.ts [--seconds 3600] [--seed N] [PARSER …]
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type FuzzReport, fuzz, keepInput } from './fuzz.ts'
import { maxMutantBytes } from './mutate.ts'
import { parsers } from './parsers.ts'

/** Far above the two seconds of CPU time that a parser may take: on a busy machine those are ten or more of the clock. */
const neverMs = 60_000
/** Heap of a thread; what a parser may take is checked after each input, this ends what does not get so far. */
const mostHeapMb = 2048

interface Job {
  readonly name: string
  readonly seconds: number
  readonly seed: number
  /** Words: number of inputs so far, size of the latest; behind them the latest input. */
  readonly shared: SharedArrayBuffer
}

async function work({ name, seconds, seed, shared }: Job): Promise<FuzzReport> {
  const words = new Int32Array(shared, 0, 2)
  const latest = new Uint8Array(shared, 8)
  return fuzz(parsers.find((parser) => parser.name === name)!, {
    seconds,
    seed,
    onInput: (input) => {
      latest.set(input)
      words[1] = input.length
      Atomics.add(words, 0, 1)
    },
  })
}

/** @returns what broke the parser; undefined when nothing did */
function run(name: string, { seconds, seed }: { seconds: number; seed: number }): Promise<string | undefined> {
  const shared = new SharedArrayBuffer(8 + maxMutantBytes)
  const words = new Int32Array(shared, 0, 2)
  const worker = new Worker(import.meta.filename, {
    workerData: { name, seconds, seed, shared } satisfies Job,
    resourceLimits: { maxOldGenerationSizeMb: mostHeapMb },
  })
  const latest = (): string => keepInput(new Uint8Array(shared, 8).slice(0, words[1]))
  return new Promise((done) => {
    let seen = -1
    const watch = setInterval(() => {
      if (words[0] === seen && seen > 0) {
        clearInterval(watch)
        worker.terminate()
        done(`${latest()}: still not read after ${neverMs / 1000} s`)
      }
      seen = words[0]!
    }, neverMs)
    worker.once('message', ({ inputs, refused }: FuzzReport) => {
      clearInterval(watch)
      process.stdout.write(`${name}: ${inputs} inputs, ${refused} refused\n`)
      done(inputs === 0 ? 'there was nothing to damage: the tool that makes its files is not installed' : undefined)
    })
    worker.once('error', (error: NodeJS.ErrnoException) => {
      clearInterval(watch)
      done(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? `${latest()}: ran out of memory` : error.message)
    })
  })
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      seconds: { type: 'string', default: '3600' },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1000)) },
    },
    allowPositionals: true,
  })
  const unknown = positionals.filter((name) => !parsers.some((parser) => parser.name === name))
  if (unknown.length > 0) throw new Error(`${unknown} is none of ${parsers.map(({ name }) => name).join(', ')}`)
  const waiting = parsers.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  process.stdout.write(`FUZZ_SEED=${values.seed} repeats this run\n`)
  const next = async (): Promise<void> => {
    for (let parser = waiting.shift(); parser; parser = waiting.shift()) {
      const broken = await run(parser.name, { seconds: Number(values.seconds), seed: Number(values.seed) })
      if (broken === undefined) continue
      process.stdout.write(`${parser.name}: ${broken}\n`)
      process.exitCode = 1
    }
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), waiting.length) }, next))
}

if (isMainThread) await main()
else parentPort!.postMessage(await work(workerData as Job))
