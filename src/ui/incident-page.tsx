// One incident on one time axis: the sentence, the chart, the picture with its table, the evidence, the files.
import { useCallback, useMemo } from 'react'
import type { IncidentDetail } from '../api/shapes.ts'
import { printDurationMs } from '../lib/units.ts'
import { type Capture, mediaTypes } from '../model/capture.ts'
import { printTarget } from '../model/target.ts'
import { useSource } from './client-context.tsx'
import { Downloads } from './downloads.tsx'
import { FlamePanel } from './flame-panel.tsx'
import { headlineOf } from './headline.ts'
import { qualityFacts } from './quality.ts'
import { QualityLine } from './quality-line.tsx'
import { useIncident, useProcesses, useProfile, useSeries, useSlice } from './queries.ts'
import { rangesOf } from './ranges.ts'
import type { SliceRequest, TimeRange } from './slice.ts'
import { TimePicker } from './time-picker.tsx'
import { Timeline } from './timeline.tsx'
import { Ago, Day, Moment, useNow } from './times.tsx'
import { Trouble } from './trouble.tsx'
import { useView } from './use-view.ts'
import { WhoPicker } from './who-picker.tsx'
import './headline.css'

export function IncidentPage({ id, isLive }: { id: string; isLive: boolean }) {
  const detail = useIncident(id, isLive)
  if (detail.error) return <Trouble error={detail.error} doing="Loading the incident" />
  if (!detail.data) return <p className="wait">Loading the incident…</p>
  return <Incident detail={detail.data} />
}

