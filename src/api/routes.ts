// The one table of HTTP routes. The server mounts it, the client and the OpenAPI document are derived from it.
import { createRoute, z } from '@hono/zod-openapi'
import { incidentStates } from '../model/incident.ts'
import { noticeStates } from '../model/notice.ts'
import {
  AlertPage,
  ArtifactDetail,
  CaptureAccepted,
  CaptureDetail,
  CapturePage,
  CaptureRequest,
  ErrorBody,
  FlameAnswer,
  HookAnswer,
  IncidentAnswer,
  IncidentDetail,
  IncidentPage,
  InventoryAnswer,
  LedgerPage,
  NoteRequest,
  NoteText,
  NoticePage,
  PinRequest,
  phases,
  ReceiversAnswer,
  ReceiverTestAnswer,
  RulePauseRequest,
  RuleState,
  RulesAnswer,
  RuleTestAnswer,
  SeriesAnswer,
  ServerEvent,
  ServerStatus,
  TargetSelector,
  TargetsAnswer,
  ThreadsAnswer,
  TopAnswer,
  UploadState,
  UsageAnswer,
} from './shapes.ts'

const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})
const bytes = (mediaType: string, description: string) => ({
  description,
  content: { [mediaType]: { schema: z.string().openapi({ format: 'binary' }) } },
})
const problem = (description: string) => ({ description, content: { 'application/json': { schema: ErrorBody } } })
/** Failures that any route can have; the body is the same for all. */
const failures = {
  400: problem('BAD_REQUEST: the request does not fit this document'),
  401: problem('UNAUTHORIZED: a token is needed'),
  404: problem('NOT_FOUND'),
  500: problem('INTERNAL'),
} as const

const id = z.object({ id: z.string().min(1).max(100) })
const noteId = id.extend({ note: z.string().min(1).max(100) })
const jsonBody = <T extends z.ZodType>(schema: T, { required = true } = {}) => ({
  required,
  content: { 'application/json': { schema } },
})
const said = { 200: json(IncidentAnswer, 'The incident as it is now'), ...failures }
const page = z.object({
  /** Newest first. */
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(200).optional(),
})
/** A moment as people and programs write it, to milliseconds since the epoch. */
const Moment = z.string().transform((text, context) => {
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isFinite(ms)) return ms
  context.addIssue({ code: 'custom', message: `"${text}" is no moment: expected for example 2026-11-21T03:15:00Z` })
  return z.NEVER
})
const wholeNumber = z.coerce.number().int().min(0)
const view = z.object({
  phase: z.enum(phases).default('during'),
  /** Only the incident's target, or everything on its node. */
  scope: z.enum(['target', 'node']).default('target'),
  /** Only this process of the node, or this thread; the scope is then of no matter. */
  pid: wholeNumber.optional(),
  /** Where a PID was given again within the capture: which of those that had it, as `threads` counts them, from 1. */
  owner: wholeNumber.min(1).optional(),
  tid: wholeNumber.optional(),
  /** Which capture of the incident; without it the first that has a profile. */
  capture: z.string().optional(),
})
const diffView = view.extend({
  /** Compare with the baseline. */
  diff: z.enum(['before']).optional(),
})
const noAnswer = {
  502: problem('UNREACHABLE: the agent went away'),
  504: problem('TIMEOUT: the agent has no time to answer'),
}
const empty = problem('EMPTY: nothing was sampled in this range and scope')

const taken = {
  202: json(HookAnswer, 'Every new firing is on disk, and nothing has been captured yet'),
  413: problem('TOO_LARGE'),
  503: problem('OVERLOADED: too many alerts wait to be written; send it again'),
  ...failures,
}
const anySender = 'Takes alerts of Alertmanager or Grafana, or of what `alertMapping` describes'
const oneSender = 'The same for one sender (alertmanager, prometheus or grafana), with plainer errors'
const sender = z.object({ sender: z.string().min(1).max(100) })

const ruleName = z.object({ name: z.string().min(1).max(100) })

