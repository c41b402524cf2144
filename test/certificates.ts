// Authorities and certificates for tests, made anew by openssl.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Elliptic keys are made in an instant. */
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export interface LeafSpec {
  readonly authority: string
  /** Such as `DNS:app.example,IP:127.0.0.1`. */
  readonly names?: string
  /** Extended key usage, such as `serverAuth,clientAuth`. */
  readonly usage?: string
  /** Negative = it has expired. */
  readonly days?: number
}

const openssl = (dir: string, ...args: string[]): void =>
  void execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })

/** Writes `NAME.crt` and `NAME.key`. */
export function makeAuthority(dir: string, name: string): void {
  const subject = ['-subj', `/O=Spikecam tests/CN=${name}`]
  openssl(dir, 'req', '-x509', ...newKey, '-days', '2', ...subject, '-keyout', `${name}.key`, '-out', `${name}.crt`)
}

/** Writes `NAME.crt` and `NAME.key`, signed by an authority in the same folder. */
export function makeLeaf(dir: string, name: string, { authority, names, usage, days = 2 }: LeafSpec): void {
  openssl(dir, 'req', ...newKey, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`)
  const lines = [names && `subjectAltName=${names}`, usage && `extendedKeyUsage=${usage}`, 'basicConstraints=CA:FALSE']
  writeFileSync(join(dir, `${name}.ext`), `${lines.filter(Boolean).join('\n')}\n`)
  const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-days', String(days)]
  openssl(dir, 'x509', '-req', '-in', `${name}.csr`, ...signer, '-extfile', `${name}.ext`, '-out', `${name}.crt`)
}
