// What the pages ask for, with the keys under which answers are kept and refreshed.
import {
  type InfiniteData,
  keepPreviousData,
  type QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Client } from '../api/client.ts'
import type { IncidentAnswer, IncidentDetail, IncidentPage, ServerEvent, ServerStatus } from '../api/shapes.ts'
import { watchEvents } from '../api/watch.ts'
import type { Artifact } from '../model/capture.ts'
import type { Incident } from '../model/incident.ts'
import { useSource } from './client-context.tsx'
import { filterQuery, type IncidentFilter, isFiltered } from './incident-filter.ts'
import { openProfile } from './open-profile.ts'
import type { ProcessesRequest, ProfileDesk } from './profile-desk.ts'
import type { SliceRequest } from './slice.ts'

const keys = {
  status: ['status'],
  incidents: ['incidents'],
  /** Those that are as somebody asked for; with what was asked behind it. */
  filtered: ['incidents', 'filtered'],
  incident: (id: string) => ['incident', id],
  series: (id: string) => ['series', id],
} as const

/** While the event stream is cut: often enough to feel live, seldom enough for a phone on call. */
const pollMs = 3000
/** A night with many incidents; the list is still short enough to be drawn at once. */
const pageSize = 100
/** The strip of the agents also shows times that pass. */
const statusMs = 5000
/** Whether an incident that changed belongs to a filtered list, the server knows; in a storm fifty a second change. */
const refilterMs = 500

export function useStatus() {
  const { client } = useSource()
  return useQuery({
    queryKey: keys.status,
    queryFn: ({ signal }) => client.get('/api/v1/status', { signal }),
    refetchInterval: statusMs,
  })
}

