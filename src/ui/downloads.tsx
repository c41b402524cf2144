// Everything about the incident as files, and the line that opens it in the tool people already use.
import { useState } from 'react'
import { renderSvg, type SvgOptions } from '../flame/svg.ts'
import { printBytes } from '../lib/units.ts'
import { type Artifact, mediaTypes } from '../model/capture.ts'
import type { CallTree } from '../profile/call-tree.ts'
import { useSource } from './client-context.tsx'
import { CopyButton } from './copy-button.tsx'
import { foldedOf } from './folded-view.ts'
import './downloads.css'

export interface DownloadsProps {
  readonly incidentId: string
  readonly artifacts: readonly Artifact[]
  /** What is on the screen. */
  readonly tree: CallTree | undefined
  readonly svg: SvgOptions
}

export function Downloads({ incidentId, artifacts, tree, svg }: DownloadsProps) {
  const { client, saved } = useSource()
  const id = { params: { id: incidentId } }
  const hasPprof = artifacts.some(
    ({ mediaType, evictedMs }) => mediaType === mediaTypes.pprof && evictedMs === undefined,
  )
  const pprofUrl =
    saved || !hasPprof ? undefined : new URL(client.url('/api/v1/incidents/{id}/pprof', id)!, location.href).href
  return (
    <section className="downloads" aria-label="Downloads">
      <span className="caption">Files</span>
      {tree && (
        <>
          <Made name={`${incidentId}.svg`} mediaType={mediaTypes.svg} make={() => renderSvg(tree, svg)}>
            SVG of this view
          </Made>
          <Made name={`${incidentId}.folded`} mediaType={mediaTypes.folded} make={() => foldedOf(tree)}>
            folded stacks of this view
          </Made>
        </>
      )}
      {!saved && (
        <a href={client.url('/api/v1/incidents/{id}/export.html', id)} download={`${incidentId}.html`}>
          this page as one file
        </a>
      )}
      {artifacts.map((artifact) => {
        const href = client.url('/api/v1/artifacts/{id}/content', { params: { id: artifact.id } })
        const name = isOfNode(artifact) ? kindOf(artifact) : undefined
        if (!name || !href) return null
        if (artifact.evictedMs !== undefined) {
          return (
            <span key={artifact.id} className="gone" title="Its bytes were dropped for their age or the data budget.">
              {name} (dropped)
            </span>
          )
        }
        return (
          <a key={artifact.id} href={href} download={artifact.name} title={artifact.name}>
            {name} <small>{printBytes(artifact.sizeBytes)}</small>
          </a>
        )
      })}
      {pprofUrl && (
        <span className="command">
          <code>go tool pprof {pprofUrl}</code>
          <CopyButton text={`go tool pprof ${pprofUrl}`} label="Copy the command" />
        </span>
      )}
    </section>
  )
}

/** What probes brought stands with what they say. */
const isOfNode = ({ probe }: Artifact): boolean => probe === 'ring' || probe === 'usage' || probe === 'perf'

function kindOf({ mediaType, name }: Artifact): string | undefined {
  switch (mediaType) {
    case mediaTypes.pprof:
      return 'pprof, whole node'
    case mediaTypes.perfData:
      // `….49hz.perf.data` from the ring, `….99hz.perf.data` from after the trigger.
      return ['perf.data', /\.(\d+)hz\./.exec(name)?.[1]?.concat(' Hz')].filter(Boolean).join(', ')
    case mediaTypes.perfScript:
      return 'perf script text'
    case mediaTypes.usage:
      return 'usage'
    default:
      return undefined
  }
}

/** A file that is made when it is asked for. */
function Made({
  name,
  mediaType,
  make,
  children,
}: {
  name: string
  mediaType: string
  make(): string
  children: string
}) {
  const [isMaking, setMaking] = useState(false)
  return (
    <button
      type="button"
      disabled={isMaking}
      onClick={() => {
        setMaking(true)
        const url = URL.createObjectURL(new Blob([make()], { type: mediaType }))
        const link = document.createElement('a')
        link.href = url
        link.download = name
        link.click()
        // The browser has begun to read it by then.
        setTimeout(() => URL.revokeObjectURL(url), 10_000)
        setMaking(false)
      }}
    >
      {children}
    </button>
  )
}
