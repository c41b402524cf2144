// The one table of commands and options: `--help`, docs/config.md, environment variables and the keys of the YAML file
// all come from it. Reading is pure: argv, environment and the file's content in, a plain object out; whoever calls
// opens files and sockets afterwards.
import { nearest } from './lib/nearest.ts'
import { parseBytes, parseDurationMs } from './lib/units.ts'
import { Failure } from './model/errors.ts'

/** Headings of the overview, in the order in which somebody new needs them. */
export const commandGroups = {
  record: 'Record and watch',
  ask: 'Ask a running server',
  files: 'Work on files, no server needed',
} as const

export interface CommandRow {
  readonly group: keyof typeof commandGroups
  /** What stands after the command, as people read it. */
  readonly args: string
  /** How many words that may be. */
  readonly count: readonly [min: number, max: number]
  readonly summary: string
  /** What -o takes here, where the command has it. */
  readonly output?: string
  /** What a newcomer needs to know beyond the summary. */
  readonly details?: string
  readonly examples?: readonly string[]
}

export const commands = {
  up: {
    group: 'record',
    args: '',
    count: [0, 0],
    summary: 'Record this machine, notice CPU spikes, show them in a browser. Agent and server in one process.',
    examples: ['spikecam up', 'spikecam up --listen 127.0.0.1:0 --data /tmp/try --open'],
  },
  agent: {
    group: 'record',
    args: '',
    count: [0, 0],
    summary: 'Record this node and send what was caught to a server.',
    examples: ['spikecam agent --server http://spikecam.example:7575'],
  },
  server: {
    group: 'record',
    args: '',
    count: [0, 0],
    summary: 'Keep and show what agents send.',
    examples: ['spikecam server --listen 0.0.0.0:7575 --data /var/lib/spikecam'],
  },
  capture: {
    group: 'ask',
    args: 'KIND [TARGET]',
    count: [1, 2],
    output: 'json|yaml|name|FILE|DIR/|-',
    summary: 'Look now: CPU stacks of the seconds before and after, threads, goroutines, heap, or all of it.',
    details:
      'KIND is cpu, threads, goroutines, heap, allocs, mutex, block, trace, context, or bundle for all that\n' +
      'fits. What the process is decides who looks, and the answer says who did: perf, Go pprof, the JVM,\n' +
      'Node, py-spy, or /proc alone.\n' +
      'TARGET is pod/NAME, NAMESPACE/POD, deploy/NAME, sts/NAME, ds/NAME, container/ID (the beginning will\n' +
      'do), pid/N with the children that it forks, HOST:PORT for who listens there, node or node/NAME; or\n' +
      '-l LABELS. Without one it is the node. Of several the one that uses most CPU right now is taken, and\n' +
      'the others are named; --all takes them all, as the nodes have room, up to --at-most. A pod is all of\n' +
      'its containers unless -c names one.\n' +
      'With -o FILE the name says what is written: the file that ends alike, or .pb.gz, .folded, .svg or\n' +
      '.html made of it; - is the first one, of cpu as pprof. DIR/ gets all files.\n' +
      'Ctrl-C ends the recording early and keeps what there is; a second Ctrl-C leaves at once.',
    examples: [
      'spikecam capture cpu pid/4242 --for 20s',
      'spikecam capture cpu node --for 5s -o - > node.pb.gz',
      'spikecam capture threads deploy/cart',
      'spikecam capture cpu -l app=cart --all -o evidence/',
      'spikecam capture bundle pod/cart-0 -o evidence/',
    ],
  },
  ps: {
    group: 'ask',
    args: '[TARGET]',
    count: [0, 1],
    output: 'json|yaml|wide|name',
    summary: 'Who runs on the nodes: PIDs on the host and in the container, container, pod, runtime, CPU, threads.',
    details:
      'TARGET is pod/NAME, NAMESPACE/POD, deploy/NAME, sts/NAME, ds/NAME, container/ID, pid/N or node/NAME;\n' +
      'a bare name or the beginning of a container id will do. Without one it is everything, also what runs\n' +
      'outside of containers.',
    examples: ['spikecam ps', 'spikecam ps deploy/cart -n shop', 'spikecam ps -l app=redis -o wide'],
  },
  whois: {
    group: 'ask',
    args: 'PID|CONTAINER|POD|IP|HOST:PORT',
    count: [1, 1],
    output: 'json|yaml|name',
    summary: 'Everything known of a PID, container, pod, address, listener or workload: process to pod, and back.',
    examples: ['spikecam whois 4242', 'spikecam whois 10.4.2.17:8080', 'spikecam whois shop/cart-0'],
  },
  list: {
    group: 'ask',
    args: '[POD]',
    count: [0, 1],
    output: 'json|yaml|wide|name',
    summary: 'The incidents that the server holds, newest first; of one pod, a time, a state, or with some words.',
    examples: [
      'spikecam list',
      'spikecam list --since 2h',
      'spikecam list cart-0 -n shop --since 2026-11-21T03:00Z --before 2026-11-21T03:30Z',
      'spikecam list --text evilRegex --state complete',
    ],
  },
  get: {
    group: 'ask',
    args: 'ID',
    count: [1, 1],
    output: 'json|yaml|name',
    summary: 'One incident or capture with everything known about it.',
    details: 'ID may be cut short as long as it names only one.',
    examples: ['spikecam get inc-01k8', 'spikecam get inc-01k8 -o json'],
  },
  open: {
    group: 'ask',
    args: '[ID]',
    count: [0, 1],
    summary: 'Open an incident in the browser; without ID the list of them.',
  },
  download: {
    group: 'ask',
    args: 'ID',
    count: [1, 1],
    output: 'FILE|DIR/|-',
    summary: 'Save the artifacts of an incident or capture, or one artifact.',
    examples: ['spikecam download inc-01k8 -o evidence/', 'spikecam download art-01k8 -o - > cpu.pb.gz'],
  },
  pin: {
    group: 'ask',
    args: 'INCIDENT',
    count: [1, 1],
    output: 'json|yaml|name',
    summary: 'Keep the evidence of an incident whatever its age and the budget.',
    examples: ['spikecam pin inc-01k8'],
  },
  unpin: {
    group: 'ask',
    args: 'INCIDENT',
    count: [1, 1],
    output: 'json|yaml|name',
    summary: 'Let the evidence of an incident go again when its time has come.',
  },
  note: {
    group: 'ask',
    args: 'INCIDENT [TEXT...]',
    count: [1, 10_000],
    output: 'json|yaml|name',
    summary: 'Write something about an incident; without TEXT show what was written.',
    details: 'TEXT - is stdin. Notes are shown on the page of the incident, where they can be changed as well.',
    examples: [
      'spikecam note inc-01k8 "the new regex of cart 2.3; rolled back"',
      'spikecam note inc-01k8',
      'spikecam note inc-01k8 --edit last "it was 2.4"',
    ],
  },
  stop: { group: 'ask', args: 'ID', count: [1, 1], summary: 'End a running capture early and keep what it has.' },
  ring: {
    group: 'ask',
    args: '[status]',
    count: [0, 1],
    output: 'json|yaml',
    summary: 'What the always-on recording of each node holds right now.',
  },
  rules: {
    group: 'ask',
    args: 'list|test [RULE]|explain [ID]|pause RULE|resume RULE|notify [WHO]',
    count: [0, 10_000],
    output: 'json|yaml|name',
    summary: 'The rules for alerts and spikes: what they did and may do, would do, and why; let one rest.',
    details:
      'explain without an id shows the last alerts and what was refused, with what came of each: most of\n' +
      'that is in no incident. pause takes the reason after the name of the rule. notify shows who is told\n' +
      'when evidence is there, and what did not arrive; with the name of a receiver it sends a test message\n' +
      'and shows the answer.',
    examples: [
      'spikecam rules',
      'spikecam rules test --alert alert.json',
      'spikecam rules explain',
      'spikecam rules explain inc-01k8…',
      'spikecam rules pause shop-cpu load test until noon',
      'spikecam rules notify oncall',
    ],
  },
  top: {
    group: 'files',
    args: '[FILE|node/NAME]',
    count: [0, 1],
    output: 'json|yaml',
    summary: 'The busiest functions of a profile, heaviest self first; without FILE the busiest containers, live.',
    details:
      'Without FILE it asks a running server: containers, and processes outside of them, by CPU, with what\n' +
      'their limits and neighbours held back. In a terminal it goes on until Ctrl-C; elsewhere it prints\n' +
      'one table.',
    examples: [
      'spikecam top',
      'spikecam top perf.data',
      'curl -s http://127.0.0.1:6060/debug/pprof/profile | spikecam top - -o json',
    ],
  },
  flame: {
    group: 'files',
    args: 'FILE',
    count: [1, 1],
    output: 'FILE.svg|FILE.html|-',
    summary: 'A flame graph of a profile: one SVG or HTML file that needs nothing else.',
    examples: ['spikecam flame perf.data -o cpu.svg', 'perf script | spikecam flame - -o cpu.html'],
  },
  convert: {
    group: 'files',
    args: 'IN... [OUT]',
    count: [1, 10_000],
    summary: 'Read profiles and write them as one of another format; several are merged.',
    details:
      'The last of several names is OUT, and its end (.pb.gz, .folded, .svg, ...) or --to says the format.\n' +
      '- is stdin or stdout; without OUT it is stdout. gzip and zstd around the input are taken off.',
    examples: [
      'spikecam convert perf.data cpu.pb.gz',
      'spikecam convert cpu.pb.gz --to folded | grep cart',
      'spikecam convert monday.pb.gz tuesday.pb.gz both.pb.gz',
    ],
  },
  diff: {
    group: 'files',
    args: 'BEFORE AFTER',
    count: [2, 2],
    output: 'json|yaml|FILE.svg|FILE.html|FILE.folded|-',
    summary: 'What grew and what shrank between two profiles, made comparable first.',
    details: 'A table for people; with -o a picture, or folded stacks with both counts, as - writes them.',
    examples: ['spikecam diff quiet.pb.gz spike.pb.gz', 'spikecam diff quiet.pb.gz spike.pb.gz -o diff.svg'],
  },
  info: {
    group: 'files',
    args: 'FILE',
    count: [1, 1],
    output: 'json|yaml',
    summary: 'What a file is, how many samples it holds, from when to when, and how good its symbols are.',
  },
  doctor: {
    group: 'record',
    args: '',
    count: [0, 0],
    output: 'json|yaml',
    summary: 'Check whether this machine can be recorded, and say what to do where it cannot.',
    details:
      'With --tls it looks at one address instead: the certificates it presents, and what is wrong with\n' +
      'them or with ours. pid/N:PORT is connected to inside the network of that process, pid/N means every\n' +
      'port it listens on.',
    examples: [
      'spikecam doctor',
      'spikecam doctor --tls pid/42:2379 --pprof-ca ca.crt --pprof-cert my.crt --pprof-key my.key',
    ],
  },
} as const satisfies Record<string, CommandRow>

