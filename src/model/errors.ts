// The closed table of failures: permanent codes, HTTP status, exit code, and the next step to print.
// A retired code is never reused; `docs/errors.md` is compared with this table by a test.

/** Exit codes of the program: 0 done with data, and these. */
export const exitCodes = {
  usage: 2,
  refused: 3,
  notFound: 4,
  partial: 5,
  empty: 6,
  permission: 7,
  timeout: 8,
  interrupted: 130,
} as const

interface FailureRow {
  readonly status: number
  readonly exit: number
  readonly advice: string
}

export const failures = {
  USAGE: { status: 400, exit: 2, advice: 'Run the command with --help.' },
  BAD_REQUEST: { status: 400, exit: 2, advice: 'See /api/v1/openapi.json for what this route takes.' },
  BAD_CONFIG: { status: 400, exit: 2, advice: 'Fix the named key; `spikecam up --help` lists every option.' },
  NOT_A_PROFILE: { status: 422, exit: 2, advice: 'Run `spikecam convert --help` for the formats that are known.' },
  MALFORMED: { status: 422, exit: 2, advice: 'The file is damaged beyond what could be read; record it again.' },
  TOO_LARGE: { status: 413, exit: 2, advice: 'Raise the limit named in the message, or cut the input.' },
  INCOMPATIBLE: { status: 422, exit: 2, advice: 'Merge and diff take profiles of the same sample types.' },
  REFUSED: { status: 429, exit: 3, advice: 'Wait for what is running, or change the setting that the message names.' },
  OVERLOADED: { status: 503, exit: 3, advice: 'Send it again; Alertmanager does so by itself.' },
  METHOD_NOT_ALLOWED: { status: 405, exit: 2, advice: 'See /api/v1/openapi.json for what this route takes.' },
  RANGE_NOT_SATISFIABLE: { status: 416, exit: 2, advice: 'Ask for a range within the size that the message names.' },
  UPLOAD_OFFSET: { status: 409, exit: 5, advice: 'Ask with HEAD how much the server has, and continue from there.' },
  HOST_NOT_ALLOWED: {
    status: 403,
    exit: 7,
    advice: 'Open the server under the address it listens on, or name the other one with --public-url.',
  },
  CROSS_ORIGIN: { status: 403, exit: 7, advice: 'Only pages of this server may change something; use its own UI.' },
  NOT_FOUND: {
    status: 404,
    exit: 4,
    advice: 'Run `spikecam list` for incidents, `spikecam ps` for pods and processes.',
  },
  TARGET_GONE: { status: 404, exit: 4, advice: 'The process ended; what the ring holds of it can still be captured.' },
  EMPTY: {
    status: 422,
    exit: 6,
    advice: 'Nothing was sampled: the target was idle, or it is not the one that is busy.',
  },
  NOT_PERMITTED: { status: 403, exit: 7, advice: 'Run as root, or run `spikecam doctor` to see the missing right.' },
  UNAUTHORIZED: { status: 401, exit: 7, advice: 'Pass the token of this server with --token or SPIKECAM_TOKEN.' },
  PERF_FORBIDDEN: {
    status: 403,
    exit: 7,
    advice: 'Run as root, or run: sysctl kernel.perf_event_paranoid=-1 (or give the process CAP_PERFMON).',
  },
  PERF_MLOCK: {
    status: 403,
    exit: 7,
    advice: 'Run: sysctl kernel.perf_event_mlock_kb=4096 (1 MiB for each CPU and perf), or give it CAP_IPC_LOCK.',
  },
  TOOL_MISSING: { status: 424, exit: 7, advice: 'Install the named tool: on Debian `apt-get install linux-perf`.' },
  PORT_IN_USE: { status: 500, exit: 2, advice: 'Choose another address with --listen, or stop the other program.' },
  DATA_NOT_WRITABLE: { status: 500, exit: 7, advice: 'Choose another folder with --data, or make it writable.' },
  DATA_IN_USE: {
    status: 500,
    exit: 2,
    advice: 'Stop the other spikecam on this folder, or choose another with --data.',
  },
  DATA_TOO_NEW: { status: 500, exit: 2, advice: 'Upgrade spikecam, or choose another folder with --data.' },
  DATA_DAMAGED: {
    status: 500,
    exit: 2,
    advice: 'Move the named file aside and start again without it, or choose another folder with --data.',
  },
  DISK_FULL: { status: 507, exit: 3, advice: 'Free some disk space, or lower the budget with --data-budget.' },
  TIMEOUT: { status: 504, exit: 8, advice: 'Raise the deadline, or look at the node: it may be overloaded.' },
  UNREACHABLE: {
    status: 502,
    exit: 4,
    advice: 'Is the server running? Start one with `spikecam up`, or pass --server.',
  },
  PROTOCOL: { status: 426, exit: 2, advice: 'Agent and server are of different versions; upgrade the older one.' },
  ENDPOINT_UNREACHABLE: {
    status: 502,
    exit: 4,
    advice: 'Look at the address in the message: does the process listen there, in its own network?',
  },
  ENDPOINT_REFUSED: {
    status: 502,
    exit: 7,
    advice: 'The message holds what the program answered; it is for the program to let us in.',
  },
  TLS_REFUSED: {
    status: 502,
    exit: 7,
    advice:
      'The message says which certificate is wrong; `spikecam doctor --tls pid/N:PORT` shows all that were presented.',
  },
  SECRET_UNREADABLE: {
    status: 502,
    exit: 7,
    advice: 'The message says what is missing; docs/probes.md has the role that lets the agent read one Secret.',
  },
  UNEXPECTED_ANSWER: {
    status: 502,
    exit: 5,
    advice: 'Something answered, but not with a profile: name the right port and path, or look at what listens there.',
  },
  PROFILER_BUSY: {
    status: 409,
    exit: 3,
    advice: 'Somebody else is profiling this process, and it can do one at a time; try again when that has ended.',
  },
  TOOL_FAILED: { status: 500, exit: 5, advice: 'The details hold the end of what the tool wrote to stderr.' },
  CRI_UNREACHABLE: {
    status: 502,
    exit: 4,
    advice: 'Is containerd or CRI-O running? Name its socket with --cri-socket; without one, containers have only ids.',
  },
  INTERNAL: { status: 500, exit: 5, advice: 'This is a bug in spikecam; please report it with the details.' },
} as const satisfies Record<string, FailureRow>

export type FailureCode = keyof typeof failures

/** Plain JSON that goes into logs, API answers and manifests. */
export type FailureDetails = Record<string, unknown>

/** The one error class: `code` is what is compared, `message` says what happened to which thing. */
export class Failure extends Error {
  readonly code: FailureCode
  readonly details: FailureDetails

  constructor(code: FailureCode, message: string, options: { cause?: unknown; details?: FailureDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Failure'
    this.code = code
    this.details = options.details ?? {}
  }

  /** The next step, from the table. */
  get advice(): string {
    return failures[this.code].advice
  }

  /** Exit code of the program for this failure. */
  get exit(): number {
    return failures[this.code].exit
  }
}

/** Any thrown value as a `Failure`; what is not one already becomes INTERNAL with its stack in the details. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error
  const message = error instanceof Error ? error.message : String(error)
  return new Failure('INTERNAL', message, {
    cause: error,
    details: error instanceof Error && error.stack ? { stack: error.stack } : {},
  })
}
