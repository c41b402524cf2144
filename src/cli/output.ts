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
}

/** Columns as wide as they must be, two blanks between them, no blanks at the end of a line. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, i) => Math.max(column.title.length, ...rows.map((row) => (row[i] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (columns[i]!.align === 'right' ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  return `${[columns.map(({ title }) => title), ...rows].map(line).join('\n')}\n`
}
