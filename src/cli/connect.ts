// The way to a server, and from an id as a person types it to the thing it names.
import { type Client, createClient } from '../api/client.ts'
import type { Options } from '../config.ts'
import { Failure } from '../model/errors.ts'

export function connect(options: Pick<Options, 'server' | 'token'>): Client {
  if (!URL.canParse(options.server) || !/^https?:/.test(options.server)) {
    // `node-1:7575`, as other tools take it.
    const meant = /^[\w.-]+:\d+$/.test(options.server) ? options.server : '127.0.0.1:7575'
    throw new Failure('USAGE', `--server ${options.server}: expected an address such as http://${meant}`)
  }
  return createClient({ baseUrl: options.server, ...(options.token ? { token: options.token } : {}) })
}

/** The page of an incident, or of all of them. */
export const pageOf = (server: string, incidentId?: string): string =>
  `${server.replace(/\/+$/, '')}/${incidentId === undefined ? '' : `incidents/${incidentId}`}`

/** What an id names, by its first letters (src/lib/ids.ts). */
const kinds = { 'inc-': 'incident', 'cap-': 'capture', 'art-': 'artifact' } as const

export interface Named {
  readonly kind: (typeof kinds)[keyof typeof kinds]
  readonly id: string
}

/** Ids have 20 characters after the noun. */
const wholeLength = 24
/** The most that a list gives at once; beginnings of ids name something recent. */
const newest = 500

/**
 * @param text a whole id, or the beginning of one that is unique among the newest 500
 * @throws Failure USAGE when it is no id, NOT_FOUND when nothing or several begin like that
 */
export async function resolveId(client: Client, text: string): Promise<Named> {
  const kind = kinds[text.slice(0, 4) as keyof typeof kinds]
  if (!kind)
    throw new Failure('USAGE', `"${text}" is not an id: expected inc-…, cap-… or art-…, as "spikecam list" prints`)
  if (text.length >= wholeLength) return { kind, id: text }
  const found = (await listIds(client, kind)).filter((id) => id.startsWith(text))
  if (found.length === 1) return { kind, id: found[0]! }
  if (found.length === 0) throw new Failure('NOT_FOUND', `no ${kind} begins with ${text}`)
  throw new Failure('NOT_FOUND', `${found.length} ${kind}s begin with ${text}: ${found.slice(0, 5).join(', ')}`)
}

/** The same where only an incident will do. @throws Failure USAGE, NOT_FOUND */
export async function resolveIncident(client: Client, text: string): Promise<string> {
  const { kind, id } = await resolveId(client, text)
  if (kind === 'incident') return id
  throw new Failure('USAGE', `${text} is ${kind === 'artifact' ? 'an' : 'a'} ${kind}: expected an incident, inc-…`)
}

async function listIds(client: Client, kind: Named['kind']): Promise<string[]> {
  if (kind === 'artifact') throw new Failure('USAGE', 'the id of an artifact must be whole; "spikecam get" prints it')
  if (kind === 'incident') {
    const { incidents } = await client.get('/api/v1/incidents', { query: { limit: newest } })
    return incidents.map(({ id }) => id)
  }
  const { captures } = await client.get('/api/v1/captures', { query: { limit: newest } })
  return captures.map(({ id }) => id)
}
