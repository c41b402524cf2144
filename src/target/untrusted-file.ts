// Opens files that lie in a container, which may be somebody's trap: a pipe that never answers, a device, or a link out
// of the container, in the file's own place or in that of a folder above it.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { findInside } from './inside-root.ts'

/** A `release` file or a header is a few kilobytes. */
const maxTextBytes = 256 * 1024
const regularOnly = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW

/** Whose file it is. */
export interface Inside {
  readonly pid: number
  readonly proc: string
}

/** @returns a descriptor of a regular file, or undefined when it is anything else, absent, or not permitted */
export function openInContainer({ pid, proc }: Inside, path: string): number | undefined {
  try {
    const place = findInside(pid, path, proc)
    try {
      if (!place.stats.isFile()) return undefined // before opening: to open a device may already act on it
      const fd = openSync(place.path, regularOnly)
      if (fstatSync(fd).isFile()) return fd
      closeSync(fd)
    } finally {
      place.close()
    }
  } catch {
    // not there, or not ours to read
  }
  return undefined
}

/** The program of a process, whatever became of its path. */
export function openProgram({ pid, proc }: Inside): number | undefined {
  try {
    return openSync(`${proc}/${pid}/exe`, 'r')
  } catch {
    return undefined // it ended, or is a kernel thread
  }
}

/** The beginning of a small text file; empty when there is none. */
export function readTextInContainer(inside: Inside, path: string): string {
  const fd = openInContainer(inside, path)
  if (fd === undefined) return ''
  try {
    const bytes = Buffer.alloc(maxTextBytes)
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0))
  } finally {
    closeSync(fd)
  }
}

/** Text that somebody in a container chose, as it may stand in a table: on one line, and no longer than such text is. */
export const plainText = (text: string, maxLength: number): string =>
  text
    .slice(0, maxLength)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
