// What the annotations of a pod say about where its pprof is: our own, and those that profilers before us have taught people
// to write.
//
//   spikecam.dev/pprof-port: "6060"           and pprof-path, pprof-scheme, pprof-ca, pprof-cert, pprof-key, pprof-server-name,
//                                             pprof-secret: etcd-client, in the namespace of the pod
//   profefe.com/enable: "true"                then profefe.com/port (6060) and profefe.com/path (/debug/pprof)
//   profiles.grafana.com/cpu.port: "6060"     and .path, .scheme; memory, goroutine, mutex and block likewise
//   prometheus.io/port: "8080"                of the metrics, beside which pprof often is
import type { ProbeOptions } from '../model/capture.ts'

export type PprofPlace = Pick<
  ProbeOptions,
  | 'pprofPort'
  | 'pprofPath'
  | 'pprofScheme'
  | 'pprofCa'
  | 'pprofCert'
  | 'pprofKey'
  | 'pprofServerName'
  | 'pprofSecret'
  | 'pprofSkipVerify'
>

export interface AnnotatedPprof extends PprofPlace {
  /** The annotation that says so. */
  readonly by: string
  /** True when it only hints at a port, so that nothing is wrong when pprof is not there. */
  readonly isHint: boolean
}

const ours = 'spikecam.dev/pprof-'
const grafanaKinds = ['cpu', 'memory', 'goroutine', 'mutex', 'block']

/** The first who says something, in the order above; undefined when nobody does. */
export function annotatedPprof(annotations: Readonly<Record<string, string>>): AnnotatedPprof | undefined {
  const own = (name: string): string | undefined => annotations[ours + name]
  const port = portOf(own('port'))
  const files = {
    ...named('pprofCa', own('ca')),
    ...named('pprofCert', own('cert')),
    ...named('pprofKey', own('key')),
    ...named('pprofServerName', own('server-name')),
    ...ofOwnNamespace(own('secret')),
  }
  if (port || own('scheme') || own('path') || Object.keys(files).length > 0) {
    return { ...port, ...pathOf(own('path')), ...schemeOf(own('scheme')), ...files, by: `${ours}*`, isHint: false }
  }
  if (annotations['profefe.com/enable'] === 'true') {
    const place = { pprofPort: 6060, ...portOf(annotations['profefe.com/port']) }
    return { ...place, ...pathOf(annotations['profefe.com/path']), by: 'profefe.com/enable', isHint: false }
  }
  for (const kind of grafanaKinds) {
    const of = (name: string): string | undefined => annotations[`profiles.grafana.com/${kind}.${name}`]
    const place = portOf(of('port'))
    if (!place) continue
    // The path there is that of one profile: /debug/pprof/profile, /debug/pprof/allocs.
    const path = pathOf(of('path')?.replace(/[^/]*$/, ''))
    return { ...place, ...path, ...schemeOf(of('scheme')), by: `profiles.grafana.com/${kind}.port`, isHint: false }
  }
  const metrics = portOf(annotations['prometheus.io/port'])
  return metrics && { ...metrics, by: 'prometheus.io/port', isHint: true }
}

function portOf(text: string | undefined): { pprofPort: number } | undefined {
  const port = Number(text)
  return text !== undefined && Number.isInteger(port) && port > 0 && port < 65_536 ? { pprofPort: port } : undefined
}

const pathOf = (text: string | undefined): { pprofPath?: string } => (text?.startsWith('/') ? { pprofPath: text } : {})

const schemeOf = (text: string | undefined): { pprofScheme?: 'http' | 'https' } =>
  text === 'http' || text === 'https' ? { pprofScheme: text } : {}

/** Who may make pods in a namespace may use its Secrets anyhow; those of others not by way of the agent. */
const ofOwnNamespace = (name: string | undefined): { pprofSecret?: string } =>
  name && !name.includes('/') ? { pprofSecret: name } : {}

/** Files of the target alone: who may write annotations of a pod may not yet use keys of the node. */
const named = <K extends string>(key: K, value: string | undefined): { [P in K]?: string } =>
  (value && !value.startsWith('agent:') ? { [key]: value } : {}) as { [P in K]?: string }
