// Which files of a capture the page can open: CPU stacks first, else what a probe found that is a profile.
import { type Artifact, mediaTypes } from '../model/capture.ts'

const drawable: readonly string[] = [mediaTypes.pprof, mediaTypes.cpuprofile, mediaTypes.heapprofile, mediaTypes.folded]

export const isDrawable = ({ mediaType, evictedMs }: Artifact): boolean =>
  drawable.includes(mediaType) && evictedMs === undefined

/** Stacks of the whole node with their times, so that time and process can be chosen. */
export const isStacks = ({ probe, mediaType }: Artifact): boolean =>
  mediaType === mediaTypes.pprof && (probe === 'ring' || probe === 'perf')

/** The file to draw: the wanted one, else the stacks, else the first that can be; evicted stacks count as there. */
export function fileToDraw(artifacts: readonly Artifact[], wanted: string | undefined): Artifact | undefined {
  const own = artifacts.find((artifact) => artifact.id === wanted && isDrawable(artifact))
  return own ?? artifacts.find(isStacks) ?? artifacts.find(isDrawable)
}

/** `vm1.20261121_031500_UTC.pid_7.heap.pb.gz` -> `heap.pb.gz`: host, time and scope stand elsewhere on the page. */
export function shortName({ name }: Artifact): string {
  if (name.startsWith('stacks/')) return name.slice('stacks/'.length).split('/').at(-1) as string
  return /_UTC\.(?:[^.]*\.)?(.+)$/.exec(name)?.[1] ?? name
}
