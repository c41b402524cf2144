// What a TLS mistake is called by those who could correct it: which side refused, for which certificate, and which option
// or file would change that.
import type { X509Certificate } from 'node:crypto'

export interface TlsAttempt {
  /** Who we spoke to, as messages name it. */
  readonly address: string
  /** What its certificate had to be for. */
  readonly host: string
  /** The certificate that we showed, and where it comes from. */
  readonly shown?: { readonly certificate: X509Certificate; readonly from: string }
  /** Where the authority comes from that we trust; those of this machine without. */
  readonly caFrom?: string
}

/** RFC 8446, 6.2 and RFC 5246, 7.2.2: what a server says about us before it hangs up. */
const alerts: Readonly<Record<number, string>> = {
  40: 'handshake failure',
  42: 'bad certificate',
  43: 'unsupported certificate',
  44: 'certificate revoked',
  45: 'certificate expired',
  46: 'certificate unknown',
  48: 'unknown authority',
  49: 'access denied',
  51: 'decrypt error',
  70: 'protocol version',
  71: 'insufficient security',
  116: 'certificate required',
}
/** RFC 5280, 4.2.1.12. */
const purposes: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': 'serverAuth',
  '1.3.6.1.5.5.7.3.2': 'clientAuth',
}

/**
 * Why there was no TLS session, one sentence with the next step; undefined when it was not for TLS.
 *
 *   …:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:…:SSL alert number 116
 *   …:SSL routines:tls_validate_record_header:wrong version number:…
 *
 * Texts and Node's codes differ between versions of OpenSSL; the numbers of alerts do not.
 */
export function explainTls(error: NodeJS.ErrnoException, attempt: TlsAttempt): string | undefined {
  const { address, shown } = attempt
  const text = error.message
  if (/wrong version number|packet length too long|unknown protocol|http request/.test(text)) {
    return `${address} speaks no TLS: take http (--pprof-scheme http)`
  }
  const alert = Number(/SSL alert number (\d+)/.exec(text)?.[1])
  if (alert) return explainAlert(alert, attempt)
  if (error.code === 'ECONNRESET' && !shown) {
    return `${address} hung up on the TLS handshake: it may want a client certificate (--pprof-cert, --pprof-key)`
  }
  if (/unsupported protocol|no protocols available/.test(text)) return `${address} knows only TLS before 1.2`
  return /SSL routines|ERR_SSL|ERR_TLS/.test(`${text} ${error.code}`)
    ? `${address}: TLS failed: ${text.replace(/^[0-9A-F]+:error:/, '').trim()}`
    : undefined
}

function explainAlert(alert: number, { address, shown }: TlsAttempt): string {
  const said = `${address} refused us ("${alerts[alert] ?? `alert ${alert}`}")`
  if (!shown) {
    // 42 is what Go said before 1.22 or so in place of 116, 40 is how TLS 1.2 says it.
    const isAboutUs = [40, 42, 46, 116].includes(alert)
    const wants = alert === 116 ? 'it wants' : 'most likely it wants'
    return isAboutUs ? `${said}: ${wants} a client certificate; name one with --pprof-cert and --pprof-key` : said
  }
  const { certificate, from } = shown
  const problem = problemOfClient(certificate)
  if (problem && [40, 42, 43, 45, 46].includes(alert)) return `${said}: the client certificate ${from} ${problem}`
  if ([42, 46, 48].includes(alert)) {
    return `${said}: the client certificate ${from} is signed by ${nameOf(certificate.issuer)}, and it trusts another authority`
  }
  return `${said} with the client certificate ${from}`
}

/** Extended key usage by name where it has one; empty = not restricted. Node calls it `keyUsage`. */
export const purposesOf = (certificate: X509Certificate | undefined): string[] =>
  ((certificate?.keyUsage ?? []) as readonly string[]).map((each) => purposes[each] ?? each)

/** What makes a certificate useless for a client, whoever signed it. */
export function problemOfClient(certificate: X509Certificate, nowMs = Date.now()): string | undefined {
  const usage = purposesOf(certificate)
  if (usage.length > 0 && !usage.includes('clientAuth')) {
    return `is only for ${usage.join(', ')}, and a client's needs clientAuth (extended key usage)`
  }
  return problemOfTime(certificate, nowMs)
}

export function problemOfTime(certificate: X509Certificate, nowMs: number): string | undefined {
  if (Date.parse(certificate.validTo) < nowMs) return `expired on ${certificate.validTo}`
  if (Date.parse(certificate.validFrom) > nowMs) return `is valid only from ${certificate.validFrom}`
  return undefined
}

/**
 * Why the other side is not to be trusted, one sentence with the next step.
 * @param code as in `TlsSession.distrust`
 */
export function explainDistrust(code: string, chain: readonly X509Certificate[], attempt: TlsAttempt): string {
  const { address, host, caFrom } = attempt
  const [leaf] = chain
  const its = `the certificate of ${address}`
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH': {
      const names = namesOf(leaf)
      const name = names.find((each) => !/^[\d.:a-f]+$/.test(each)) ?? names[0]
      const advice = name ? `; if that is whom you mean: --pprof-server-name ${name.replace(/^\*\./, 'any.')}` : ''
      return `${its} is for ${names.join(', ') || 'no name'}, not for ${host}${advice}`
    }
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID': {
      const late = chain.find((each) => problemOfTime(each, Date.now())) ?? leaf
      const problem = late ? problemOfTime(late, Date.now()) : 'is not valid now'
      return late === leaf ? `${its} ${problem}` : `${its} is signed by ${nameOf(late?.subject)}, which ${problem}`
    }
    case 'INVALID_PURPOSE': {
      return `${its} is only for ${purposesOf(leaf).join(', ')}, and a server's needs serverAuth (extended key usage)`
    }
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT': {
      const by = code === 'DEPTH_ZERO_SELF_SIGNED_CERT' ? 'itself' : nameOf(chain.at(-1)?.issuer)
      const trusted = caFrom ? `which is not the authority in ${caFrom}` : 'which this machine does not trust'
      return `${its} is signed by ${by}, ${trusted}; name the right one with --pprof-ca`
    }
    default:
      return `${its} does not hold: ${code}`
  }
}

/** `subject` and `issuer` come as lines: `O=Example\nCN=test authority`. */
export const nameOf = (lines: string | undefined): string => {
  if (!lines) return 'nobody'
  return `"${/^CN=(.*)$/m.exec(lines)?.[1] ?? lines.replaceAll('\n', ', ')}"`
}

/** `DNS:app.example, IP Address:127.0.0.1` */
export function namesOf(certificate: X509Certificate | undefined): string[] {
  return [...(certificate?.subjectAltName ?? '').matchAll(/(?:DNS|IP Address):("?)([^,"]+)\1/g)].map(
    (match) => match[2] as string,
  )
}