export type CommandName = keyof typeof commands

/** Where a main listens; port 0 = any free one. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** What a default may depend on. */
export interface World {
  readonly isRoot: boolean
  readonly home: string
  readonly hostname: string
}

export interface OptionRow {
  /** Name after `--`, and the key in the YAML file; the environment variable is SPIKECAM_ and the same in capitals. */
  readonly flag: string
  readonly short?: string
  readonly type: 'text' | 'number' | 'duration' | 'bytes' | 'share' | 'address' | 'boolean' | 'choice'
  readonly choices?: readonly string[]
  /** Written as a person would type it; read by the same code. */
  readonly default?: string
  /** A default that depends on the machine, and how the help describes it. */
  readonly defaultOf?: { readonly text: string; readonly value: (world: World) => string }
  /** Least and greatest number allowed, in the unit of the value. */
  readonly range?: readonly [min: number, max: number]
  /** Stands for the value in the help. */
  readonly hint?: string
  readonly help: string
  readonly commands: readonly CommandName[]
}

const recorders = ['up', 'agent'] as const
const keepers = ['up', 'server'] as const
const clients = [
  'capture',
  'ps',
  'whois',
  'top',
  'list',
  'get',
  'open',
  'download',
  'pin',
  'unpin',
  'note',
  'stop',
  'ring',
  'rules',
] as const
const readers = ['top', 'flame', 'convert', 'diff', 'info'] as const
const targeted = ['capture', 'ps', 'whois'] as const
const printers = [
  'ps',
  'whois',
  'list',
  'get',
  'pin',
  'unpin',
  'note',
  'ring',
  'rules',
  'doctor',
  'capture',
  'download',
  'top',
  'flame',
  'diff',
  'info',
] as const

