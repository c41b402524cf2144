// One incident on one time axis: the sentence, the chart, the picture with its table, the evidence, the files.
import { useCallback, useMemo } from 'react'
import type { IncidentDetail } from '../api/shapes.ts'
import { printDurationMs } from '../lib/units.ts'
import { printTarget } from '../model/target.ts'
import { CapturePicker } from './capture-picker.tsx'
import { useSource } from './client-context.tsx'
import { Downloads } from './downloads.tsx'
import { isStacks, shortName } from './evidence-file.ts'
import { FlamePanel } from './flame-panel.tsx'
import { coresOf, hasChildren, headlineOf } from './headline.ts'
import { IncidentHead } from './incident-head.tsx'
import { NoProfile } from './no-profile.tsx'
import { NotesPanel } from './notes-panel.tsx'
import { ProbesPanel } from './probes-panel.tsx'
import { qualityFacts } from './quality.ts'
import { QualityLine } from './quality-line.tsx'
import { useIncident } from './queries.ts'
import { useLinkHandler } from './router.ts'
import type { TimeRange } from './slice.ts'
import { TimePicker } from './time-picker.tsx'
import { Timeline } from './timeline.tsx'
import { Trouble } from './trouble.tsx'
import { useEvidence } from './use-evidence.ts'
import { useTitle } from './use-title.ts'
import { useView } from './use-view.ts'
import { WhoPicker } from './who-picker.tsx'

export function IncidentPage({ id, isLive }: { id: string; isLive: boolean }) {
  const detail = useIncident(id, isLive)
  const { saved } = useSource()
  const onClick = useLinkHandler()
  // What is there stays there while the server is away: somebody reads it.
  if (detail.error && !detail.data) {
    return (
      <main>
        <Trouble error={detail.error} doing="Loading the incident">
          {!saved && (
            <p>
              <a href="/" onClick={onClick}>
                All incidents
              </a>
            </p>
          )}
        </Trouble>
      </main>
    )
  }
  if (!detail.data) return <p className="wait">Loading the incident…</p>
  return <Incident detail={detail.data} error={detail.error} />
}

/** @param error why there is no news of it */
function Incident({ detail, error }: { detail: IncidentDetail; error: Error | null }) {
  const { incident } = detail
  const [view, changeView] = useView()
  const { capture, files, artifact, profile, desk, ranges, series, slice, whole, processes } = useEvidence(detail, view)

  const onBrush = useCallback(
    (range: TimeRange | undefined) => {
      const { onsetMs } = incident
      changeView({ range: range && [Math.round(range.fromMs - onsetMs), Math.round(range.toMs - onsetMs)] })
    },
    [changeView, incident],
  )
  // A recording that has nothing of the spike does not tell who burned then; the watcher and earlier evidence do.
  const isElsewhere = ranges?.covered === 'nothing' && whole.data?.isOfNode
  const headline = headlineOf(incident, isElsewhere ? undefined : whole.data)
  useTitle([headline.function?.name, headline.who, 'Spikecam'].filter(Boolean).join(' · '))
  const facts = useMemo(() => (capture ? qualityFacts(capture, desk?.info.losses) : []), [capture, desk])
  const subtitle = ranges ? describeRange(ranges.during, incident.node) : ''

  return (
    <main className="incident">
      {error && <Trouble error={error} doing="Asking the server for news" />}
      <IncidentHead detail={detail} capture={capture} headline={headline} />
      <NotesPanel detail={detail} />
      <section className="chart" aria-label="Timeline">
        {series.error && <Trouble error={series.error} doing="Loading the usage" />}
        <Timeline
          incident={incident}
          capture={capture}
          series={series.data?.series ?? noSeries}
          ranges={ranges}
          isBrushed={view.range !== undefined}
          onBrush={onBrush}
        />
        <p className="chart-note">
          <span className="key target">
            {printTarget(incident.target)}
            {whole.data && hasChildren(whole.data) && ' alone'}
          </span>
          <span className="key machine">whole node</span>
          {capture?.ringHz && capture.boundaryMs !== capture.fromMs && (
            <span className="key ring">stacks at {capture.ringHz} Hz</span>
          )}
          {capture?.deepHz && <span className="key deep">at {capture.deepHz} Hz</span>}
          <span className="grow" />
          {ranges && artifact && isStacks(artifact) && (
            <TimePicker incident={incident} ranges={ranges} isBrushed={view.range !== undefined} onBrush={onBrush} />
          )}
        </p>
      </section>
      {capture && (
        <CapturePicker
          captures={detail.captures}
          shown={capture}
          onCapture={({ id }) =>
            changeView({ capture: id, file: undefined, range: undefined, zoom: undefined, selected: undefined })
          }
        />
      )}
      {profile.isLoading && <p className="wait">Opening the profile…</p>}
      {profile.error && <Trouble error={profile.error} doing="Opening the profile" />}
      {slice.error && <Trouble error={slice.error} doing="Slicing the profile" />}
      {(!artifact || artifact.evictedMs !== undefined) && <NoProfile capture={capture} artifact={artifact} />}
      {slice.data && ranges && (
        <FlamePanel
          slice={slice.data}
          view={view}
          changeView={changeView}
          isStale={slice.isPlaceholderData}
          picker={
            artifact && !isStacks(artifact) ? (
              <span className="drawn" title={artifact.name}>
                {artifact.probe}: {shortName(artifact)}
                {desk?.info.type && <small> {desk.info.type.replaceAll('_', ' ')}</small>}
              </span>
            ) : (
              <WhoPicker
                target={incident.target}
                processes={processes.data ?? []}
                who={view.who}
                onWho={(who) => changeView({ who, zoom: undefined })}
                toCores={(value) => coresOf(value, desk?.info.unit ?? '', span(ranges.during))}
              />
            )
          }
        />
      )}
      <QualityLine facts={facts} />
      {capture && (
        <ProbesPanel
          capture={capture}
          files={files}
          drawn={artifact}
          onDraw={(file) =>
            changeView({ file: isStacks(file) ? undefined : file.id, zoom: undefined, selected: undefined })
          }
        />
      )}
      <Downloads
        incidentId={incident.id}
        artifacts={files}
        tree={slice.data?.tree}
        svg={{
          title: printTarget(incident.target),
          subtitle,
          provenance: [...facts.map(({ text }) => text), `node ${incident.node}`, incident.id].join(' · '),
          ...(slice.data && { scale: slice.data }),
          colorByChange: view.picture === 'diff',
          rootAt: view.rootAt,
        }}
      />
    </main>
  )
}

const noSeries: never[] = []
const span = ({ fromMs, toMs }: TimeRange): number => toMs - fromMs
const describeRange = (range: TimeRange, node: string): string =>
  `${printDurationMs(span(range))} of CPU from ${new Date(range.fromMs).toISOString()} on ${node}`
