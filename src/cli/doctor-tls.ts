// `spikecam doctor --tls`: what an address presents for TLS, certificate by certificate, and what is wrong with it, on
// either side.
import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { apiServerOf, parseSecretName, secretReader } from '../capture/kube-secret.ts'
import { readTlsFiles } from '../capture/tls-files.ts'
import { lookAtTls, portsOf, processKey, type TlsLook } from '../capture/tls-look.ts'
import { explainDistrust, nameOf, namesOf, problemOfTime, purposesOf } from '../capture/tls-problem.ts'
import type { Config } from '../config.ts'
import { Failure, failures } from '../model/errors.ts'
import type { Check } from './doctor-checks.ts'

export interface TlsAnswer {
  readonly address: string
  readonly chain: readonly ShownCertificate[]
  readonly checks: readonly Check[]
}

export interface ShownCertificate {
  readonly subject: string
  readonly issuer: string
  readonly names: readonly string[]
  /** Extended key usage; empty = any. */
  readonly purposes: readonly string[]
  readonly validFrom: string
  readonly validTo: string
  readonly isAuthority: boolean
  readonly sha256: string
}

export type TlsPlace =
  | { readonly pid: number; readonly port: number | undefined }
  | { readonly host: string; readonly port: number }

/** `pid/4242`, `pid/4242:2379`, `127.0.0.1:2379`, `[::1]:2379`, `app.example:443`. @throws Failure USAGE */
export function parseTlsPlace(text: string): TlsPlace {
  const process = /^pid\/(\d{1,7})(?::(\d{1,5}))?$/.exec(text)
  if (process) return { pid: Number(process[1]), port: process[2] === undefined ? undefined : Number(process[2]) }
  const [, v6, name, port] = /^(?:\[([\da-f:.]+)\]|([^\s/:[\]]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = v6 ?? name
  if (host === undefined) throw new Failure('USAGE', `--tls ${text}: name HOST:PORT, pid/N:PORT or pid/N`)
  return { host, port: Number(port) }
}

/** Looks at every address that is meant. @throws Failure when there is none, or when a file cannot be read */
export async function answersOf({ tls = '', ...options }: Config['options']): Promise<TlsAnswer[]> {
  const place = parseTlsPlace(tls)
  const target = 'pid' in place ? processKey(place.pid) : undefined
  const { pprofCa: ca, pprofCert: cert, pprofKey: key, pprofSecret } = options
  const readSecret = secretReader(apiServerOf(process.env))
  const secret = pprofSecret === undefined ? undefined : await readSecret(parseSecretName(pprofSecret, undefined))
  const files = readTlsFiles(target?.pid, { ca, cert, key, secret })
  const addresses = target ? portsOf(target, place.port) : [place as { host: string; port: number }]
  const looks = { files, serverName: options.pprofServerName }
  // At once: those that say nothing are waited for, and a process may have many.
  return Promise.all(
    addresses.map(async (address) => {
      const look = await lookAtTls(target, address, looks)
      // Of all ports of a process those without TLS are no mistake.
      const isMeant = place.port !== undefined
      return { address: look.address, chain: look.presented.map(shown), checks: checkTls(look, isMeant) }
    }),
  )
}

const shown = (certificate: X509Certificate): ShownCertificate => ({
  subject: certificate.subject.replaceAll('\n', ', '),
  issuer: certificate.issuer.replaceAll('\n', ', '),
  names: namesOf(certificate),
  purposes: purposesOf(certificate),
  validFrom: certificate.validFrom,
  validTo: certificate.validTo,
  isAuthority: certificate.ca,
  sha256: certificate.fingerprint256,
})

/** What speaks for and against it, each thing by itself; OpenSSL would name only the first. */
export function checkTls(look: TlsLook, isMeant: boolean, nowMs = Date.now()): Check[] {
  const { presented, host, attempt, refusal } = look
  const leaf = presented[0]
  if (!leaf) {
    const found = refusal ?? 'it presented no certificate'
    return [isMeant ? wrong('TLS', found) : { name: 'TLS', state: 'ok', found }]
  }
  const late = presented.find((each) => problemOfTime(each, nowMs))
  const isFor = isIP(host) ? leaf.checkIP(host) : leaf.checkHost(host)
  const purposes = purposesOf(leaf)
  const distrusts = (code: string): string => explainDistrust(code, presented, attempt)
  const chainCode = look.distrust && chainCodes.has(look.distrust) ? look.distrust : undefined
  const by = attempt.caFrom ?? 'this machine'
  const trusted = look.isJudged
    ? fine('trust', `${nameOf(presented.at(-1)?.issuer)} is trusted by ${by}`)
    : ({ name: 'trust', state: 'warn', found: 'not judged: it refused us before that' } as const)
  return [
    fine('TLS', `${look.protocol ?? 'a version that was not agreed on'}${look.cipher ? `, ${look.cipher}` : ''}`),
    late ? wrong('time', distrusts('CERT_HAS_EXPIRED')) : fine('time', `valid until ${leaf.validTo}`),
    isFor ? fine('name', `is for ${host}`) : wrong('name', distrusts('ERR_TLS_CERT_ALTNAME_INVALID')),
    purposes.length === 0 || purposes.includes('serverAuth')
      ? fine('use', purposes.join(', ') || 'not restricted')
      : wrong('use', distrusts('INVALID_PURPOSE')),
    chainCode ? wrong('trust', distrusts(chainCode)) : trusted,
    refusal
      ? wrong('client', refusal)
      : fine('client', attempt.shown ? `it took ${attempt.shown.from}` : 'it let us in without a client certificate'),
  ]
}

const chainCodes = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
])

const fine = (name: string, found: string): Check => ({ name, state: 'ok', found })
const wrong = (name: string, found: string): Check => ({ name, state: 'fail', found, code: 'TLS_REFUSED' })

/** Exit code for what was found. */
export function exitOfTls(answers: readonly TlsAnswer[]): number {
  const failed = answers.flatMap(({ checks }) => checks).find((check) => check.code !== undefined)
  return failed?.code ? failures[failed.code].exit : 0
}

/**
 *   127.0.0.1:2379
 *     1  CN=server            for localhost, 127.0.0.1; serverAuth; until Nov 23 05:51:49 2026 GMT
 *        signed by CN=ca      sha256 12:34:…
 *   ok    TLS     TLSv1.3, TLS_AES_128_GCM_SHA256
 *   fail  trust   the certificate of 127.0.0.1:2379 is signed by "ca", which …
 */
export function renderTls(answers: readonly TlsAnswer[]): string {
  const lines = answers.flatMap(({ address, chain, checks }) => {
    const certificates = chain.flatMap((each, i) => [
      `  ${i + 1}  ${each.subject}${each.isAuthority ? ' (authority)' : ''}`,
      `     for ${each.names.join(', ') || 'no name'}; ${each.purposes.join(', ') || 'any use'}; valid ${each.validFrom} to ${each.validTo}`,
      `     signed by ${each.issuer === each.subject ? 'itself' : each.issuer}; sha256 ${each.sha256}`,
    ])
    const width = Math.max(...checks.map(({ name }) => name.length))
    const rows = checks.map(({ state, name, found }) => `${state.padEnd(4)}  ${name.padEnd(width)}  ${found}`)
    return [address, ...certificates, ...rows, '']
  })
  return lines.join('\n')
}
