// A file that stays open, so that what was deleted or replaced since still answers. The one place that opens files here.
import { closeSync, constants, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import type { ByteSource } from './byte-source.ts'

export interface OpenFile extends ByteSource {
  /** Size when it was opened or `sizeNow` was last called, bytes. */
  readonly size: number
  readonly device: string
  readonly inode: number
  readonly uid: number
  /** Size now; a perf map grows. */
  sizeNow(): number
  close(): void
}

/**
 * Opens a regular file for reading. Never follows a symlink in the last component and never blocks on a FIFO,
 * because the path may lie in a container whose owner would like us to read something else.
 * @returns undefined when there is no such file or it may not be read
 */
export function openFile(path: string, { followLinks = false }: { followLinks?: boolean } = {}): OpenFile | undefined {
  // Most places where a file is looked for have none, and the error that says so takes ten times as long to make.
  if (!existsSync(path)) return undefined
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | (followLinks ? 0 : constants.O_NOFOLLOW))
  } catch {
    // Gone, or not ours to read: the caller counts the miss.
    return undefined
  }
  const stat = fstatSync(fd)
  if (!stat.isFile()) {
    closeSync(fd)
    return undefined
  }
  let open = true
  let { size } = stat
  return {
    get size() {
      return size
    },
    device: printDevice(stat.dev),
    inode: stat.ino,
    uid: stat.uid,
    readInto(target, offset) {
      if (!open || !(offset >= 0)) return 0
      let done = 0
      try {
        while (done < target.length) {
          const count = readSync(fd, target, done, target.length - done, offset + done)
          if (count === 0) break
          done += count
        }
      } catch {
        // A read error (a vanished network disk) is the same as the end: the name is then unknown.
      }
      return done
    },
    sizeNow() {
      size = open ? fstatSync(fd).size : 0
      return size
    },
    close() {
      if (open) closeSync(fd)
      open = false
    },
  }
}

/**
 * `st_dev` as /proc/PID/maps and PERF_RECORD_MMAP2 name it: `fe:01`, hex major and minor.
 * The bits are glibc's gnu_dev_makedev: mmmm mmmm mmmm nnnn nnnn nnnn MMMM MMMM MMMM nnnn nnnn (64 bits).
 */
export function printDevice(dev: number): string {
  const low = (dev % 2 ** 32) >>> 0
  const high = Math.floor(dev / 2 ** 32)
  const major = ((low >>> 8) & 0xfff) + (high & ~0xfff)
  const minor = (low & 0xff) + ((low >>> 12) & 0xfff00)
  return `${hex2(major)}:${hex2(minor)}`
}

/** `8:1`, `08:01` and `FE:1` all become the form of `printDevice`. */
export function normalizeDevice(device: string): string {
  const [major = '', minor = ''] = device.split(':')
  return `${hex2(Number.parseInt(major, 16))}:${hex2(Number.parseInt(minor, 16))}`
}

const hex2 = (value: number): string => value.toString(16).padStart(2, '0')