export const optionTable = {
  listen: {
    flag: 'listen',
    type: 'address',
    default: '127.0.0.1:7575',
    help: 'Address of the API and the UI; port 0 takes any free one.',
    commands: keepers,
  },
  dataDir: {
    flag: 'data',
    type: 'text',
    hint: 'DIR',
    defaultOf: {
      text: '/var/lib/spikecam as root, else ~/.local/share/spikecam',
      value: ({ isRoot, home }) => (isRoot ? '/var/lib/spikecam' : `${home}/.local/share/spikecam`),
    },
    help: 'Folder for everything that is kept.',
    commands: ['up', 'server', 'agent', 'doctor'],
  },
  // 10 GB: a month of one capture per hour at the 10 MB that perf.data, pprof and SVG of 40 s make together.
  dataBudgetBytes: {
    flag: 'data-budget',
    type: 'bytes',
    default: '10GB',
    range: [16e6, 1e15],
    help: 'Evidence beyond this size is dropped, oldest first; what is pinned is kept.',
    commands: keepers,
  },
  // A quarter: what somebody looks into later than that is pinned, and what tells of workloads is not kept for ever.
  dataAgeMs: {
    flag: 'data-age',
    type: 'duration',
    default: '90d',
    range: [3_600_000, 1e14],
    help: 'Evidence older than this is dropped; what is pinned is kept.',
    commands: keepers,
  },
  // What a node of two cores can carry without being felt, up to what is safe on any.
  capturesPerNode: {
    flag: 'captures-per-node',
    type: 'number',
    default: '2',
    range: [1, 10],
    help: 'Captures that may run on one node at a time, whoever asks; the agent goes deep for as many at most.',
    commands: ['up', 'server', 'agent'],
  },
  configFile: {
    flag: 'config',
    type: 'text',
    hint: 'FILE',
    help: 'YAML file with any of these options as keys, without the dashes.',
    commands: ['up', 'server', 'agent'],
  },
  open: {
    flag: 'open',
    type: 'boolean',
    help: 'Open the UI in a browser once it answers.',
    commands: ['up', 'server'],
  },
  server: {
    flag: 'server',
    type: 'text',
    hint: 'URL',
    default: 'http://127.0.0.1:7575',
    help: 'The server to talk to.',
    commands: ['agent', ...clients],
  },
  token: {
    flag: 'token',
    type: 'text',
    help: 'Secret that people, programs and agents must know; needed when not listening on loopback.',
    commands: ['up', 'server', 'agent', ...clients],
  },
  agentToken: {
    flag: 'agent-token',
    type: 'text',
    help: 'Another secret for agents alone; they use --token where this is not set.',
    commands: ['up', 'server', 'agent'],
  },
  publicUrl: {
    flag: 'public-url',
    type: 'text',
    hint: 'URL',
    help: 'Where people reach the server when that is not the address it listens on, as behind a proxy.',
    commands: keepers,
  },
  rules: {
    flag: 'rules',
    type: 'text',
    hint: 'FILE',
    help: 'Rules for alerts, as YAML; read again when it changes. Without it everything that fires is looked at, gently.',
    commands: keepers,
  },
  hookBasic: {
    flag: 'hook-basic',
    type: 'text',
    hint: 'USER:PASSWORD',
    help: 'Senders of alerts may prove with this who they are; also with the token.',
    commands: keepers,
  },
  hookSecret: {
    flag: 'hook-secret',
    type: 'text',
    hint: 'KEY',
    help: 'Senders of alerts may sign them with this key: HMAC-SHA256 in X-Grafana-Alerting-Signature.',
    commands: keepers,
  },
  hookTimestampHeader: {
    flag: 'hook-timestamp-header',
    type: 'text',
    hint: 'HEADER',
    help: 'Header with the time that a signature covers too, as it is set in Grafana.',
    commands: keepers,
  },
  alertFile: {
    flag: 'alert',
    type: 'text',
    hint: 'FILE',
    help: 'A message of Alertmanager or Grafana as JSON; - is stdin.',
    commands: ['rules'],
  },
  by: {
    flag: 'as',
    type: 'text',
    hint: 'NAME',
    help: 'Who says so, as it is shown beside pins, notes and paused rules. [the name of your account]',
    commands: ['pin', 'note', 'rules'],
  },
  editNote: {
    flag: 'edit',
    type: 'text',
    hint: 'NOTE',
    help: 'Write this note anew: its id (-o name prints them), the beginning of it, or last.',
    commands: ['note'],
  },
  removeNote: {
    flag: 'remove',
    type: 'text',
    hint: 'NOTE',
    help: 'Take this note back, named as with --edit.',
    commands: ['note'],
  },
  node: {
    flag: 'node',
    type: 'text',
    hint: 'NAME',
    defaultOf: { text: 'the host name', value: ({ hostname }) => hostname },
    help: 'Name under which this node appears.',
    commands: recorders,
  },
  // Not 50: a rate that shares no factor with timers keeps samples from marching in step with them.
  ringHz: {
    flag: 'ring-hz',
    type: 'number',
    default: '49',
    range: [1, 1000],
    help: 'Stack samples per second and CPU of the always-on recording.',
    commands: recorders,
  },
  ringSeconds: {
    flag: 'ring-seconds',
    type: 'number',
    default: '300',
    range: [10, 86_400],
    help: 'How far back the always-on recording reaches.',
    commands: recorders,
  },
  // 300 s of two busy cores at 49 Hz are 30 000 samples; with stacks shared they need a tenth of this.
  ringBytes: {
    flag: 'ring-bytes',
    type: 'bytes',
    default: '64MB',
    range: [1e6, 1e12],
    help: 'Memory the always-on recording may take; when full it reaches back less far.',
    commands: recorders,
  },
  deepHz: {
    flag: 'deep-hz',
    type: 'number',
    default: '99',
    range: [1, 10_000],
    help: 'Stack samples per second and CPU while a capture runs.',
    commands: recorders,
  },
  event: {
    flag: 'event',
    type: 'choice',
    choices: ['auto', 'cycles', 'cpu-clock'],
    default: 'auto',
    help: 'What drives the sampling; auto takes hardware cycles where they work, else cpu-clock, and says which.',
    commands: recorders,
  },
  perf: {
    flag: 'perf',
    type: 'text',
    hint: 'PROGRAM',
    default: 'perf',
    help: 'The perf program to run.',
    commands: [...recorders, 'doctor'],
  },
  criSocket: {
    flag: 'cri-socket',
    type: 'text',
    hint: 'PATH',
    help: 'Socket of the container runtime, for the names of pods. [found in the usual places]',
    commands: recorders,
  },
  usageIntervalMs: {
    flag: 'usage-interval',
    type: 'duration',
    default: '200ms',
    range: [50, 5000],
    help: 'How often CPU usage is looked at.',
    commands: recorders,
  },
  spikeLevel: {
    flag: 'spike-level',
    type: 'share',
    default: '80%',
    range: [0.01, 1000],
    help: 'CPU above which a target spikes: share of one core, or of its CPU limit where that is less; of the machine at least 90 %. On a full node what it waits for counts too, once its use has risen.',
    commands: recorders,
  },
  spikeHoldMs: {
    flag: 'spike-hold',
    type: 'duration',
    default: '600ms',
    range: [0, 600_000],
    help: 'How long it must stay above before it counts.',
    commands: recorders,
  },
  spikeJump: {
    flag: 'spike-jump',
    type: 'share',
    default: '40%',
    range: [0.01, 1000],
    help: 'Rise over the own recent baseline that counts as a spike even below the level: share of one core.',
    commands: recorders,
  },
  spikeJumpFactor: {
    flag: 'spike-jump-factor',
    type: 'number',
    default: '4',
    range: [1, 1000],
    help: 'And it must be at least this many times the baseline.',
    commands: recorders,
  },
  spikeCooldownMs: {
    flag: 'spike-cooldown',
    type: 'duration',
    default: '60s',
    range: [0, 86_400_000],
    help: 'After a spike the same target is left alone for this long.',
    commands: recorders,
  },
  captureForMs: {
    flag: 'capture-for',
    type: 'duration',
    default: '10s',
    range: [1000, 600_000],
    help: 'How long a spike is recorded at the deep rate after it was noticed.',
    commands: recorders,
  },
  captureLookBackMs: {
    flag: 'capture-look-back',
    type: 'duration',
    default: '30s',
    range: [0, 86_400_000],
    help: 'How much of the ring from before the spike belongs to its capture.',
    commands: recorders,
  },
  logLevel: {
    flag: 'log-level',
    type: 'choice',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'info',
    help: 'Least important log line to write to stderr.',
    commands: ['up', 'agent', 'server'],
  },
  output: {
    flag: 'output',
    short: 'o',
    type: 'text',
    hint: 'FORM',
    help: 'Another form of the answer, or a place for it; - is stdout.',
    commands: printers,
  },
  tls: {
    flag: 'tls',
    type: 'text',
    hint: 'HOST:PORT|pid/N[:PORT]',
    help: 'Show what this address presents for TLS, and what is wrong with it.',
    commands: ['doctor'],
  },
  pprofPort: {
    flag: 'pprof-port',
    type: 'number',
    range: [1, 65_535],
    help: 'Go: port of pprof, in the network of the program. [from annotations of the pod, else looked for]',
    commands: ['capture'],
  },
  pprofPath: {
    flag: 'pprof-path',
    type: 'text',
    hint: 'PATH',
    help: 'Go: path of its index. [/debug/pprof/]',
    commands: ['capture'],
  },
  pprofScheme: {
    flag: 'pprof-scheme',
    type: 'choice',
    choices: ['http', 'https'],
    help: 'Go: with or without TLS. [found by trying]',
    commands: ['capture'],
  },
  pprofSkipVerify: {
    flag: 'pprof-skip-verify',
    type: 'boolean',
    help: 'Go: take any certificate of the program; the answer says so.',
    commands: ['capture'],
  },
  pprofCa: {
    flag: 'pprof-ca',
    type: 'text',
    hint: 'PATH',
    help: 'Authority to trust: a PEM file in the file system of the target, or on its node as agent:PATH. [those of the machine]',
    commands: ['capture', 'doctor'],
  },
  pprofCert: {
    flag: 'pprof-cert',
    type: 'text',
    hint: 'PATH',
    help: 'Client certificate to show, likewise.',
    commands: ['capture', 'doctor'],
  },
  pprofKey: {
    flag: 'pprof-key',
    type: 'text',
    hint: 'PATH',
    help: 'Its private key, likewise. [in the file of the certificate]',
    commands: ['capture', 'doctor'],
  },
  pprofSecret: {
    flag: 'pprof-secret',
    type: 'text',
    hint: 'NAMESPACE/NAME',
    help: 'Secret with ca.crt, tls.crt and tls.key; the agent reads it. Other keys: --pprof-cert secret:KEY and so on.',
    commands: ['capture', 'doctor'],
  },
  pprofServerName: {
    flag: 'pprof-server-name',
    type: 'text',
    hint: 'NAME',
    help: 'Name that the certificate of the program must have. [the address]',
    commands: ['capture', 'doctor'],
  },
  to: {
    flag: 'to',
    type: 'text',
    hint: 'FORMAT',
    help: 'Format to write, whatever the name says.',
    commands: ['convert'],
  },
  sampleType: {
    flag: 'type',
    type: 'text',
    hint: 'NAME',
    help: 'Which values to count, such as cpu or alloc_space; info lists those of a file. [those the file shows first]',
    commands: ['top', 'flame', 'convert', 'diff'],
  },
  focus: {
    flag: 'focus',
    type: 'text',
    hint: 'REGEX',
    help: 'Only samples with a matching function, source file or module on their stack.',
    commands: readers,
  },
  ignore: {
    flag: 'ignore',
    type: 'text',
    hint: 'REGEX',
    help: 'Only samples without one.',
    commands: readers,
  },
  hide: {
    flag: 'hide',
    type: 'text',
    hint: 'REGEX',
    help: 'Take matching frames out of the stacks; what they called moves up.',
    commands: readers,
  },
  show: {
    flag: 'show',
    type: 'text',
    hint: 'REGEX',
    help: 'Keep only matching frames in the stacks.',
    commands: readers,
  },
  labels: {
    flag: 'label',
    type: 'text',
    hint: 'KEY=VALUE,...',
    help: 'Only samples with these labels, such as pid=4242 or comm=redis-server; pid=50,owner=2 where a PID was given again.',
    commands: readers,
  },
  fromMs: {
    flag: 'from',
    type: 'duration',
    range: [0, 1e12],
    help: 'Only samples taken this long after the beginning of the recording, or later.',
    commands: readers,
  },
  untilMs: {
    flag: 'until',
    type: 'duration',
    range: [0, 1e12],
    help: 'Only samples taken earlier than this after the beginning.',
    commands: readers,
  },
  rootBy: {
    flag: 'by',
    type: 'choice',
    choices: ['none', 'process', 'thread'],
    default: 'none',
    help: 'In the picture, put a frame for each process, or process and thread, below the root.',
    commands: ['flame', 'diff'],
  },
  invert: {
    flag: 'invert',
    type: 'boolean',
    help: 'In the picture, begin at the functions that ran and go to their callers.',
    commands: ['flame', 'diff'],
  },
  flatten: {
    flag: 'flatten',
    type: 'boolean',
    help: 'In the picture, calls that come back to a function go back to its box: main;walk;walk;read is main;walk;read.',
    commands: ['flame', 'diff'],
  },
  of: {
    flag: 'of',
    type: 'text',
    hint: 'FUNCTION',
    help: 'Only this function: who called it and what it called; in a picture what it called, with --invert its callers.',
    commands: ['top', 'flame'],
  },
  symbolsDir: {
    flag: 'symbols',
    type: 'text',
    hint: 'DIR',
    help: 'Folder with executables and debug files to name the addresses of a perf.data from.',
    commands: readers,
  },
  kallsymsFile: {
    flag: 'kallsyms',
    type: 'text',
    hint: 'FILE',
    help: 'Copy of /proc/kallsyms of the machine where a perf.data was recorded.',
    commands: readers,
  },
  otherMachine: {
    flag: 'other-machine',
    type: 'boolean',
    help: 'A perf.data was recorded elsewhere: believe files of this machine only by their build-id.',
    commands: readers,
  },
  noInline: {
    flag: 'no-inline',
    type: 'boolean',
    help: 'Of a perf.data, show functions as perf script does: without the calls that compilers inlined into them.',
    commands: readers,
  },
  lines: {
    flag: 'lines',
    type: 'boolean',
    help: 'Tell source lines apart: of Go, of C, C++ and Rust with debug information, and of formats that have lines.',
    commands: ['top', 'flame', 'convert', 'diff'],
  },
  title: {
    flag: 'title',
    type: 'text',
    help: 'Title of the picture. [the name of the file]',
    commands: ['flame', 'diff'],
  },
  forMs: {
    flag: 'for',
    type: 'duration',
    range: [1000, 600_000],
    help: 'How long to look from now on. [30s for cpu and bundle, 2s for threads, 10s for heap and the like, trace 5s]',
    commands: ['capture'],
  },
  lookBackMs: {
    flag: 'look-back',
    type: 'duration',
    default: '60s',
    range: [0, 86_400_000],
    help: 'How much of what the ring already holds to add in front.',
    commands: ['capture'],
  },
  namespace: {
    flag: 'namespace',
    short: 'n',
    type: 'text',
    hint: 'NAME',
    help: 'Only pods of this namespace. [all of them]',
    commands: [...targeted, 'list'],
  },
  text: {
    flag: 'text',
    type: 'text',
    hint: 'WORDS',
    help: 'Only incidents with these words in pod, namespace, workload, node, command, rule, alert, function, thread or note.',
    commands: ['list'],
  },
  state: {
    flag: 'state',
    type: 'choice',
    choices: ['capturing', 'complete', 'partial', 'failed'],
    help: 'Only incidents in this state.',
    commands: ['list'],
  },
  since: {
    flag: 'since',
    type: 'text',
    hint: 'TIME',
    help: 'Only incidents that were not over yet at this time, as in 2026-11-21T03:00Z; 2h is two hours ago.',
    commands: ['list'],
  },
  before: {
    flag: 'before',
    type: 'text',
    hint: 'TIME',
    help: 'Only incidents that had begun before this time, likewise.',
    commands: ['list'],
  },
  selector: {
    flag: 'selector',
    short: 'l',
    type: 'text',
    hint: 'LABELS',
    help: 'Only pods with these labels: app=cart,tier!=test,canary,!legacy.',
    commands: targeted,
  },
  container: {
    flag: 'container',
    short: 'c',
    type: 'text',
    hint: 'NAME',
    help: 'Only the container of this name. [the whole pod]',
    commands: targeted,
  },
  process: {
    flag: 'process',
    type: 'text',
    hint: 'PID|TEXT',
    help: 'Only the process with this PID, on the host or in the container, or with this in its command line.',
    commands: targeted,
  },
  onNode: {
    flag: 'on',
    type: 'text',
    hint: 'NODE',
    help: 'Ask only the agent of this node. [all of them]',
    commands: [...targeted, 'top'],
  },
  hz: {
    flag: 'hz',
    type: 'number',
    range: [1, 10_000],
    help: 'Stack samples per second and CPU while it records. [the --deep-hz of the agent]',
    commands: ['capture'],
  },
  stacks: {
    flag: 'stacks',
    type: 'choice',
    choices: ['fp', 'dwarf'],
    default: 'fp',
    help: 'How stacks are walked: fp by frame pointers; dwarf by debug information, of the target only, at a cost.',
    commands: ['capture'],
  },
  busiestThreads: {
    flag: 'busiest',
    type: 'number',
    range: [1, 10_000],
    help: 'Java: how many threads the table of the busiest has. [50]',
    commands: ['capture'],
  },
  threadSnapshots: {
    flag: 'snapshots',
    type: 'number',
    range: [1, 100],
    help: 'Java: dumps of all threads, spread over the time of the capture. [2]',
    commands: ['capture'],
  },
  force: {
    flag: 'force',
    type: 'text',
    hint: 'REASON',
    help: 'Override a guard, such as the one before a dump of a whole heap; the reason is recorded.',
    commands: ['capture'],
  },
  gil: {
    flag: 'gil',
    type: 'boolean',
    help: "Python: only threads that hold the interpreter's lock.",
    commands: ['capture'],
  },
  blocking: {
    flag: 'blocking',
    type: 'boolean',
    help: 'Python: stop the process for each look, for stacks that are whole.',
    commands: ['capture'],
  },
  detach: {
    flag: 'detach',
    type: 'boolean',
    help: 'Print the id and return; the capture goes on.',
    commands: ['capture'],
  },
  all: {
    flag: 'all',
    type: 'boolean',
    help: 'Of all that the name means, one capture each, as many at once as each node takes.',
    commands: ['capture'],
  },
  // What a person can still look at; a deployment of a thousand pods is not recorded by a slip of the hand.
  atMost: {
    flag: 'at-most',
    type: 'number',
    default: '20',
    range: [1, 1000],
    help: 'With --all: so many, the busiest; how many are left out is said.',
    commands: ['capture'],
  },
  dryRun: {
    flag: 'dry-run',
    type: 'boolean',
    help: 'Say what would be recorded and change nothing.',
    commands: ['capture'],
  },
  limit: {
    flag: 'limit',
    type: 'number',
    default: '30',
    range: [1, 1_000_000],
    help: 'Rows of the table at most; other forms have all of them unless this is given.',
    commands: ['list', 'top', 'diff'],
  },
} as const satisfies Record<string, OptionRow>