/** Newest first; a page of them at once, older ones as they are asked for. */
export function useIncidents(isLive: boolean, filter: IncidentFilter) {
  const { client } = useSource()
  const wanted = filterQuery(filter)
  return useInfiniteQuery({
    queryKey: isFiltered(filter) ? [...keys.filtered, wanted] : keys.incidents,
    queryFn: ({ signal, pageParam }) =>
      client.get('/api/v1/incidents', {
        query: { ...wanted, limit: pageSize, ...(pageParam && { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchInterval: isLive ? false : pollMs,
    placeholderData: keepPreviousData,
  })
}

export function useIncident(id: string, isLive: boolean) {
  const { client, saved } = useSource()
  return useQuery({
    queryKey: keys.incident(id),
    queryFn: ({ signal }) => client.get('/api/v1/incidents/{id}', { params: { id }, signal }),
    refetchInterval: isLive || saved ? false : pollMs,
  })
}

/** Changes what people said of an incident; the page shows the answer at once, and other pages by the event. */
export function useIncidentChange() {
  const queries = useQueryClient()
  const { mutateAsync, isPending, error } = useMutation({
    mutationFn: (ask: () => Promise<IncidentAnswer>) => ask(),
    onSuccess: ({ incident }) => showIncident(queries, incident),
  })
  return {
    /** @returns whether it was done; what went wrong otherwise is in `error` */
    change: (ask: () => Promise<IncidentAnswer>): Promise<boolean> =>
      mutateAsync(ask).then(
        () => true,
        () => false,
      ),
    isBusy: isPending,
    error,
  }
}

/** @param version changes when there is more to fetch, such as the state of the capture */
export function useSeries(id: string, version: string) {
  const { client } = useSource()
  return useQuery({
    queryKey: [...keys.series(id), version],
    queryFn: ({ signal }) => client.get('/api/v1/incidents/{id}/series', { params: { id }, signal }),
    placeholderData: keepPreviousData,
  })
}

/** Artifacts never change, so an opened profile is kept as long as its page. */
export function useProfile(artifact: Artifact | undefined) {
  const { client } = useSource()
  return useQuery({
    queryKey: ['profile', artifact?.id],
    enabled: artifact !== undefined && artifact.evictedMs === undefined,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: async ({ signal }) => {
      const answer = await client.bytes('/api/v1/artifacts/{id}/content', { params: { id: artifact!.id }, signal })
      return openProfile(new Uint8Array(await answer.arrayBuffer()))
    },
    structuralSharing: false,
  })
}

/** A file that can be read, as text. */
export function useFileText(artifact: Artifact | undefined) {
  const { client } = useSource()
  return useQuery({
    queryKey: ['text', artifact?.id],
    enabled: artifact !== undefined && artifact.evictedMs === undefined,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: async ({ signal }) => {
      const answer = await client.bytes('/api/v1/artifacts/{id}/content', { params: { id: artifact!.id }, signal })
      return answer.text()
    },
  })
}

export function useSlice(
  artifactId: string | undefined,
  desk: ProfileDesk | undefined,
  request: SliceRequest | undefined,
) {
  return useQuery({
    queryKey: ['slice', artifactId, request],
    enabled: desk !== undefined && request !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    // Brushing makes many slices; the last few are enough for going back.
    gcTime: 30_000,
    retry: false,
    queryFn: () => desk!.slice(request!),
    placeholderData: keepPreviousData,
    structuralSharing: false,
  })
}

export function useProcesses(
  artifactId: string | undefined,
  desk: ProfileDesk | undefined,
  request: ProcessesRequest | undefined,
) {
  return useQuery({
    queryKey: ['processes', artifactId, request],
    enabled: desk !== undefined && request !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 30_000,
    retry: false,
    queryFn: () => desk!.processes(request!),
    placeholderData: keepPreviousData,
    structuralSharing: false,
  })
}

/** Follows the server's events as long as the component is there. @returns true while they come in */
export function useLiveEvents(client: Client, queries: QueryClient): boolean {
  const [isLive, setLive] = useState(false)
  useEffect(() => {
    const abort = new AbortController()
    let refilter: ReturnType<typeof setTimeout> | undefined
    void watchEvents(client, {
      signal: abort.signal,
      onEvent: (event) => {
        applyEvent(queries, event)
        if (event.type !== 'incident') return
        refilter ??= setTimeout(() => {
          refilter = undefined
          refresh(queries, keys.filtered)
        }, refilterMs)
      },
      onState: (connected) => {
        setLive(connected)
        // What happened while the stream was cut is asked for.
        if (connected) for (const key of ['status', 'incidents', 'incident']) refresh(queries, [key])
      },
    })
    return () => {
      abort.abort()
      clearTimeout(refilter)
    }
  }, [client, queries])
  return isLive
}

/** Puts an event into the answers that it changes. */
export function applyEvent(queries: QueryClient, event: ServerEvent): void {
  if (event.type === 'incident') {
    showIncident(queries, event.incident)
    // Who was told of it comes with the whole document.
    refresh(queries, keys.incident(event.incident.id))
    return
  }
  if (event.type === 'capture') {
    // Its artifacts come with it, so the whole document is asked for again.
    if (event.capture.incidentId) refresh(queries, keys.incident(event.capture.incidentId))
    return
  }
  queries.setQueryData<ServerStatus>(keys.status, (status) => {
    if (!status) return status
    const others = status.agents.filter(({ node }) => node !== event.agent.node)
    return { ...status, agents: [...others, event.agent].sort((a, b) => (a.node < b.node ? -1 : 1)) }
  })
}

/** What is on its way for the first time may have left before the change: invalidating would do nothing about it. */
function refresh(queries: QueryClient, queryKey: readonly string[]): void {
  const again = (): void => void queries.invalidateQueries({ queryKey })
  for (const { state, promise } of queries.getQueryCache().findAll({ queryKey })) {
    if (state.data === undefined) promise?.then(again, again)
  }
  again()
}

function showIncident(queries: QueryClient, incident: Incident): void {
  queries.setQueryData<InfiniteData<IncidentPage>>(keys.incidents, (list) => list && putIncident(list, incident))
  queries.setQueryData<IncidentDetail>(keys.incident(incident.id), (detail) => detail && { ...detail, incident })
}

/** In the place of its older self, else among the newest. */
function putIncident(list: InfiniteData<IncidentPage>, incident: Incident): InfiniteData<IncidentPage> {
  const isIt = ({ id }: Incident): boolean => id === incident.id
  const at = Math.max(
    0,
    list.pages.findIndex(({ incidents }) => incidents.some(isIt)),
  )
  const pages = list.pages.map((page, i) => {
    if (i !== at) return page
    const others = page.incidents.filter((each) => !isIt(each))
    return { ...page, incidents: [incident, ...others].sort((a, b) => b.noticedMs - a.noticedMs) }
  })
  return { ...list, pages }
}
