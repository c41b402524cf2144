// Processes and threads as frames below the root of a tree, from the labels of the samples.
//   { pid: 4242, tid: 4250, comm: 'http-worker' }  ->  server (4242) ; http-worker (4250)
import type { FrameKeys } from './frames.ts'
import type { Label, Profile } from './profile.ts'

export type RootBy = 'none' | 'process' | 'thread'

export interface Roots {
  /** The profile's frames, and those of processes and threads behind them. */
  readonly keys: FrameKeys
  /** Different ways from the root, as rows of `keys`. */
  readonly paths: readonly (readonly number[])[]
  /** From label set to path. */
  readonly pathOf: Uint32Array
}

/** The text of a label, whichever way it was written. */
export function labelText(labels: readonly Label[], key: string): string | undefined {
  const label = labels.find((candidate) => candidate.key === key)
  return label && (label.str ?? String(label.num ?? 0n))
}

/** Samples without such labels stay directly below the root. */
export function rootFrames({ labelSets }: Profile, keys: FrameKeys, rootBy: RootBy): Roots {
  const paths: number[][] = [[]]
  const pathOf = new Uint32Array(labelSets.length)
  if (rootBy === 'none') return { keys, paths, pathOf }
  const names = [...keys.name]
  const frameIds = new Map<string, number>()
  const frame = (name: string): number => {
    let id = frameIds.get(name)
    if (id === undefined) {
      id = names.push(name) - 1
      frameIds.set(name, id)
    }
    return id
  }
  const processNames = nameProcesses(labelSets)
  const pathIds = new Map<string, number>([['', 0]])
  labelSets.forEach((labels, i) => {
    const pid = labelText(labels, 'pid')
    const process = pid === undefined ? undefined : processKey(pid, labels)
    const path = process === undefined ? [] : [frame(`${processNames.get(process) ?? 'process'} (${process})`)]
    const tid = labelText(labels, 'tid')
    // Formats that know threads by name only have the label `thread`.
    const name = labelText(labels, 'thread') ?? labelText(labels, 'comm')
    if (rootBy === 'thread' && (tid ?? name) !== undefined) {
      path.push(frame(tid === undefined ? `${name}` : `${name ?? 'thread'} (${tid})`))
    }
    const key = path.join()
    let id = pathIds.get(key)
    if (id === undefined) {
      id = paths.push(path) - 1
      pathIds.set(key, id)
    }
    pathOf[i] = id
  })
  const module = [...keys.module]
  const kind = [...keys.kind]
  while (kind.length < names.length) {
    module.push('')
    kind.push('thread')
  }
  return { keys: { length: names.length, name: names, module, kind }, paths, pathOf }
}

/** `4242`, `4242, owner 2`: a number that was given again is another process (ring/mark-owners.ts). */
export function processKey(pid: string, labels: readonly Label[]): string {
  const owner = labels.find(({ key }) => key === 'owner')?.num
  return owner === undefined ? pid : `${pid}, owner ${owner}`
}

/** A process is called after its main thread, whose tid is the pid, or by the label `process`; else by any thread. */
function nameProcesses(labelSets: readonly (readonly Label[])[]): Map<string, string> {
  const names = new Map<string, string>()
  for (const labels of labelSets) {
    const pid = labelText(labels, 'pid')
    const process = labelText(labels, 'process')
    const name = process ?? labelText(labels, 'comm')
    if (pid === undefined || name === undefined) continue
    const key = processKey(pid, labels)
    if (!names.has(key) || process !== undefined || labelText(labels, 'tid') === pid) names.set(key, name)
  }
  return names
}
