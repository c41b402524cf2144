import { expect, test } from 'vitest'
import { type Check, checkMachine, type MachineFacts } from './doctor-checks.ts'

const healthy: MachineFacts = {
  platform: 'linux',
  isRoot: true,
  capabilities: 0x1ff_ffff_ffffn,
  perf: { version: 'perf version 6.1.0' },
  events: { cycles: { works: true, said: '' }, 'cpu-clock': { works: true, said: '' } },
  sysctl: { perf_event_paranoid: 2, perf_event_mlock_kb: 516, kptr_restrict: 1, perf_event_max_sample_rate: 100_000 },
  kernelSymbols: true,
  cgroup: 'v2',
  isHostPidNamespace: true,
  data: { dir: '/var/lib/spikecam', problem: undefined, freeBytes: 50e9, sizeBytes: 100e9 },
}
/** Only what is not ok: `fail recording PERF_FORBIDDEN`. */
const complaints = (facts: Partial<MachineFacts>): string[] =>
  checkMachine({ ...healthy, ...facts })
    .filter((check) => check.state !== 'ok')
    .map(({ state, name, code }: Check) => [state, name, code].filter(Boolean).join(' '))

test('a machine where all is well', () => {
  expect(complaints({})).toEqual([])
})

test.each<[string, Partial<MachineFacts>, string[]]>([
  ['perf is missing', { perf: { problem: 'perf is not installed' }, events: undefined }, ['fail perf TOOL_MISSING']],
  [
    'perf may not record',
    { events: { cycles: { works: false, said: 'x' }, 'cpu-clock': { works: false, said: 'Access is limited.' } } },
    ['fail recording PERF_FORBIDDEN'],
  ],
  [
    'a virtual machine without a PMU',
    { events: { cycles: { works: false, said: 'not supported' }, 'cpu-clock': { works: true, said: '' } } },
    ['warn event'],
  ],
  [
    'not root and no capability',
    { isRoot: false, capabilities: 0n, kernelSymbols: false },
    ['warn locked memory', 'warn kernel symbols', 'warn processes'],
  ],
  ['CAP_PERFMON alone does not lift the limit on locked memory', { capabilities: 1n << 38n }, ['warn locked memory']],
  ['a container without the PIDs of the host', { isHostPidNamespace: false }, ['warn processes']],
  ['a kernel that throttled sampling', { sysctl: { perf_event_max_sample_rate: 50 } }, ['warn sample rate']],
  ['no cgroups', { cgroup: undefined }, ['warn cgroups']],
  [
    'a disk with less than 2 GiB free',
    { data: { ...healthy.data, freeBytes: 2e9, sizeBytes: 3e9 } },
    ['fail disk DISK_FULL'],
  ],
  ['a disk with less than 10 % free', { data: { ...healthy.data, freeBytes: 9e9 } }, ['fail disk DISK_FULL']],
  [
    'a folder that may not be written',
    { data: { ...healthy.data, problem: 'read-only' } },
    ['fail data folder DATA_NOT_WRITABLE'],
  ],
  ['not Linux', { platform: 'darwin' }, ['fail system NOT_PERMITTED']],
])('%s', (_, facts, expected) => {
  expect(complaints(facts)).toEqual(expected)
})

test('everything that is not ok says what to do', () => {
  const checks = checkMachine({ ...healthy, isRoot: false, capabilities: 0n, kernelSymbols: false, cgroup: undefined })
  for (const check of checks) expect(check.advice === undefined).toBe(check.state === 'ok')
})
