// Certificates from a Secret: one GET to the API server as the agent's own service account. What comes back stays in
// memory: it is neither written nor logged, and messages name its keys, never what is in them.
//
//   GET /api/v1/namespaces/shop/secrets/etcd-client        authorization: Bearer eyJhbGciOi…
//   200 {"kind":"Secret","type":"kubernetes.io/tls","data":{"ca.crt":"LS0t…","tls.crt":"LS0t…","tls.key":"LS0t…"}}
//   403 {"kind":"Status","message":"secrets \"etcd-client\" is forbidden: User \"system:serviceaccount:spikecam:agent\" cannot get …"}
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { Failure } from '../model/errors.ts'

/** The API server as every pod is told of it (kubernetes.io, "Accessing the Kubernetes API from a Pod"). */
export interface ApiServer {
  readonly host: string
  readonly port: number
  /** Read for every question: the kubelet renews the token within the hour. */
  readonly tokenFile: string
  readonly caFile: string
}

export interface SecretName {
  readonly namespace: string
  readonly name: string
}

export interface Secret extends SecretName {
  readonly data: ReadonlyMap<string, Buffer>
}

/** @throws Failure SECRET_UNREADABLE with the reason and the next step */
export type ReadSecret = (name: SecretName) => Promise<Secret>

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'
/** A Secret has at most 1 MiB of data, a third more in base64, and some notes of who wrote what. */
const maxAnswerBytes = 2 * 1024 * 1024
const timeoutMs = 5000

/** @param env of this process @returns undefined outside of a cluster */
export function apiServerOf(env: Readonly<Record<string, string | undefined>>): ApiServer | undefined {
  const host = env.KUBERNETES_SERVICE_HOST
  if (!host) return undefined
  const port = Number(env.KUBERNETES_SERVICE_PORT_HTTPS ?? env.KUBERNETES_SERVICE_PORT ?? 443)
  return { host, port, tokenFile: `${accountFolder}/token`, caFile: `${accountFolder}/ca.crt` }
}

/** `shop/etcd-client`, or a name alone in the namespace of the target's pod. @throws Failure USAGE */
export function parseSecretName(text: string, namespaceOfTarget: string | undefined): SecretName {
  const [, own, name] = /^(?:([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\/)?([a-z0-9](?:[-.a-z0-9]*[a-z0-9])?)$/.exec(text) ?? []
  const namespace = own ?? namespaceOfTarget
  if (name === undefined) throw new Failure('USAGE', `--pprof-secret ${text}: not NAMESPACE/NAME of a Secret`)
  if (namespace === undefined) {
    throw new Failure(
      'USAGE',
      `--pprof-secret ${text}: the target is in no pod, so name the namespace: NAMESPACE/${text}`,
    )
  }
  return { namespace, name }
}

/** @param server undefined outside of a cluster, where no Secret can be read */
export function secretReader(server: ApiServer | undefined): ReadSecret {
  return async (wanted) => {
    if (!server) {
      throw unreadable(
        wanted,
        'this agent runs outside of Kubernetes, so it has no service account to read it with; ' +
          'name PEM files instead, --pprof-cert agent:/PATH --pprof-key agent:/PATH',
      )
    }
    return parseSecret(wanted, await ask(server, wanted))
  }
}

const printName = ({ namespace, name }: SecretName): string => `${namespace}/${name}`

const unreadable = (name: SecretName, why: string, cause?: unknown): Failure =>
  new Failure('SECRET_UNREADABLE', `the Secret ${printName(name)} was not read: ${why}`, { cause })

interface Answer {
  readonly status: number
  readonly body: Buffer
}

async function ask({ host, port, tokenFile, caFile }: ApiServer, wanted: SecretName): Promise<Answer> {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch (cause) {
      const next = 'the pod of the agent needs automountServiceAccountToken: true'
      throw unreadable(wanted, `${path} is not there (${(cause as NodeJS.ErrnoException).code}); ${next}`, cause)
    }
  }
  const [token, ca] = [read(tokenFile).trim(), read(caFile)]
  const server = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(unreadable(wanted, `the API server ${server} was not reached: ${cause.message}`, cause))
    const asked = request({
      host,
      port,
      ca,
      path: `/api/v1/namespaces/${wanted.namespace}/secrets/${wanted.name}`,
      headers: { authorization: `Bearer ${token}`, accept: 'application/json', 'user-agent': 'spikecam' },
      // No connection is kept, and with it no key, for longer than the question.
      agent: false,
      timeout: timeoutMs,
    })
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${timeoutMs / 1000} s`)))
    asked.on('error', fail)
    asked.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        size += chunk.length
        if (size > maxAnswerBytes) asked.destroy(new Error('it answers with more than a Secret can hold'))
      })
      response.on('error', fail)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }))
    })
    asked.end()
  })
}

/** @throws Failure SECRET_UNREADABLE */
export function parseSecret(wanted: SecretName, { status, body }: Answer): Secret {
  let document: { kind?: unknown; data?: unknown; message?: unknown } | undefined
  try {
    document = JSON.parse(body.toString('utf8'))
  } catch {
    // Said below: it is no Secret.
  }
  if (status === 200 && document?.kind === 'Secret') {
    const data = Object.entries(document.data ?? {}).map(
      ([key, text]) => [key, Buffer.from(String(text), 'base64')] as const,
    )
    return { ...wanted, data: new Map(data) }
  }
  const said = typeof document?.message === 'string' ? document.message.slice(0, 300) : ''
  if (status === 404) throw unreadable(wanted, 'there is none of that name')
  if (status === 401) throw unreadable(wanted, 'the API server does not know the token of the agent (401)')
  if (status === 403) throw unreadable(wanted, howToAllow(wanted, said))
  throw unreadable(wanted, `the API server answers ${status}: ${said || 'something that is no Secret'}`)
}

/** `secrets "x" is forbidden: User "system:serviceaccount:spikecam:agent" cannot get resource …` */
function howToAllow({ namespace, name }: SecretName, said: string): string {
  const user = /User "([^"]+)"/.exec(said)?.[1] ?? 'the agent'
  const [, account] = /^system:serviceaccount:(.+)$/.exec(user) ?? []
  const whom = account ? `--serviceaccount=${account}` : `--user=${user}`
  const role = `spikecam-${name}`
  return (
    `${user} may not get it (403); allow it with: ` +
    `kubectl create role ${role} -n ${namespace} --verb=get --resource=secrets --resource-name=${name} && ` +
    `kubectl create rolebinding ${role} -n ${namespace} --role=${role} ${whom}`
  )
}
