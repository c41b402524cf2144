// What must be true of a machine so that it can be recorded, as judgements over plain facts.
import { printBytes } from '../lib/units.ts'
import { type FailureCode, failures } from '../model/errors.ts'

/** What was found out, without an opinion. Absent = could not be read. */
/** What came of trying an event. */
export interface EventFacts {
  readonly works: boolean
  /** In perf's words. */
  readonly said: string
  /** What that means, where it failed. */
  readonly code?: FailureCode
}

export interface MachineFacts {
  readonly platform: string
  readonly isRoot: boolean
  /** CapEff of /proc/self/status (capabilities(7)). */
  readonly capabilities: bigint
  readonly perf: { readonly version: string } | { readonly problem: string }
  /** Per event: what a recording of a tenth of a second ended with; absent when perf is missing. */
  readonly events: Readonly<Record<'cycles' | 'cpu-clock', EventFacts>> | undefined
  /** Files of /proc/sys/kernel. */
  readonly sysctl: Readonly<Record<string, number | undefined>>
  readonly kernelSymbols: boolean
  readonly cgroup: 'v1' | 'v2' | 'hybrid' | undefined
  readonly isHostPidNamespace: boolean | undefined
  readonly data: {
    readonly dir: string
    readonly problem: string | undefined
    readonly freeBytes: number
    readonly sizeBytes: number
  }
}

export interface Check {
  readonly name: string
  readonly state: 'ok' | 'warn' | 'fail'
  /** What is there, one sentence. */
  readonly found: string
  /** What to do; only where it is not ok. */
  readonly advice?: string
  /** Why the program would end when this fails. */
  readonly code?: FailureCode
}

/** Bits of capabilities(7). */
const capability = { CAP_IPC_LOCK: 14n, CAP_SYS_ADMIN: 21n, CAP_SYSLOG: 34n, CAP_PERFMON: 38n } as const
/** What an always-on recording maps per CPU: 256 ring pages and a header page of 4 KiB. */
const ringKbPerCpu = 1028
/** Captures are refused below these (docs/architecture.md, limits). */
const minFreeShare = 0.1
const minFreeBytes = 2 * 1024 ** 3
/** The deep rate; the kernel lowers the limit by itself when sampling takes too long. */
const neededHz = 99

export function checkMachine(facts: MachineFacts): Check[] {
  if (facts.platform !== 'linux') {
    return [
      {
        name: 'system',
        state: 'fail',
        found: `${facts.platform}, which has no perf`,
        advice: 'Record on Linux; looking at files and at a server works here.',
        code: 'NOT_PERMITTED',
      },
    ]
  }
  return [
    perfProgram(facts),
    ...recording(facts),
    sampleRate(facts),
    lockedMemory(facts),
    kernelNames(facts),
    processes(facts),
    cgroups(facts),
    dataFolder(facts),
    diskSpace(facts),
  ].filter((check) => check !== undefined)
}

const ok = (name: string, found: string): Check => ({ name, state: 'ok', found })
const warn = (name: string, found: string, advice: string): Check => ({ name, state: 'warn', found, advice })
const fail = (name: string, found: string, code: FailureCode): Check => ({
  name,
  state: 'fail',
  found,
  advice: failures[code].advice,
  code,
})

const hasOneOf = (facts: MachineFacts, ...names: (keyof typeof capability)[]): boolean =>
  names.some((name) => ((facts.capabilities >> capability[name]) & 1n) === 1n)

function perfProgram({ perf }: MachineFacts): Check {
  return 'version' in perf ? ok('perf', perf.version) : fail('perf', perf.problem, 'TOOL_MISSING')
}

