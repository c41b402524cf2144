// Files by the path that a process itself would use, in its own mounts: links are followed as the container means them
// and never lead out of it, also while somebody in there swaps a folder for a link.
//
//   /etc/tls/tls.crt -> ..data/tls.crt, ..data -> ..2026_11_21_05_30_00.1/     how Kubernetes mounts a Secret
//   /var/run -> /run                                                            below /proc/PID/root, not our own /run
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs'

/** As the kernel: MAXSYMLINKS in include/linux/namei.h. */
const maxLinks = 40
const folderOnly = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const regularOnly = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW

export interface PlaceInside {
  /** Leads to it from here, and only as long as this is open: `/proc/self/fd/17/tls.crt`. */
  readonly path: string
  readonly stats: Stats
  close(): void
}

/**
 * Finds what a path means to a process. Every step is taken from an open folder, so no later change can redirect it.
 * @throws Error with the code of the system call: ENOENT, EACCES, ELOOP, ENOTDIR
 */
export function findInside(pid: number, path: string, proc = '/proc'): PlaceInside {
  const folders = [openSync(`${proc}/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY)]
  const closeDownTo = (count: number): void => {
    while (folders.length > count) closeSync(folders.pop() as number)
  }
  const close = (): void => closeDownTo(0)
  try {
    const steps = stepsOf(path)
    for (let links = 0; ; ) {
      const name = steps.pop() ?? '.'
      if (name === '..') {
        closeDownTo(Math.max(1, folders.length - 1))
        continue
      }
      const here = `/proc/self/fd/${folders.at(-1)}/${name}`
      const stats = lstatSync(here)
      if (stats.isSymbolicLink()) {
        if (++links > maxLinks) throw Object.assign(new Error(`too many links: ${path}`), { code: 'ELOOP' })
        const link = readlinkSync(here)
        if (link.startsWith('/')) closeDownTo(1)
        steps.push(...stepsOf(link))
      } else if (steps.length === 0) return { path: here, stats, close }
      else folders.push(openSync(here, folderOnly))
    }
  } catch (error) {
    close()
    throw error
  }
}

/** The next one last. */
const stepsOf = (path: string): string[] =>
  path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .reverse()

/**
 * The content of a regular file, by the path that the process would use.
 * @throws Error with the code of the system call; EFBIG when it is larger, EINVAL when it is no regular file
 */
export function readInside(pid: number, path: string, maxBytes: number): Buffer {
  const place = findInside(pid, path)
  try {
    // Before opening: to open a device may already act on it.
    if (!place.stats.isFile()) throw Object.assign(new Error(`not a regular file: ${path}`), { code: 'EINVAL' })
    const fd = openSync(place.path, regularOnly)
    try {
      return readWhole(fd, path, maxBytes)
    } finally {
      closeSync(fd)
    }
  } finally {
    place.close()
  }
}

function readWhole(fd: number, path: string, maxBytes: number): Buffer {
  const { size } = fstatSync(fd)
  const bytes = Buffer.alloc(Math.min(size, maxBytes) + 1) // one more tells a file that is or becomes larger
  let length = 0
  for (let read = 1; read > 0 && length < bytes.length; length += read) {
    read = readSync(fd, bytes, length, bytes.length - length, length)
  }
  if (length > maxBytes) throw Object.assign(new Error(`larger than ${maxBytes} bytes: ${path}`), { code: 'EFBIG' })
  return bytes.subarray(0, length)
}