export type OptionName = keyof typeof optionTable

type Value<Row> = Row extends { type: 'boolean' }
  ? boolean
  : Row extends { choices: readonly (infer Choice)[] }
    ? Choice
    : Row extends { type: 'address' }
      ? ListenAddress
      : Row extends { type: 'text' }
        ? string
        : number

/** Every option by name, read and checked; `undefined` only where there is no default. Booleans default to false. */
export type Options = {
  readonly [Name in OptionName]: (typeof optionTable)[Name] extends
    | { default: string }
    | { defaultOf: object }
    | { type: 'boolean' }
    ? Value<(typeof optionTable)[Name]>
    : Value<(typeof optionTable)[Name]> | undefined
}

/** What was asked for: nothing in it has been opened or looked up yet. */
export interface Config {
  readonly command: CommandName | 'help' | 'version'
  /** The words after the command, in order; for `help` the command it is about, if any. */
  readonly args: readonly string[]
  readonly options: Options
  /** Options that somebody set, so that a default can be told from a wish. */
  readonly given: ReadonlySet<OptionName>
}

const rows = Object.entries(optionTable) as [OptionName, OptionRow][]

/** `--listen` is also SPIKECAM_LISTEN. Kubernetes itself sets SPIKECAM_PORT and SPIKECAM_SERVICE_* for a service named
 * spikecam, so no option may have such a name, and unknown variables are not an error. */