/** May it record, and what drives the samples? Found by trying, because that is what counts. */
function recording(facts: MachineFacts): Check[] {
  const { events, sysctl } = facts
  const right = hasOneOf(facts, 'CAP_PERFMON', 'CAP_SYS_ADMIN')
    ? 'allowed by capability'
    : `kernel.perf_event_paranoid is ${sysctl.perf_event_paranoid ?? 'unknown'}`
  if (!events) return []
  if (!events['cpu-clock'].works && !events.cycles.works) {
    const { said, code = 'PERF_FORBIDDEN' } = events['cpu-clock']
    return [fail('recording', `perf cannot record the whole machine: ${said || right}`, code)]
  }
  const allowed = ok('recording', `the whole machine, kernel and user (${right})`)
  if (events.cycles.works) return [allowed, ok('event', 'hardware cycles')]
  const advice =
    'Nothing to do: cpu-clock is as good for seeing who burns CPU. In a VM, the host can pass the PMU through.'
  return [allowed, warn('event', 'no hardware cycles here; cpu-clock is used instead', advice)]
}

function sampleRate({ sysctl }: MachineFacts): Check | undefined {
  const hz = sysctl.perf_event_max_sample_rate
  if (hz === undefined) return undefined
  if (hz >= neededHz) return ok('sample rate', `up to ${hz} per second`)
  return warn(
    'sample rate',
    `the kernel allows only ${hz} per second`,
    'Run: sysctl kernel.perf_event_max_sample_rate=1000',
  )
}

function lockedMemory(facts: MachineFacts): Check | undefined {
  const kb = facts.sysctl.perf_event_mlock_kb
  if (kb === undefined) return undefined
  if (hasOneOf(facts, 'CAP_IPC_LOCK', 'CAP_SYS_ADMIN')) return ok('locked memory', 'not limited for this user')
  if (kb >= ringKbPerCpu) return ok('locked memory', `${kb} kB per CPU`)
  return warn(
    'locked memory',
    `${kb} kB per CPU, and the recording wants ${ringKbPerCpu}`,
    `Run: sysctl kernel.perf_event_mlock_kb=${ringKbPerCpu}`,
  )
}

function kernelNames(facts: MachineFacts): Check {
  if (facts.kernelSymbols) return ok('kernel symbols', 'readable')
  const found = `hidden: kernel.kptr_restrict is ${facts.sysctl.kptr_restrict ?? 'unknown'}; kernel functions will have no names`
  // Without CAP_SYSLOG the kernel asks perf_event_paranoid too (kallsyms_show_value in kernel/ksyms_common.c).
  const advice = facts.isRoot
    ? 'Run: sysctl kernel.kptr_restrict=1'
    : 'Run as root, or run: sysctl kernel.kptr_restrict=0 kernel.perf_event_paranoid=1'
  return warn('kernel symbols', found, advice)
}

function processes({ isHostPidNamespace, isRoot }: MachineFacts): Check {
  if (isHostPidNamespace === false) {
    const advice = 'In Kubernetes set hostPID: true; with docker run pass --pid=host.'
    return warn('processes', 'only those of this container are visible', advice)
  }
  if (!isRoot) {
    const advice = 'Run as root to read the symbols of processes of other users.'
    return warn('processes', 'all are visible, but files of other users are not', advice)
  }
  return ok('processes', 'all of this machine are visible')
}

function cgroups({ cgroup }: MachineFacts): Check {
  if (cgroup) return ok('cgroups', cgroup === 'hybrid' ? 'v1 and v2 side by side' : cgroup)
  return warn('cgroups', 'not mounted; usage is seen per process only', 'Mount /sys/fs/cgroup to see containers.')
}

function dataFolder({ data }: MachineFacts): Check {
  return data.problem
    ? fail('data folder', `${data.dir}: ${data.problem}`, 'DATA_NOT_WRITABLE')
    : ok('data folder', data.dir)
}

function diskSpace({ data }: MachineFacts): Check {
  const found = `${printBytes(data.freeBytes)} free of ${printBytes(data.sizeBytes)}`
  const isLow = data.freeBytes < minFreeBytes || data.freeBytes < data.sizeBytes * minFreeShare
  return isLow ? fail('disk', `${found}; below 10 % or 2 GiB captures are refused`, 'DISK_FULL') : ok('disk', found)
}
