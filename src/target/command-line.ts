// Command lines as they may be stored and shown.
import { closeSync, openSync, readSync } from 'node:fs'
import { redact } from './redact.ts'

/** More than this of a command line helps nobody, and classpaths have tens of kilobytes. */
const maxLength = 512
/** Whoever runs may make its own as long as it likes (prctl(2), PR_SET_MM_MAP): no more than this is read and looked at. */
const maxReadBytes = 4096

/** The command line of a process, fit to be shown. @throws Error of the system call */
export function readCommandLine(pid: number, proc = '/proc'): string {
  const fd = openSync(`${proc}/${pid}/cmdline`, 'r')
  try {
    const bytes = Buffer.alloc(maxReadBytes)
    return printCommandLine(bytes.toString('utf8', 0, readSync(fd, bytes, 0, maxReadBytes, null)))
  } finally {
    closeSync(fd)
  }
}

/**
 * What /proc/PID/cmdline holds as one line: arguments joined by blanks, control characters gone (programs may write
 * anything there, escape sequences included), secrets hidden.
 */
export function printCommandLine(raw: string): string {
  const words = raw.slice(0, maxReadBytes).replace(/\0+$/, '')
  const clean = words.replace(/(?!\0)\p{Cc}+/gu, ' ').trim()
  return redact(clean).replace(/ +/g, ' ').slice(0, maxLength)
}
