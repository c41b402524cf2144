// Watches what a parser does with damaged files: it may refuse with a Failure or count losses, but never crash
// otherwise, hang, or take memory out of proportion.
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure } from '../../src/model/errors.ts'
import { mutate, Random } from './mutate.ts'

/** Something that reads bytes from elsewhere. */
export interface Parser<Result = unknown> {
  readonly name: string
  /** Good files to damage. Empty where what makes them is not installed. */
  files(): readonly Uint8Array[] | Promise<readonly Uint8Array[]>
  /** Reads one; may throw a Failure and nothing else. */
  parse(bytes: Uint8Array): Result | Promise<Result>
  /** What is done with what was read; it may throw a Failure, too. */
  use?(result: Result): unknown
}

/** Keeps what the parser gives to its `use`, and lets parsers of different things stand in one table. */
export const parser = <Result>(row: Parser<Result>): Parser => row as Parser

export interface FuzzOptions {
  readonly seconds: number
  /** The same seed gives the same inputs, in the same order. */
  readonly seed: number
  /** Told of every input before it is parsed. */
  readonly onInput?: (input: Uint8Array) => void
}

export interface FuzzReport {
  readonly inputs: number
  readonly refused: number
}

/** Issue 3: a parser hangs when it takes more than two seconds, whatever the input. */
const hangMs = 2000
/** Issue 3: and it takes too much memory above four times the input and this. */
const extraBytes = 64 * 1024 * 1024

/**
 * Gives a parser damaged files for some time.
 * @throws Error with the file of the input, when the parser crashes, hangs or takes too much memory
 */
export async function fuzz(parser: Parser, { seconds, seed, onInput }: FuzzOptions): Promise<FuzzReport> {
  const files = await parser.files()
  const random = new Random(seed)
  const endMs = performance.now() + seconds * 1000
  let inputs = 0
  let refused = 0
  for (; performance.now() < endMs && files.length > 0; inputs++) {
    const input = mutate(files, random)
    onInput?.(input)
    const { cpuMs, grownBytes, isRefused } = await attempt(parser, input)
    if (isRefused) refused++
    // The first inputs also pay for compiling the parser: a second look tells.
    if (cpuMs > hangMs && (await attempt(parser, input)).cpuMs > hangMs) {
      throw new Error(`${keepInput(input)}: took ${Math.round(cpuMs)} ms of CPU time`)
    }
    if (grownBytes > 4 * input.length + extraBytes) {
      throw new Error(`${keepInput(input)}: took ${Math.round(grownBytes / 1e6)} MB for ${input.length} bytes`)
    }
  }
  return { inputs, refused }
}

async function attempt({ parse, use }: Parser, input: Uint8Array) {
  const start = process.threadCpuUsage()
  const startBytes = allocatedBytes()
  let grownBytes = 0
  let isRefused = false
  try {
    const result = await parse(input)
    grownBytes = allocatedBytes() - startBytes
    await use?.(result)
  } catch (error) {
    if (!(error instanceof Failure)) throw new Error(`${keepInput(input)}: ${(error as Error).stack ?? error}`)
    grownBytes ||= allocatedBytes() - startBytes
    isRefused = true
  }
  const { user, system } = process.threadCpuUsage(start)
  return { cpuMs: (user + system) / 1000, grownBytes, isRefused }
}

/** What is allocated and not collected yet, which is at most what was in use at once. */
function allocatedBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** @returns the file that holds it now */
export function keepInput(input: Uint8Array): string {
  const file = join(tmpdir(), `spikecam-fuzz-${Date.now()}-${process.pid}`)
  writeFileSync(file, input)
  return file
}
