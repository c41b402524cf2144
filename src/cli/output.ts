// Where answers go and what they look like: data on stdout or into files, everything else on stderr.
import { once } from 'node:events'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { directionMarks } from '../lib/direction-marks.ts'
import { Failure } from '../model/errors.ts'

export const forms = ['json', 'yaml', 'wide', 'name'] as const
export type Form = (typeof forms)[number]

/** What -o asked for: nothing, a form of the answer, or a place for bytes. */
export type Output = { readonly form: Form } | { readonly file: string } | undefined

/**
 * A file that is called like a form is written as `./json`.
 * @param allowed the forms of this command; another one is refused rather than taken for a file name
 */
export function readOutput(text: string | undefined, allowed: readonly Form[], { files = false } = {}): Output {
  if (text === undefined) return undefined
  if ((allowed as readonly string[]).includes(text)) return { form: text as Form }
  if (files && !(forms as readonly string[]).includes(text)) return { file: text }
  throw new Failure(
    'USAGE',
    `-o ${text}: this command writes ${[...allowed, ...(files ? ['FILE', '-'] : [])].join(', ')}`,
  )
}

/**
 * What a terminal obeys instead of showing it: escape sequences (ECMA-48), and marks that turn the direction of writing.
 * Names of threads, alerts and functions are whatever somebody made them.
 */
const obeyed = new RegExp(`(?![\\t\\n])[\\p{Cc}${directionMarks}]`, 'gu')

export const forTerminal = (text: string): string => text.replace(obeyed, '\ufffd')

/** Text to a terminal is made harmless; pipes and files get it as it is. */
export async function writeOut(data: string | Uint8Array): Promise<void> {
  await writeAsIs(typeof data === 'string' && process.stdout.isTTY ? forTerminal(data) : data)
}

/** Waits until the reader has taken it, so that a slow pipe does not fill memory. */
export async function writeAsIs(data: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(data)) await once(process.stdout, 'drain')
}

/** One line about the work, never part of the answer. */
export function note(text: string): void {
  process.stderr.write(`${process.stderr.isTTY ? forTerminal(text) : text}\n`)
}

/** `-` is stdout. A file appears whole or not at all: temporary name, fsync, rename. */
export async function writeBytes(path: string, data: string | Uint8Array): Promise<void> {
  if (path === '-') return writeOut(data)
  const temporary = join(dirname(path), `.spikecam-${process.pid}-${performance.now().toString(36).replace('.', '')}`)
  try {
    const file = openSync(temporary, 'wx')
    try {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (cause) {
    rmSync(temporary, { force: true })
    throw new Failure('USAGE', `${path} cannot be written: ${(cause as Error).message}`, { cause })
  }
}

/** True when `path` is a folder that exists, or is written like one. @throws Failure USAGE when nobody may look there */
export function isFolder(path: string): boolean {
  try {
    return path.endsWith('/') || (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)
  } catch (cause) {
    throw new Failure('USAGE', `${path} cannot be written: ${(cause as Error).message}`, { cause })
  }
}

/**
 * Asked before anything is recorded: a place that cannot be written must not cost somebody the recording.
 * @throws Failure USAGE
 */
export function requireWritable(path: string): void {
  if (path === '-') return
  let folder = isFolder(path) ? path : dirname(path)
  // Folders are made, with those above them; a file wants one that is there.
  while (isFolder(path) && !existsSync(folder)) folder = dirname(folder)
  try {
    accessSync(folder, constants.W_OK)
  } catch (cause) {
    throw new Failure('USAGE', `${path} cannot be written: ${(cause as Error).message}`, { cause })
  }
}

export async function writeJson(value: unknown): Promise<void> {
  await writeOut(`${JSON.stringify(value, undefined, 2)}\n`)
}

export async function writeForm(value: unknown, form: 'json' | 'yaml'): Promise<void> {
  if (form === 'json') return writeJson(value)
  const { stringify } = await import('yaml')
  await writeOut(stringify(value))
}

export interface Column {
  readonly title: string
  readonly align?: 'right'
  /** In a terminal that is too narrow for all of it the column may shrink to this. */
  readonly least?: number
}

/** A thread that has one in its name would make rows of its own, about whom it likes; also in a pipe. */
const lineBreaks = /[\t\n\v\f\r\u0085\u2028\u2029]/g

/** Columns of the terminal; undefined where there is none, and nothing is cut. */
export const terminalWidth = (): number | undefined => (process.stdout.isTTY ? process.stdout.columns : undefined)

/**
 * Columns as wide as they must be, two blanks between them, no blanks at the end of a line.
 * @param width that it should fit, by what columns can give
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = terminalWidth(),
): string {
  const whole = columns.map(({ title }, i) =>
    rows.reduce((most, row) => Math.max(most, row[i]?.length ?? 0), title.length),
  )
  const widths = fitWidths(columns, whole, width)
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => {
        const text = shorten(cell.replace(lineBreaks, '\ufffd'), widths[i]!)
        return columns[i]!.align === 'right' ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)
      })
      .join('  ')
      .trimEnd()
  return `${[columns.map(({ title }) => title), ...rows].map(line).join('\n')}\n`
}

/** What is too much is taken from the widest of the columns that may shrink, until another one is as wide. */
function fitWidths(columns: readonly Column[], whole: readonly number[], width: number | undefined): number[] {
  const widths = [...whole]
  let excess = widths.reduce((sum, each) => sum + each + 2, -2) - (width ?? Number.POSITIVE_INFINITY)
  const canGive = (i: number): boolean => widths[i]! > (columns[i]!.least ?? Number.POSITIVE_INFINITY)
  for (; excess > 0; excess--) {
    const givers = [...widths.keys()].filter(canGive)
    if (givers.length === 0) break
    const widest = givers.reduce((best, i) => (widths[i]! > widths[best]! ? i : best))
    widths[widest]! -= 1
  }
  return widths
}

/** `an_exceedingly_l…he_reconciler`: what tells functions apart stands at the end of their names, and where they are from at the beginning. */
function shorten(text: string, length: number): string {
  if (text.length <= length) return text
  const end = Math.floor((length - 1) / 2)
  return `${text.slice(0, length - 1 - end)}…${text.slice(text.length - end)}`
}