export const environmentName = (row: { flag: string }): string =>
  `SPIKECAM_${row.flag.toUpperCase().replaceAll('-', '_')}`

/** What an option accepts, for the message that refuses a value. */
const expected: Record<OptionRow['type'], string> = {
  text: 'some text',
  number: 'a number such as 49',
  duration: 'a duration such as 500ms, 10s or 1m30s',
  bytes: 'a size such as 64MB or 2GiB',
  share: 'a share such as 80% or 0.8',
  address: 'an address such as 127.0.0.1:7575',
  boolean: 'true or false',
  choice: '',
}

/** `80%` and `0.8` are the same. */
function parseShare(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim())
  return match ? Number(match[1]) / (match[2] ? 100 : 1) : undefined
}

/** `127.0.0.1:7575`, `[::1]:0`, `localhost:80`; `:7575` listens on every address. */
function parseAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):(\d{1,5})$/i.exec(text.trim())
  if (!match || Number(match[3]) > 65_535) return undefined
  return { host: match[1] ?? (match[2] || '::'), port: Number(match[3]) }
}

function parseValue(row: OptionRow, text: string): unknown {
  switch (row.type) {
    case 'text':
      return text === '' ? undefined : text
    case 'boolean':
      return /^(true|1|yes)$/.test(text) ? true : /^(false|0|no)$/.test(text) ? false : undefined
    case 'choice':
      return row.choices?.includes(text) ? text : undefined
    case 'address':
      return parseAddress(text)
    case 'number':
      return /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined
    case 'duration':
      return parseDurationMs(text)
    case 'bytes':
      return parseBytes(text)
    case 'share':
      return parseShare(text)
  }
}

