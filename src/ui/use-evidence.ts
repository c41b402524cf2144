// Everything that an incident's page shows, asked for as the view wants it: capture, profile, slices, processes, usage.
import { useMemo } from 'react'
import type { IncidentDetail } from '../api/shapes.ts'
import type { Artifact, Capture } from '../model/capture.ts'
import { fileToDraw, isDrawable, isStacks } from './evidence-file.ts'
import { useProcesses, useProfile, useSeries, useSlice } from './queries.ts'
import { rangesOf } from './ranges.ts'
import type { SliceRequest } from './slice.ts'
import type { View } from './view-state.ts'

export function useEvidence({ incident, captures, artifacts }: IncidentDetail, view: View) {
  const filesOf = (capture: Capture) => artifacts.filter(({ captureId }) => captureId === capture.id)
  // Newest first, as the server lists them: the oldest is the one that the incident began with.
  const oldestWith = (isOne: (file: Artifact) => boolean): Capture | undefined =>
    captures.findLast((capture) => filesOf(capture).some(isOne))
  const capture =
    captures.find(({ id }) => id === view.capture) ?? oldestWith(isStacks) ?? oldestWith(isDrawable) ?? captures.at(-1)
  const files = capture ? filesOf(capture) : []
  const artifact = fileToDraw(files, view.file)
  const profile = useProfile(artifact)
  const series = useSeries(incident.id, `${capture?.state} ${artifacts.length}`)
  const ranges = useMemo(
    () => (capture ? rangesOf(incident, capture, view.range) : undefined),
    [incident, capture, view.range],
  )
  const { target } = incident
  const shown = useMemo<SliceRequest | undefined>(
    () =>
      ranges && {
        during: ranges.during,
        ...(ranges.before && { before: ranges.before }),
        who: view.who,
        target,
        ...(view.focus && { focus: view.focus }),
        ignore: view.ignore,
      },
    [ranges, view.who, view.focus, view.ignore, target],
  )
  // The headline speaks of the incident, whatever is looked at below.
  const told = useMemo<SliceRequest | undefined>(
    () =>
      ranges && {
        during: ranges.spike,
        ...(ranges.before && { before: ranges.before }),
        who: { kind: 'target' },
        target,
        ignore: [],
      },
    [ranges, target],
  )
  const listed = useMemo(
    () => ranges && { during: ranges.during, ...(ranges.before && { before: ranges.before }), target },
    [ranges, target],
  )
  const desk = profile.data
  return {
    capture,
    files,
    artifact,
    profile,
    desk,
    ranges,
    series,
    slice: useSlice(artifact?.id, desk, shown),
    whole: useSlice(artifact?.id, desk, told),
    processes: useProcesses(artifact?.id, desk, listed),
  }
}
