// Profiles from files or stdin, whatever their format; what was lost on the way is said on stderr.
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Options } from '../config.ts'
import { printNumber } from '../flame/value.ts'
import { exitCodes, Failure } from '../model/errors.ts'
import { isPartial } from '../profile/losses.ts'
import { matchesPerfData } from '../profile/perf-data/header.ts'
import { parsePerfData, perfDataFormat } from '../profile/perf-data/parse.ts'
import type { Profile } from '../profile/profile.ts'
import { createFileSymbolizer } from '../symbols/file-symbolizer.ts'
import { note } from './output.ts'
import { expectFileOf } from './short-run.ts'

export interface ReadProfile {
  /** How to call it: the file's name without its folder, or `stdin`. */
  readonly name: string
  /** Title of the format, for people. */
  readonly format: string
  readonly sizeBytes: number
  readonly profile: Profile
}

export interface ReadOptions
  extends Pick<Options, 'symbolsDir' | 'kallsymsFile' | 'otherMachine' | 'noInline' | 'lines'> {
  /** Losses are part of the answer, so they are not repeated on stderr. */
  readonly quiet?: boolean
  /** One place per address, as converting needs, and not per function, which is twice as fast. */
  readonly keepsAddresses?: boolean
}

/**
 * @param path a file, or `-` for stdin
 * @throws Failure USAGE (no such file), NOT_A_PROFILE, MALFORMED, TOO_LARGE; messages name the file
 */
export async function readProfile(path: string, options: ReadOptions): Promise<ReadProfile> {
  const name = path === '-' ? 'stdin' : basename(path)
  try {
    const read = await readWithSymbols(path, options)
    if (!options.quiet)
      for (const { what, count } of read.profile.losses) note(`${name}: ${printNumber(count)} ${what}`)
    return { name, ...read }
  } catch (error) {
    if (error instanceof Failure) {
      throw new Failure(error.code, `${path === '-' ? 'stdin' : path}: ${error.message}`, {
        cause: error,
        details: error.details,
      })
    }
    throw fileFailure(path, error as NodeJS.ErrnoException)
  }
}

/** Exit code for what was read and shown: 5 where an input ended before it was whole. */
export function exitOf(...profiles: readonly Profile[]): number {
  return profiles.some(({ losses }) => isPartial(losses)) ? exitCodes.partial : 0
}

async function readWithSymbols(path: string, options: ReadOptions): Promise<Omit<ReadProfile, 'name'>> {
  const symbolizer = await createFileSymbolizer({
    ...(options.symbolsDir === undefined ? {} : { symbolsFolder: options.symbolsDir }),
    ...(options.kallsymsFile === undefined ? {} : { kallsyms: options.kallsymsFile }),
    sameMachine: !options.otherMachine,
    inlined: !options.noInline,
    lines: options.lines,
    ...(path === '-' ? {} : { recordedMs: statSync(path).mtimeMs }),
  })
  try {
    const read = isPerfDataFile(path)
      ? await readPerfData(path, { symbolizer, keepsAddresses: options.keepsAddresses ?? false })
      : await readAny(path, { symbolizer })
    if (!options.quiet) for (const text of symbolizer.notes) note(text)
    const losses = [...read.profile.losses, ...symbolizer.losses]
    return { ...read, profile: { ...read.profile, losses } }
  } finally {
    symbolizer.close()
  }
}

type SymbolizerOf = { symbolizer: Awaited<ReturnType<typeof createFileSymbolizer>> }

async function readAny(path: string, { symbolizer }: SymbolizerOf): Promise<Omit<ReadProfile, 'name'>> {
  const bytes = await readInput(path)
  // Loaded only here: a perf.data of half a minute is read in less time than the other formats take to load.
  const [{ readProfile: readBytes }, unpackers] = await Promise.all([
    import('../profile/formats.ts'),
    import('./fast-unpack.ts'),
  ])
  const { format, profile } = await readBytes(bytes, { ...unpackers, symbolizer })
  return { format: format.title, sizeBytes: bytes.length, profile }
}

/** The second reading would find it empty. @throws Failure USAGE */
export function refuseStdinTwice(paths: readonly string[]): void {
  if (paths.filter((path) => path === '-').length > 1) throw new Failure('USAGE', 'stdin (-) can be read only once')
}

/** @throws Failure USAGE, NOT_PERMITTED */
export async function readInput(path: string): Promise<Uint8Array> {
  if (path === '-' && process.stdin.isTTY) note('Reading a profile from the terminal; Ctrl-D ends it.')
  try {
    // Not readFileSync(0): a pipe that another program set non-blocking answers EAGAIN.
    return path === '-' ? await readStdin() : readFileSync(path)
  } catch (error) {
    throw fileFailure(path, error as NodeJS.ErrnoException)
  }
}

async function readStdin(): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of process.stdin) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** perf.data is the one format whose files are larger than memory: it is read piece by piece. */
async function readPerfData(
  path: string,
  options: SymbolizerOf & { keepsAddresses: boolean },
): Promise<Omit<ReadProfile, 'name'>> {
  const sizeBytes = statSync(path).size
  expectFileOf(sizeBytes)
  const profile = await parsePerfData(piecesOf(path), options)
  return { format: perfDataFormat.title, sizeBytes, profile }
}

/** Large enough that reading is not slowed down by calls, small beside what is made of it. */
const pieceBytes = 1024 * 1024

function* piecesOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, 'r')
  try {
    const piece = Buffer.allocUnsafe(pieceBytes)
    for (;;) {
      const length = readSync(file, piece)
      if (length === 0) return
      yield piece.subarray(0, length)
    }
  } finally {
    closeSync(file)
  }
}

function isPerfDataFile(path: string): boolean {
  if (path === '-' || !statSync(path).isFile()) return false
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(64)
    return matchesPerfData(head.subarray(0, readSync(file, head)))
  } finally {
    closeSync(file)
  }
}

function fileFailure(path: string, cause: NodeJS.ErrnoException): unknown {
  if (cause.code === 'ENOENT') return new Failure('USAGE', `there is no file ${path}`, { cause })
  if (cause.code === 'EISDIR' && existsSync(join(path, 'data.0'))) {
    return new Failure('USAGE', `${path} is of perf record --threads; run: perf script -i ${path} | spikecam flame -`, {
      cause,
    })
  }
  if (cause.code === 'EISDIR') return new Failure('USAGE', `${path} is a folder; name a file in it`, { cause })
  if (cause.code === 'EACCES') return new Failure('NOT_PERMITTED', `${path} may not be read`, { cause })
  if (cause.syscall) return new Failure('USAGE', `${path} cannot be read: ${cause.message}`, { cause })
  return cause
}