/** @param where how the person named it: `--ring-hz`, `SPIKECAM_RING_HZ`, `ring-hz in /etc/spikecam.yaml` */
function readValue(row: OptionRow, text: string, where: string): unknown {
  const code = where.startsWith('-') ? 'USAGE' : 'BAD_CONFIG'
  const value = parseValue(row, text)
  if (value === undefined) {
    const wanted = row.choices ? `one of ${row.choices.join(', ')}` : expected[row.type]
    throw new Failure(code, `${where}: expected ${wanted}, not "${text}"`)
  }
  if (row.range && typeof value === 'number' && (value < row.range[0] || value > row.range[1])) {
    throw new Failure(code, `${where}: "${text}" is outside ${printRange(row)}`)
  }
  return value
}

function printRange({ type, range }: OptionRow): string {
  const print = (value: number): string =>
    type === 'duration'
      ? `${value} ms`
      : type === 'bytes'
        ? `${value} bytes`
        : type === 'share'
          ? `${value * 100}%`
          : `${value}`
  return range ? `${print(range[0])} to ${print(range[1])}` : ''
}

interface Flag {
  readonly name: OptionName
  readonly row: OptionRow
  readonly text: string
  readonly where: string
}

/** Splits argv into words and flags by the whole table, so that flags may stand before the command as well. */
function splitWords(argv: readonly string[]): {
  words: string[]
  flags: Flag[]
  unknown: string[]
  wantsHelp: boolean
  wantsVersion: boolean
} {
  const words: string[] = []
  const flags: Flag[] = []
  const unknown: string[] = []
  let wantsHelp = false
  let wantsVersion = false
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === '--') {
      words.push(...argv.slice(i + 1))
      break
    }
    // A lone dash is stdin or stdout.
    if (!word.startsWith('-') || word === '-') {
      words.push(word)
      continue
    }
    if (word === '--help' || word === '-h') {
      wantsHelp = true
      continue
    }
    if (word === '--version' || word === '-V') {
      wantsVersion = true
      continue
    }
    const found = word.startsWith('--') ? longFlag(word) : shortFlag(word)
    if (!found) {
      unknown.push(word.split('=')[0]!)
      continue
    }
    const { name, row, where } = found
    let text = found.text
    if (text === undefined && row.type === 'boolean') text = 'true'
    if (text === undefined) {
      text = argv[++i]
      if (text === undefined) throw new Failure('USAGE', `${where} needs a value: ${row.hint ?? expected[row.type]}`)
    }
    flags.push({ name, row, text, where })
  }
  return { words, flags, unknown, wantsHelp, wantsVersion }
}