function Incident({ detail }: { detail: IncidentDetail }) {
  const { incident, captures, artifacts } = detail
  const [view, changeView] = useView()
  const pprofOf = (capture: Capture) =>
    artifacts.find(({ captureId, mediaType }) => captureId === capture.id && mediaType === mediaTypes.pprof)
  const capture = captures.find(({ id }) => id === view.capture) ?? captures.find(pprofOf) ?? captures[0]
  const artifact = capture && pprofOf(capture)
  const profile = useProfile(artifact)
  const desk = profile.data
  const series = useSeries(incident.id, `${capture?.state} ${artifacts.length}`)
  const ranges = useMemo(
    () => (capture ? rangesOf(incident, capture, view.range) : undefined),
    [incident, capture, view.range],
  )

  const request = useMemo<SliceRequest | undefined>(() => {
    if (!ranges) return undefined
    return {
      during: ranges.during,
      ...(ranges.before && { before: ranges.before }),
      who: view.who,
      target: incident.target,
      ...(view.focus && { focus: view.focus }),
      ignore: view.ignore,
    }
  }, [ranges, view.who, view.focus, view.ignore, incident.target])
  // The headline speaks of the incident, whatever is looked at below.
  const wholeRequest = useMemo<SliceRequest | undefined>(
    () =>
      ranges && {
        during: ranges.spike,
        ...(ranges.before && { before: ranges.before }),
        who: { kind: 'target' },
        target: incident.target,
        ignore: [],
      },
    [ranges, incident.target],
  )
  const slice = useSlice(artifact?.id, desk, request)
  const whole = useSlice(artifact?.id, desk, wholeRequest)
  const processesRequest = useMemo(
    () => ranges && { during: ranges.during, ...(ranges.before && { before: ranges.before }), target: incident.target },
    [ranges, incident.target],
  )
  const processes = useProcesses(artifact?.id, desk, processesRequest)

  const onBrush = useCallback(
    (range: TimeRange | undefined) => {
      const { onsetMs } = incident
      changeView({ range: range && [Math.round(range.fromMs - onsetMs), Math.round(range.toMs - onsetMs)] })
    },
    [changeView, incident],
  )
  const facts = useMemo(() => (capture ? qualityFacts(capture, desk?.info.losses) : []), [capture, desk])
  const subtitle = ranges ? describeRange(ranges.during, incident.node) : ''
  const coresPerValue = desk
    ? 1 / (msPerUnit(desk.info.unit) * Math.max(1, ranges?.during ? span(ranges.during) : 1))
    : 0

  return (
    <main className="incident">
      <Head detail={detail} capture={capture} headline={headlineOf(incident, whole.data)} />
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
          <span className="key target">{printTarget(incident.target)}</span>
          <span className="key machine">whole node</span>
          {capture?.ringHz && capture.boundaryMs !== capture.fromMs && (
            <span className="key ring">stacks at {capture.ringHz} Hz</span>
          )}
          {capture?.deepHz && <span className="key deep">at {capture.deepHz} Hz</span>}
          <span className="grow" />
          {ranges && (
            <TimePicker incident={incident} ranges={ranges} isBrushed={view.range !== undefined} onBrush={onBrush} />
          )}
        </p>
      </section>
      {profile.error && <Trouble error={profile.error} doing="Opening the profile" />}
      {slice.error && <Trouble error={slice.error} doing="Slicing the profile" />}
      {!artifact && <Waiting capture={capture} />}
      {slice.data && ranges && (
        <FlamePanel
          slice={slice.data}
          view={view}
          changeView={changeView}
          isStale={slice.isPlaceholderData}
          picker={
            <WhoPicker
              target={incident.target}
              processes={processes.data ?? []}
              who={view.who}
              onWho={(who) => changeView({ who, zoom: undefined })}
              toCores={(value) => value * coresPerValue}
            />
          }
        />
      )}
      <QualityLine facts={facts} />
      <Downloads
        incidentId={incident.id}
        artifacts={capture ? artifacts.filter(({ captureId }) => captureId === capture.id) : []}
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
const msPerUnit = (unit: string): number => (unit === 'nanoseconds' ? 1e6 : unit === 'microseconds' ? 1e3 : 1)
const describeRange = (range: TimeRange, node: string): string =>
  `${printDurationMs(span(range))} of CPU from ${new Date(range.fromMs).toISOString()} on ${node}`

interface HeadProps {
  readonly detail: IncidentDetail
  readonly capture: Capture | undefined
  readonly headline: ReturnType<typeof headlineOf>
}

function Head({ detail: { incident }, capture, headline }: HeadProps) {
  const { saved } = useSource()
  const now = useNow()
  const { target } = incident
  return (
    <header className="headline">
      <h1>
        <span className="who">{headline.who}</span> {headline.did}
      </h1>
      <dl className="facts">
        <div className="what">
          <dt>Function</dt>
          <dd>
            {headline.function ? (
              <>
                <span className="share">{headline.function.share}</span>{' '}
                <code title={headline.function.name}>{headline.function.name}</code>
                {headline.through.length > 0 && (
                  <small title={headline.through.join(' → ')}>called through {headline.through.join(' → ')}</small>
                )}
              </>
            ) : (
              <span className="hint">{incident.state === 'capturing' ? 'still recording…' : 'no profile'}</span>
            )}
          </dd>
        </div>
        <div>
          <dt>Compared to normal</dt>
          <dd>
            {headline.compared ?? <span className="hint">no baseline in the evidence</span>}
            {incident.trigger.spike && <small>{incident.trigger.reason}</small>}
          </dd>
        </div>
        <div>
          <dt>Since</dt>
          <dd>
            <Moment ms={incident.onsetMs} /> <Day ms={incident.onsetMs} />
            <small>
              {!saved && (
                <>
                  <Ago ms={incident.onsetMs} nowMs={now} />,{' '}
                </>
              )}
              noticed after {printDurationMs(incident.noticedMs - incident.onsetMs)}
              {incident.evidenceMs !== undefined &&
                `, evidence after ${printDurationMs(incident.evidenceMs - incident.onsetMs)}`}
            </small>
          </dd>
        </div>
        <div>
          <dt>Where</dt>
          <dd>
            {target.pod
              ? `${target.namespace ?? 'default'}/${target.pod}`
              : target.container || `node ${incident.node}`}
            <small title={target.cmdline}>
              {[target.pod && `node ${incident.node}`, target.workload, target.cmdline ?? target.exe, target.cgroup]
                .filter(Boolean)
                .join(' · ')}
            </small>
          </dd>
        </div>
      </dl>
      {incident.state !== 'complete' && (
        <p className={`state ${incident.state}`}>
          {stateText[incident.state]} {incident.message ?? capture?.message ?? ''}
        </p>
      )}
    </header>
  )
}

const stateText = {
  capturing: 'Recording goes on; this page fills in by itself.',
  partial: 'The evidence is partial.',
  failed: 'The capture failed.',
  complete: '',
} as const

/** No profile yet, or never: the reason instead of an empty picture. */
function Waiting({ capture }: { capture: Capture | undefined }) {
  if (!capture) return <p className="wait">No capture belongs to this incident.</p>
  if (capture.state === 'recording' || capture.state === 'uploading') {
    return (
      <p className="wait" role="status">
        <span className="pulse" aria-hidden="true" />
        {capture.state === 'recording' ? 'Recording the seconds after the trigger…' : 'The evidence is on its way…'}
      </p>
    )
  }
  return (
    <div className="trouble">
      <p>
        <strong>There is no profile.</strong> {capture.message}
      </p>
      <ul>
        {capture.probes.map(({ probe, outcome, message, code }) => (
          <li key={probe}>
            {probe}: {outcome} {message} {code && <code>{code}</code>}
          </li>
        ))}
      </ul>
    </div>
  )
}
