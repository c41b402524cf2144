// Opens files that lie in a container, which may be somebody's trap: a pipe that never answers, a device, or a link out
// of the container, since links below /proc/PID/root are followed from our own root.
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'

/** A `release` file or a header is a few kilobytes. */
const maxTextBytes = 256 * 1024
const regularOnly = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW

/** @returns a descriptor of a regular file, or undefined when it is anything else, absent, or not permitted */
export function openInContainer(path: string): number | undefined {
  try {
    if (!lstatSync(path).isFile()) return undefined // before opening: to open a device may already act on it
    const fd = openSync(path, regularOnly)
    if (fstatSync(fd).isFile()) return fd
    closeSync(fd)
  } catch {
    // not there, or not ours to read
  }
  return undefined
}

/** The program of a process, whatever became of its path. @param folder `/proc/PID` */
export function openProgram(folder: string): number | undefined {
  try {
    return openSync(`${folder}/exe`, 'r')
  } catch {
    return undefined // it ended, or is a kernel thread
  }
}

/** The beginning of a small text file; empty when there is none. */
export function readTextInContainer(path: string): string {
  const fd = openInContainer(path)
  if (fd === undefined) return ''
  try {
    const bytes = Buffer.alloc(maxTextBytes)
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0))
  } finally {
    closeSync(fd)
  }
}