type FoundFlag = { name: OptionName; row: OptionRow; where: string; text: string | undefined }

/** `--listen :80`, `--listen=:80`, `--open`, `--no-open`. */
function longFlag(word: string): FoundFlag | undefined {
  const at = word.indexOf('=')
  const where = at < 0 ? word : word.slice(0, at)
  const text = at < 0 ? undefined : word.slice(at + 1)
  for (const [name, row] of rows) {
    if (where === `--${row.flag}`) return { name, row, where, text }
    if (row.type === 'boolean' && where === `--no-${row.flag}` && text === undefined) {
      return { name, row, where, text: 'false' }
    }
  }
  return undefined
}

/** `-o json`, `-ojson`, `-o=json`. */
function shortFlag(word: string): FoundFlag | undefined {
  for (const [name, row] of rows) {
    if (!row.short || word[1] !== row.short) continue
    const text = word.slice(2).replace(/^=/, '')
    return { name, row, where: `-${row.short}`, text: text === '' ? undefined : text }
  }
  return undefined
}

/** The options a command takes, in the order of the table. */
export function optionsOf(command: CommandName): [OptionName, OptionRow][] {
  return rows.filter(([, row]) => row.commands.includes(command))
}

const suggestion = (name: string | undefined): string => (name ? `; did you mean ${name}?` : '')

