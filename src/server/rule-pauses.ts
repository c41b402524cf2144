// Rules that somebody paused, in a file of the data folder: neither a restart nor new rules end a pause.
//
//   {"shop-cpu":{"atMs":1763713200000,"by":"ana","why":"load test until noon"}}
import { open, readFile } from 'node:fs/promises'
import { z } from 'zod'
import { RulePause } from '../api/shapes.ts'
import { Failure } from '../model/errors.ts'
import { publish } from '../store/durable.ts'

export interface RulePauses {
  /** By the name of the rule. */
  readonly all: ReadonlyMap<string, RulePause>
  /** Durable when it resolves. @param pause undefined ends it */
  set(rule: string, pause: RulePause | undefined): Promise<void>
}

const Document = z.record(z.string(), RulePause)

/** @throws Failure DATA_DAMAGED */
export async function openRulePauses(path: string): Promise<RulePauses> {
  const all = new Map(Object.entries(await read(path)))
  let last: Promise<void> = Promise.resolve()
  const write = async (): Promise<void> => {
    const temporary = `${path}.tmp`
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(JSON.stringify(Object.fromEntries(all)))
    } finally {
      await file.close()
    }
    await publish(temporary, path)
  }
  return {
    all,
    set: (rule, pause) => {
      if (pause) all.set(rule, pause)
      else all.delete(rule)
      const next = last.then(write)
      last = next.catch(() => undefined) // who asked is told
      return next
    },
  }
}

async function read(path: string): Promise<z.infer<typeof Document>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    return {} // nobody has paused anything
  }
  try {
    return Document.parse(JSON.parse(text))
  } catch (cause) {
    throw new Failure('DATA_DAMAGED', `${path} cannot be read: which rules are paused is not known`, { cause })
  }
}
