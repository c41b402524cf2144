// Tells whether a process or thread began or ended since the last look, for less than it takes to list /proc.
//
//   /proc/loadavg   0.42 0.31 0.28 2/305 104872      running/existing tasks, then the PID that was given last
//
// (proc_loadavg(5).) Whatever is forked is given a PID, in every PID namespace around it, so also in ours.
import { closeSync, openSync, readSync } from 'node:fs'
import { digitsAt } from './proc-stat.ts'

/** List anyway after this many looks: one PID may have gone and another come, chosen by who restores a checkpoint. */
const mostUnchanged = 10

const slash = 47
const space = 32

export class TaskCensus {
  readonly #fd: number | undefined
  readonly #bytes = new Uint8Array(128)
  #tasks = -1
  #lastPid = -1
  #unchanged = 0

  constructor(proc = '/proc') {
    this.#fd = openIfThere(`${proc}/loadavg`)
  }

  /** Since the call before; true at the first one, and where nobody can tell. */
  hasChanged(): boolean {
    if (this.#fd === undefined) return true
    const length = readSync(this.#fd, this.#bytes, 0, this.#bytes.length, 0)
    const slashAt = this.#bytes.indexOf(slash)
    const tasks = digitsAt(this.#bytes, slashAt + 1, length)
    const lastPid = digitsAt(this.#bytes, this.#bytes.indexOf(space, slashAt) + 1, length)
    const isSame = tasks === this.#tasks && lastPid === this.#lastPid && ++this.#unchanged < mostUnchanged
    if (isSame) return false
    this.#tasks = tasks
    this.#lastPid = lastPid
    this.#unchanged = 0
    return true
  }

  /** The next call says that something changed. */
  forget(): void {
    this.#tasks = -1
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch {
    return undefined
  }
}