function readCommand(words: readonly string[], wants: { help: boolean; version: boolean }): Config['command'] {
  const word = words[0]
  if (wants.version || word === 'version') return 'version'
  if (word === undefined || word === 'help') return 'help'
  if (!Object.hasOwn(commands, word)) {
    const near = nearest(word, Object.keys(commands))
    throw new Failure('USAGE', `there is no command "${word}"${suggestion(near && `"${near}"`)}`)
  }
  return wants.help ? 'help' : (word as CommandName)
}

/** `"up", "agent"` */
const ownersOf = (flag: string): string =>
  rows
    .filter(([, row]) => row.flag === flag)
    .flatMap(([, row]) => row.commands.map((name) => `"${name}"`))
    .join(', ')

function refuseUnknownFlags(
  command: Config['command'],
  { flags, unknown }: { flags: Flag[]; unknown: string[] },
): void {
  const taken = command === 'help' || command === 'version' ? rows : optionsOf(command)
  const first = unknown[0]
  if (first !== undefined) {
    const word = first.replace(/^-+/, '')
    const own = taken.map(([, row]) => row.flag)
    const near =
      nearest(word, own) ??
      nearest(
        word,
        rows.map(([, row]) => row.flag),
      )
    const elsewhere = near !== undefined && !own.includes(near) ? `, an option of ${ownersOf(near)}` : ''
    throw new Failure('USAGE', `unknown option ${first}${near ? `; did you mean --${near}${elsewhere}?` : ''}`)
  }
  const foreign = flags.find(({ name }) => !taken.some(([own]) => own === name))
  if (foreign) {
    throw new Failure('USAGE', `"${command}" takes no ${foreign.where}; it belongs to ${ownersOf(foreign.row.flag)}`)
  }
}

function refuseWrongCount(command: CommandName, args: readonly string[]): void {
  const { args: shape, count } = commands[command]
  if (args.length >= count[0] && args.length <= count[1]) return
  const usage = `spikecam ${command}${shape ? ` ${shape}` : ''}`
  if (args.length > count[1]) throw new Failure('USAGE', `"${args[count[1]]}" is one word too many: ${usage}`)
  throw new Failure('USAGE', `${args.length === 0 ? 'something is missing' : 'one more word is missing'}: ${usage}`)
}

/** The content of the YAML file and what to call it in messages. */
export interface ConfigFile {
  readonly path: string
  readonly document: unknown
}

/** `ring-hz: 49` per line; the same names as the flags. One file may serve every command. */
function readFileValues(file: ConfigFile): Map<OptionName, { text: string; where: string }> {
  const { path, document } = file
  const values = new Map<OptionName, { text: string; where: string }>()
  if (document === null || document === undefined) return values
  if (typeof document !== 'object' || Array.isArray(document)) {
    throw new Failure('BAD_CONFIG', `${path}: expected one "option: value" per line`)
  }
  for (const [key, value] of Object.entries(document)) {
    const found = rows.find(([, row]) => row.flag === key && row.flag !== 'config')
    if (!found) {
      const near = nearest(
        key,
        rows.map(([, row]) => row.flag),
      )
      throw new Failure('BAD_CONFIG', `${path}: unknown key "${key}"${suggestion(near && `"${near}"`)}`)
    }
    if (value === null || typeof value === 'object') {
      throw new Failure('BAD_CONFIG', `${path}: "${key}" needs one value`)
    }
    values.set(found[0], { text: String(value), where: `"${key}" in ${path}` })
  }
  return values
}

/**
 * Reads the command line, then the environment, then the file; the first that names an option wins.
 * Environment variables of options that the command does not take are ignored.
 * @param argv the words after the program's name
 * @throws Failure USAGE for the command line, BAD_CONFIG for environment and file; the message names the nearest option
 */
export function readConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { world, file }: { world: World; file?: ConfigFile | undefined },
): Config {
  const split = splitWords(argv)
  const command = readCommand(split.words, { help: split.wantsHelp, version: split.wantsVersion })
  const isCommand = command !== 'help' && command !== 'version'
  const args = command === 'help' ? split.words.filter((word) => word !== 'help').slice(0, 1) : split.words.slice(1)
  if (isCommand) {
    refuseUnknownFlags(command, split)
    refuseWrongCount(command, args)
  }
  const fileValues = file ? readFileValues(file) : new Map()
  const given = new Set<OptionName>()
  const options = Object.fromEntries(
    rows.map(([name, row]) => {
      const flag = split.flags.findLast((entry) => entry.name === name)
      const fromEnvironment = env[environmentName(row)]
      const isTaken = isCommand && row.commands.includes(command)
      const source = flag
        ? flag
        : isTaken && fromEnvironment !== undefined && fromEnvironment !== ''
          ? { text: fromEnvironment, where: environmentName(row) }
          : fileValues.get(name)
      if (source) given.add(name)
      const fallback = row.defaultOf ? row.defaultOf.value(world) : row.default
      const text = source?.text ?? fallback
      if (text === undefined) return [name, row.type === 'boolean' ? false : undefined]
      return [name, readValue(row, text, source?.where ?? `--${row.flag}`)]
    }),
  )
  return { command, args, options: options as unknown as Options, given }
}

/** What the help and docs/config.md show in place of a value and of a default. */
export function describeOption(row: OptionRow, command?: CommandName): { hint: string; fallback: string } {
  const hints: Record<OptionRow['type'], string> = {
    text: 'TEXT',
    number: 'N',
    duration: 'DURATION',
    bytes: 'SIZE',
    share: 'PERCENT',
    address: 'HOST:PORT',
    boolean: '',
    choice: row.choices?.join('|') ?? '',
  }
  const own: CommandRow | undefined = row.short === 'o' && command ? commands[command] : undefined
  return { hint: own?.output ?? row.hint ?? hints[row.type], fallback: row.defaultOf?.text ?? row.default ?? '' }
}