export const routes = {
  getStatus: createRoute({
    method: 'get',
    path: '/api/v1/status',
    summary: 'Version, connected agents, and how full the data folder is',
    responses: { 200: json(ServerStatus, 'Status'), ...failures },
  }),

  postHook: createRoute({ method: 'post', path: '/hooks', summary: anySender, responses: taken }),
  putHook: createRoute({ method: 'put', path: '/hooks', summary: anySender, responses: taken }),
  postSenderHook: createRoute({
    method: 'post',
    path: '/hooks/{sender}',
    summary: oneSender,
    request: { params: sender },
    responses: taken,
  }),
  putSenderHook: createRoute({
    method: 'put',
    path: '/hooks/{sender}',
    summary: oneSender,
    request: { params: sender },
    responses: taken,
  }),

  listAlerts: createRoute({
    method: 'get',
    path: '/api/v1/alerts',
    summary: 'Alerts that came, and what was decided about each',
    request: { query: page },
    responses: { 200: json(AlertPage, 'Newest first'), ...failures },
  }),

  listRules: createRoute({
    method: 'get',
    path: '/api/v1/rules',
    summary: 'The rules as they hold now, with what they did',
    responses: { 200: json(RulesAnswer, 'Rules'), ...failures },
  }),

  pauseRule: createRoute({
    method: 'post',
    path: '/api/v1/rules/{name}/pause',
    summary: 'Let a rule rest until it is resumed, also over restarts; the rules after it are asked instead',
    request: { params: ruleName, body: jsonBody(RulePauseRequest) },
    responses: { 200: json(RuleState, 'The rule as it is now'), ...failures },
  }),
  resumeRule: createRoute({
    method: 'post',
    path: '/api/v1/rules/{name}/resume',
    summary: 'End the rest of a rule',
    request: { params: ruleName },
    responses: { 200: json(RuleState, 'The rule as it is now'), ...failures },
  }),
  testRules: createRoute({
    method: 'post',
    path: '/api/v1/rules/test',
    summary: 'What the rules would do about a message, without doing it',
    request: { body: { content: { 'application/json': { schema: z.unknown() } } } },
    responses: { 200: json(RuleTestAnswer, 'One answer for each alert'), ...failures },
  }),

  listReceivers: createRoute({
    method: 'get',
    path: '/api/v1/receivers',
    summary: 'Who is told when evidence is there, and by which rules',
    responses: { 200: json(ReceiversAnswer, 'Receivers'), ...failures },
  }),
  testReceiver: createRoute({
    method: 'post',
    path: '/api/v1/receivers/{name}/test',
    summary: 'Send a message that says that it is a test, and tell what came of it',
    request: { params: z.object({ name: z.string().min(1).max(100) }) },
    responses: { 200: json(ReceiverTestAnswer, 'What came of it'), ...failures },
  }),
  listNotices: createRoute({
    method: 'get',
    path: '/api/v1/notices',
    summary: 'Messages to receivers: sent, waiting for their next attempt, or given up, with the reason',
    request: { query: page.extend({ incident: z.string().optional(), state: z.enum(noticeStates).optional() }) },
    responses: { 200: json(NoticePage, 'Newest first'), ...failures },
  }),

  listProcesses: createRoute({
    method: 'get',
    path: '/api/v1/processes',
    summary: 'Processes of the nodes with their containers and pods, as they are now',
    request: { query: TargetSelector },
    responses: { 200: json(InventoryAnswer, 'Who runs'), ...failures, ...noAnswer },
  }),
  whois: createRoute({
    method: 'get',
    path: '/api/v1/whois',
    summary: 'Everything known of a PID, container, pod, address or workload',
    request: { query: TargetSelector.required({ name: true }) },
    responses: { 200: json(InventoryAnswer, 'Who it is'), ...failures, ...noAnswer },
  }),
  getUsage: createRoute({
    method: 'get',
    path: '/api/v1/usage',
    summary: 'CPU that containers, and processes in none, use right now',
    request: { query: TargetSelector.pick({ node: true }) },
    responses: { 200: json(UsageAnswer, 'Who burns'), ...failures, ...noAnswer },
  }),
  findTargets: createRoute({
    method: 'get',
    path: '/api/v1/targets',
    summary: 'Whom a capture with this selector would be of',
    request: { query: TargetSelector },
    responses: { 200: json(TargetsAnswer, 'Candidates'), ...failures, ...noAnswer },
  }),

  listIncidents: createRoute({
    method: 'get',
    path: '/api/v1/incidents',
    summary: 'Incidents, newest first',
    request: {
      query: page.extend({
        node: z.string().optional(),
        namespace: z.string().optional(),
        pod: z.string().optional(),
        state: z.enum(incidentStates).optional(),
        /**
         * Words that each stand somewhere in id, node, `namespace/pod/container`, workload, command, PID, rules, names of
         * alerts, busiest functions and threads, or notes; whatever the case.
         */
        text: z.string().max(200).optional(),
        /** What lies partly or wholly within: `2026-11-21T03:15:00Z`, or milliseconds since 1970. */
        from: Moment.optional(),
        to: Moment.optional(),
      }),
    },
    responses: { 200: json(IncidentPage, 'A page of incidents'), ...failures },
  }),
  getIncident: createRoute({
    method: 'get',
    path: '/api/v1/incidents/{id}',
    summary: 'One incident with its captures and artifacts',
    request: { params: id },
    responses: { 200: json(IncidentDetail, 'The incident'), ...failures },
  }),
  pinIncident: createRoute({
    method: 'post',
    path: '/api/v1/incidents/{id}/pin',
    summary: 'Keep the evidence of an incident whatever its age and the budget',
    request: { params: id, body: jsonBody(PinRequest, { required: false }) },
    responses: said,
  }),
  unpinIncident: createRoute({
    method: 'delete',
    path: '/api/v1/incidents/{id}/pin',
    summary: 'Let the evidence go again when its time has come',
    request: { params: id },
    responses: said,
  }),
  addNote: createRoute({
    method: 'post',
    path: '/api/v1/incidents/{id}/notes',
    summary: 'Write something about an incident',
    request: { params: id, body: jsonBody(NoteRequest) },
    responses: { 429: problem('REFUSED: it has as many notes as one may have'), ...said },
  }),
  changeNote: createRoute({
    method: 'put',
    path: '/api/v1/incidents/{id}/notes/{note}',
    summary: 'Write a note anew',
    request: { params: noteId, body: jsonBody(NoteText) },
    responses: said,
  }),
  removeNote: createRoute({
    method: 'delete',
    path: '/api/v1/incidents/{id}/notes/{note}',
    summary: 'Take a note back',
    request: { params: noteId },
    responses: said,
  }),
  getSeries: createRoute({
    method: 'get',
    path: '/api/v1/incidents/{id}/series',
    summary: 'CPU over time',
    request: { params: id },
    responses: { 200: json(SeriesAnswer, 'Usage series'), ...failures },
  }),
  getFlame: createRoute({
    method: 'get',
    path: '/api/v1/incidents/{id}/flame',
    summary: 'Call tree, also as a diff with the baseline',
    request: { params: id, query: diffView },
    responses: { 200: json(FlameAnswer, 'Call tree'), 422: empty, ...failures },
  }),
  getTop: createRoute({
    method: 'get',
    path: '/api/v1/incidents/{id}/top',
    summary: 'Functions, heaviest self first',
    request: { params: id, query: diffView.extend({ limit: z.coerce.number().int().min(1).max(10_000).default(100) }) },
    responses: { 200: json(TopAnswer, 'Functions'), 422: empty, ...failures },
  }),
  getThreads: createRoute({
    method: 'get',
    path: '/api/v1/incidents/{id}/threads',
    summary: 'Processes and threads that were on a CPU, to pick from',
    request: { params: id, query: view.pick({ phase: true, capture: true }) },
    responses: { 200: json(ThreadsAnswer, 'Threads'), 422: empty, ...failures },
  }),
  getPprof: createRoute({
    method: 'get',
    path: '/api/v1/incidents/{id}/pprof',
    summary: 'Gzipped pprof: `go tool pprof URL`',
    request: { params: id, query: view },
    responses: { 200: bytes('application/vnd.google.pprof+gzip', 'profile.proto, gzipped'), 422: empty, ...failures },
  }),
  getFolded: createRoute({
    method: 'get',
    path: '/api/v1/incidents/{id}/folded',
    summary: 'Folded stacks, one line each',
    request: { params: id, query: view },
    responses: { 200: bytes('text/vnd.flamegraph.folded', 'a;b;c 42'), 422: empty, ...failures },
  }),
  getFlameSvg: createRoute({
    method: 'get',
    path: '/api/v1/incidents/{id}/flame.svg',
    summary: 'Self-contained flame graph',
    request: { params: id, query: diffView },
    responses: { 200: bytes('image/svg+xml', 'SVG'), 422: empty, ...failures },
  }),
  getExport: createRoute({
    method: 'get',
    path: '/api/v1/incidents/{id}/export.html',
    summary: 'The incident page as one file that opens offline',
    request: { params: id },
    responses: { 200: bytes('text/html', 'HTML'), ...failures },
  }),

  listCaptures: createRoute({
    method: 'get',
    path: '/api/v1/captures',
    summary: 'Captures, newest first',
    request: { query: page.extend({ incident: z.string().optional(), state: z.string().optional() }) },
    responses: { 200: json(CapturePage, 'A page of captures'), ...failures },
  }),
  getCapture: createRoute({
    method: 'get',
    path: '/api/v1/captures/{id}',
    summary: 'One capture with its artifacts',
    request: { params: id },
    responses: { 200: json(CaptureDetail, 'The capture'), ...failures },
  }),
  startCapture: createRoute({
    method: 'post',
    path: '/api/v1/captures',
    summary: 'Capture now',
    request: { body: { required: true, content: { 'application/json': { schema: CaptureRequest } } } },
    responses: {
      202: json(CaptureAccepted, 'Under way; follow it by its id'),
      429: problem('REFUSED: a limit said no; the message names it'),
      507: problem('DISK_FULL'),
      ...failures,
    },
  }),
  stopCapture: createRoute({
    method: 'post',
    path: '/api/v1/captures/{id}/stop',
    summary: 'End a running capture early and keep what it has',
    request: { params: id },
    responses: { 202: json(CaptureDetail, 'Told to stop; the capture as it is now'), ...failures },
  }),
  listTriggers: createRoute({
    method: 'get',
    path: '/api/v1/triggers',
    summary: 'Every attempt to capture, also the refused ones, newest first',
    request: { query: page },
    responses: { 200: json(LedgerPage, 'A page of the ledger'), ...failures },
  }),

  getArtifact: createRoute({
    method: 'get',
    path: '/api/v1/artifacts/{id}',
    summary: 'What an artifact is',
    request: { params: id },
    responses: { 200: json(ArtifactDetail, 'Metadata'), ...failures },
  }),
  getArtifactContent: createRoute({
    method: 'get',
    path: '/api/v1/artifacts/{id}/content',
    summary: 'The bytes of an artifact; ranges are served',
    request: { params: id },
    responses: {
      200: bytes('application/octet-stream', 'The bytes, with the media type of the artifact'),
      206: bytes('application/octet-stream', 'The asked range'),
      416: problem('RANGE_NOT_SATISFIABLE'),
      ...failures,
    },
  }),
  getEvents: createRoute({
    method: 'get',
    path: '/api/v1/events',
    summary: 'Server-sent events: incidents, captures and agents as they change',
    responses: { 200: { description: 'data: ServerEvent', content: { 'text/event-stream': { schema: ServerEvent } } } },
  }),

  agentSocket: createRoute({
    method: 'get',
    path: '/api/v1/agent/socket',
    summary: 'WebSocket of an agent; the messages are in src/api/messages.ts',
    responses: { 101: { description: 'Switching to WebSocket' }, 426: problem('PROTOCOL: not a WebSocket request') },
  }),
  getUpload: createRoute({
    method: 'get',
    path: '/api/v1/agent/uploads/{sha256}',
    summary: 'How much of an upload the server has; HEAD tells the same in Upload-Offset and Upload-Complete',
    request: { params: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }) },
    responses: { 200: json(UploadState, 'State'), ...failures },
  }),
  patchUpload: createRoute({
    method: 'patch',
    path: '/api/v1/agent/uploads/{sha256}',
    summary: 'Append bytes; the request that brings the last one is answered once they are checked and durable',
    request: {
      params: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
      headers: z.object({
        /** Must be what the server has. */
        'upload-offset': wholeNumber,
        /** Size of the whole. */
        'upload-length': wholeNumber,
      }),
      body: {
        content: { 'application/offset+octet-stream': { schema: z.string().openapi({ format: 'binary' }) } },
      },
    },
    responses: {
      200: json(UploadState, 'State afterwards'),
      409: problem('UPLOAD_OFFSET: not where the server stands; ask again and continue from there'),
      413: problem('TOO_LARGE'),
      422: problem('MALFORMED: the bytes are not those of the sha256; begin again'),
      507: problem('DISK_FULL'),
      ...failures,
    },
  }),

  login: createRoute({
    method: 'get',
    path: '/login',
    summary: 'Sets the token as a cookie, for browsers, and goes to the UI',
    request: { query: z.object({ token: z.string() }) },
    responses: { 302: { description: 'To /' }, 401: problem('UNAUTHORIZED') },
  }),
  healthz: createRoute({
    method: 'get',
    path: '/healthz',
    summary: 'The process answers',
    responses: { 200: bytes('text/plain', 'ok') },
  }),
  readyz: createRoute({
    method: 'get',
    path: '/readyz',
    summary: 'The stores answer too',
    responses: { 200: bytes('text/plain', 'ok'), 503: problem('The store does not answer') },
  }),
  metrics: createRoute({
    method: 'get',
    path: '/metrics',
    summary: 'Prometheus metrics',
    responses: { 200: bytes('text/plain', 'Prometheus text format') },
  }),
} as const

export type Routes = typeof routes
/** Where the OpenAPI document is. */
export const openapiPath = '/api/v1/openapi.json'
