// Command lines as they may be stored and shown.
import { closeSync, openSync, readSync } from 'node:fs'
import { redact } from './redact.ts'

/** More than this of a command line helps nobody, and classpaths have tens of kilobytes. */
const maxLength = 512
const maxShownBytes = 4096
/** What execve(2) takes at most unless somebody raised the stack's limit. */
const maxWordsBytes = 2 * 1024 * 1024
/** Kubernetes gives a pod seven variables for each of some thousand services. */
const maxWords = 50_000

/** The command line of a process, fit to be shown. @throws Error of the system call */
export const readCommandLine = (pid: number, proc = '/proc'): string =>
  printCommandLine(readHead(`${proc}/${pid}/cmdline`, maxShownBytes))

/** Arguments or variables of a process as they are, secrets included. @param folder /proc/PID. @throws Error of the system call */
export const readWords = (folder: string, file: 'cmdline' | 'environ'): string[] =>
  readHead(`${folder}/${file}`, maxWordsBytes).split('\0', maxWords)

/** The same; none of a process that has ended. @param folder /proc/PID */
export function wordsIfThere(folder: string, file: 'cmdline' | 'environ'): string[] {
  try {
    return readWords(folder, file)
  } catch {
    return []
  }
}

/**
 * Not to the end: any process may say that all of its memory is its command line or its environment (prctl(2),
 * PR_SET_MM_MAP), and all of it would come in here.
 */
function readHead(path: string, maxBytes: number): string {
  const fd = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(maxBytes)
    let length = 0
    for (let read = 1; read > 0 && length < maxBytes; length += read) {
      read = readSync(fd, bytes, length, maxBytes - length, null)
    }
    return bytes.toString('utf8', 0, length)
  } finally {
    closeSync(fd)
  }
}

/**
 * What /proc/PID/cmdline holds as one line: arguments joined by blanks, control characters gone (programs may write
 * anything there, escape sequences included), secrets hidden.
 */
export function printCommandLine(raw: string): string {
  const words = raw.slice(0, maxShownBytes).replace(/\0+$/, '')
  const clean = words.replace(/(?!\0)\p{Cc}+/gu, ' ').trim()
  return redact(clean).replace(/ +/g, ' ').slice(0, maxLength)
}
