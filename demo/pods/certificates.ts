// Certificates for the demo's redis: an authority of its own and one pair that serves as server's and client's, made
// anew for each run by openssl.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificates {
  readonly dir: string
  readonly ca: string
  readonly certificate: string
  readonly key: string
}

/** Elliptic keys: with RSA most of a scrape would be redis signing, and the exporter is who shall be busy. */
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
/** A demo is over within minutes. */
const days = '2'

/** Writes `ca.crt`, `redis.crt` and `redis.key` into a new folder; the names are what containers mount. */
export function makeCertificates(dir: string): Certificates {
  mkdirSync(dir)
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' })
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    days,
    '-subj',
    '/CN=demo authority',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  )
  openssl('req', ...newKey, '-subj', '/CN=redis', '-keyout', 'redis.key', '-out', 'redis.csr')
  writeFileSync(
    join(dir, 'redis.ext'),
    'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n',
  )
  const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial']
  openssl('x509', '-req', '-in', 'redis.csr', ...signer, '-days', days, '-extfile', 'redis.ext', '-out', 'redis.crt')
  chmodSync(join(dir, 'redis.key'), 0o644) // the exporter runs as a user of its own
  return { dir, ca: 'ca.crt', certificate: 'redis.crt', key: 'redis.key' }
}
