// Which inspectors we have opened and not closed yet, on disk before they are opened: an agent that is killed in between
// leaves a port open on which anybody in that network can run code, and its next start closes it.
//
//   DATA/inspectors/4242-1843212.json    {"pid":4242,"startTicks":1843212,"id":"0f2c936f-b1cd-4ac9-aab3-f63b0f33d55e"}
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

export interface OpenedInspector {
  readonly pid: number
  readonly startTicks: number
  /** Of this opening of the inspector; Node makes a new one each time. Absent while it was not known yet. */
  readonly id?: string
}

export interface OpenedInspectors {
  /** Before the process is told to open it, and again once its id is known. */
  note(opened: OpenedInspector): void
  /** It is closed, or will not be closed by us. */
  forget(opened: OpenedInspector): void
  /** Those of earlier runs. */
  left(): OpenedInspector[]
}

/** @throws Error of the file system when the folder cannot be made */
export function openedInspectors(folder: string): OpenedInspectors {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const pathOf = ({ pid, startTicks }: OpenedInspector): string => join(folder, `${pid}-${startTicks}.json`)
  return {
    note: (opened) => {
      const path = pathOf(opened)
      const fd = openSync(`${path}.new`, 'w', 0o600)
      try {
        writeSync(fd, JSON.stringify(opened))
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      renameSync(`${path}.new`, path)
    },
    forget: (opened) => rmSync(pathOf(opened), { force: true }),
    left: () =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .flatMap((name) => readOpened(join(folder, name)) ?? []),
  }
}

/** For who keeps no record: tests, and programs that ask once. */
export const noRecord: OpenedInspectors = { note: () => undefined, forget: () => undefined, left: () => [] }

/** Undefined when it was struck out meanwhile, or cut by the end of the machine: then nothing was opened after it either. */
function readOpened(path: string): OpenedInspector | undefined {
  try {
    const { pid, startTicks, id } = JSON.parse(readFileSync(path, 'utf8')) as Partial<OpenedInspector>
    if (!Number.isInteger(pid) || !Number.isInteger(startTicks)) return undefined
    return { pid: pid as number, startTicks: startTicks as number, ...(typeof id === 'string' ? { id } : {}) }
  } catch {
    return undefined
  }
}
