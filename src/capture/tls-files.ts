// Certificates and keys for TLS from the file system of the target, where a program with mTLS has its own, from files of the
// node, or from a Secret: read, and checked to be what they are named for before anybody is connected to.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { Failure } from '../model/errors.ts'
import { readWords } from '../target/command-line.ts'
import { readInside } from '../target/inside-root.ts'
import type { Secret } from './kube-secret.ts'
import type { TlsCredentials } from './tls-connect.ts'
import type { TlsAttempt } from './tls-problem.ts'

/** Where they are: a path in the file system of the target, `agent:/PATH` on the node, or `secret:KEY` of the Secret. */
export interface TlsPaths {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  /** The same as `cert` without: both may be in one file. */
  readonly key?: string | undefined
  /** Where none of the others is named, its keys are those that `kubectl create secret tls` and cert-manager write. */
  readonly secret?: Secret | undefined
}

export interface TlsFiles extends TlsCredentials, Pick<TlsAttempt, 'shown' | 'caFrom'> {}

/** A bundle of all public authorities has 220 kB. */
const maxFileBytes = 1024 * 1024
const ofAgent = 'agent:'
const ofSecret = 'secret:'

/**
 * @param pid whose file system is meant; undefined when all files are of this machine
 * @throws Failure USAGE that names the option, the file and what is wrong with it
 */
export function readTlsFiles(pid: number | undefined, paths: TlsPaths): TlsFiles {
  const { secret } = paths
  const { ca, cert, key } = secret ? withKeysOf(secret, paths) : paths
  if (key !== undefined && cert === undefined) throw wrong('--pprof-key', key, 'needs a --pprof-cert beside it')
  const read = (option: string, path: string): Buffer =>
    path.startsWith(ofSecret) ? readKeyOf(secret, option, path) : readPem(pid, option, path)
  const authorities = ca === undefined ? undefined : read('--pprof-ca', ca)
  if (ca !== undefined && authorities) parseCertificate('--pprof-ca', ca, authorities)
  if (cert === undefined) return authorities ? { ca: authorities, caFrom: ca as string } : {}
  const chain = read('--pprof-cert', cert)
  const privatePem = key === undefined ? chain : read('--pprof-key', key)
  const certificate = parseCertificate('--pprof-cert', cert, chain)
  const keyOption = key === undefined ? '--pprof-cert' : '--pprof-key'
  const privateKey = parseKey(keyOption, key ?? cert, privatePem)
  if (!certificate.checkPrivateKey(privateKey)) {
    throw wrong(keyOption, key ?? cert, `is not the key of the certificate ${cert}`)
  }
  return {
    ...(authorities ? { ca: authorities, caFrom: ca as string } : {}),
    cert: chain,
    key: privatePem,
    shown: { certificate, from: cert },
  }
}

const wrong = (option: string, path: string, problem: string, cause?: unknown): Failure =>
  new Failure('USAGE', `${option} ${path} ${problem}`, { cause })

/** @throws Failure USAGE when it has none of the usual keys and none was named */
function withKeysOf(secret: Secret, { ca, cert, key }: TlsPaths): Omit<TlsPaths, 'secret'> {
  const usual = (name: string): string | undefined => (secret.data.has(name) ? ofSecret + name : undefined)
  // A pair belongs together: who names one of the two names both.
  const pair = cert === undefined && key === undefined
  const found = {
    ca: ca ?? usual('ca.crt'),
    cert: pair ? usual('tls.crt') : cert,
    key: pair && secret.data.has('tls.crt') ? `${ofSecret}tls.key` : key,
  }
  if (found.ca !== undefined || found.cert !== undefined) return found
  const next = 'name its keys with --pprof-ca, --pprof-cert, --pprof-key secret:KEY'
  throw wrong('--pprof-secret', printSecret(secret), `has no ca.crt and no tls.crt, only ${keysOf(secret)}; ${next}`)
}

const printSecret = ({ namespace, name }: Secret): string => `${namespace}/${name}`
const keysOf = ({ data }: Secret): string => [...data.keys()].sort().join(', ') || 'nothing'

function readKeyOf(secret: Secret | undefined, option: string, path: string): Buffer {
  if (!secret) throw wrong(option, path, 'is a key of a Secret: name that with --pprof-secret NAMESPACE/NAME')
  const bytes = secret.data.get(path.slice(ofSecret.length))
  if (!bytes) throw wrong(option, path, `is not there: the Secret ${printSecret(secret)} has ${keysOf(secret)}`)
  return bytes
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'may not be read by this user',
  ENOTDIR: 'is not there',
  EISDIR: 'is a folder',
  EINVAL: 'is no regular file',
  EFBIG: 'is too large for a certificate',
  ELOOP: 'is a loop of links',
}

function readPem(pid: number | undefined, option: string, path: string): Buffer {
  const isOfTarget = pid !== undefined && !path.startsWith(ofAgent)
  const name = path.startsWith(ofAgent) ? path.slice(ofAgent.length) : path
  if (!name.startsWith('/')) throw wrong(option, path, 'must be an absolute path')
  try {
    return readInside(isOfTarget ? pid : process.pid, name, maxFileBytes)
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    const where = isOfTarget ? 'in the file system of the target' : 'on the node'
    throw wrong(option, path, `${reasons[code] ?? `cannot be read: ${message}`} (${where})`, cause)
  }
}

/** The first one in the file: of a chain that is the own one. */
function parseCertificate(option: string, path: string, pem: Buffer): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    const isKey = pem.includes('PRIVATE KEY-----')
    throw wrong(option, path, isKey ? 'is a private key, not a certificate' : 'is no PEM certificate', cause)
  }
}

function parseKey(option: string, path: string, pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    const isLocked = /ENCRYPTED/.test(pem.toString('latin1'))
    throw wrong(option, path, isLocked ? 'is locked with a pass phrase' : 'holds no PEM private key', cause)
  }
}

/** A program rarely names more; the first are those of its main listener. */
const maxHints = 6

/**
 * Certificates and keys that the command line of a process names, as a hint for who has to name some:
 *
 *   etcd --cert-file=/etc/etcd/server.crt --key-file=/etc/etcd/server.key --trusted-ca-file /etc/etcd/ca.crt
 */
export function namedInCommandLine(pid: number): string[] {
  let words: string[]
  try {
    words = readWords(`/proc/${pid}`, 'cmdline')
  } catch {
    return [] // it has ended, which is told elsewhere
  }
  const paths = words
    .map((word) => word.replace(/^-[^=]*=/, ''))
    .filter((path) => /^\/[^\s]+\.(crt|pem|key|cert|cer)$/.test(path))
  return [...new Set(paths)].slice(0, maxHints)
}
