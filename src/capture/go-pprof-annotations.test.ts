import { expect, test } from 'vitest'
import { annotatedPprof } from './go-pprof-annotations.ts'

test('who enabled profefe says port and path, with its defaults', () => {
  const enabled = { 'profefe.com/enable': 'true' }
  expect(annotatedPprof(enabled)).toMatchObject({ pprofPort: 6060, isHint: false })
  expect(annotatedPprof({ ...enabled, 'profefe.com/port': '8090', 'profefe.com/path': '/custom' })).toEqual({
    pprofPort: 8090,
    pprofPath: '/custom',
    by: 'profefe.com/enable',
    isHint: false,
  })
  expect(annotatedPprof({ ...enabled, 'profefe.com/port': 'http' })).toMatchObject({ pprofPort: 6060 })
  expect(annotatedPprof({ 'profefe.com/enable': 'yes', 'profefe.com/port': '8090' })).toBeUndefined()
})

test('our own go before all others, and may not name files of the node', () => {
  expect(
    annotatedPprof({
      'profefe.com/enable': 'true',
      'spikecam.dev/pprof-port': '2379',
      'spikecam.dev/pprof-scheme': 'https',
      'spikecam.dev/pprof-cert': '/certs/tls.crt',
      'spikecam.dev/pprof-key': 'agent:/etc/kubernetes/pki/apiserver.key',
      'spikecam.dev/pprof-server-name': 'etcd.local',
    }),
  ).toEqual({
    pprofPort: 2379,
    pprofScheme: 'https',
    pprofCert: '/certs/tls.crt',
    pprofServerName: 'etcd.local',
    by: 'spikecam.dev/pprof-*',
    isHint: false,
  })
})

test('profiles.grafana.com names the path of one profile; the port of the metrics is only a hint', () => {
  expect(
    annotatedPprof({ 'profiles.grafana.com/cpu.port': '6060', 'profiles.grafana.com/cpu.path': '/x/pprof/profile' }),
  ).toMatchObject({ pprofPort: 6060, pprofPath: '/x/pprof/', isHint: false })
  expect(annotatedPprof({ 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080' })).toEqual({
    pprofPort: 8080,
    by: 'prometheus.io/port',
    isHint: true,
  })
  expect(annotatedPprof({})).toBeUndefined()
})
