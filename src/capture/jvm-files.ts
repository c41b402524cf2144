// Files that a JVM writes for us into its own /tmp: fetched from there, and removed again.
import { closeSync, constants, fstatSync, lstatSync, opendirSync, openSync, readSync, unlinkSync } from 'node:fs'
import { newId } from '../lib/ids.ts'
import { Failure } from '../model/errors.ts'
import type { AttachedJvm } from './jvm-attach.ts'

/** What we name. */
const ours = /^spikecam-[0-9a-z]{20}\.(?:jfr|hprof)$/
/** No capture takes that long; what is older was left behind when an agent was killed. */
const forgottenMs = 3_600_000

/** A folder with more than this is somebody's heap of files, in which to look for ours would take its time. */
const maxLookedAt = 10_000

/** A name that nothing in its /tmp has: `spikecam-01kajs3v9d8f2h6k0mqz.jfr`. */
export const newFileName = (extension: '.jfr' | '.hprof'): string => `${newId('spikecam-')}${extension}`

/** Removes what an agent that was killed has left in its /tmp: a dump of the heap holds all of its secrets. */
export function removeForgotten(jvm: AttachedJvm): void {
  const folder = opendirSync(jvm.tmp, { bufferSize: 1024 })
  try {
    for (let i = 0; i < maxLookedAt; i++) {
      const name = folder.readSync()?.name
      if (name === undefined) return
      if (!ours.test(name)) continue
      const stats = lstatSync(`${jvm.tmp}/${name}`, { throwIfNoEntry: false })
      const isForgotten = stats?.isFile() && stats.uid === jvm.process.uid && stats.mtimeMs < Date.now() - forgottenMs
      if (isForgotten) removeJvmFile(jvm, name)
    }
  } finally {
    folder.closeSync()
  }
}

/**
 * Content of a file in the JVM's /tmp.
 * @throws Failure TOOL_FAILED when the JVM has written none, TOO_LARGE
 */
export function readJvmFile({ tmp, process }: AttachedJvm, name: string, maxBytes: number): Uint8Array {
  const fd = openOrUndefined(`${tmp}/${name}`)
  if (fd === undefined) throw new Failure('TOOL_FAILED', `the JVM has not written /tmp/${name}`)
  try {
    const stats = fstatSync(fd)
    // Somebody else in there could have put it, or a pipe that never ends, in the place.
    if (!stats.isFile() || (stats.uid !== process.uid && stats.uid !== 0)) {
      throw new Failure('TOOL_FAILED', `/tmp/${name} is not a file that the JVM has written`)
    }
    if (stats.size > maxBytes) {
      throw new Failure('TOO_LARGE', `/tmp/${name} has ${stats.size} bytes; ${maxBytes} are the most that is fetched`)
    }
    const bytes = Buffer.alloc(stats.size)
    let length = 0
    for (let read = 1; read > 0 && length < bytes.length; length += read) {
      read = readSync(fd, bytes, length, bytes.length - length, length)
    }
    return bytes.subarray(0, length)
  } finally {
    closeSync(fd)
  }
}

/** To open a pipe or a link waits or leads elsewhere: neither happens. */
function openOrUndefined(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  } catch {
    return undefined
  }
}

export function hasJvmFile({ tmp }: AttachedJvm, name: string): boolean {
  return lstatSync(`${tmp}/${name}`, { throwIfNoEntry: false }) !== undefined
}

/** Removes it if it is there. */
export function removeJvmFile({ tmp }: AttachedJvm, name: string): void {
  try {
    unlinkSync(`${tmp}/${name}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
