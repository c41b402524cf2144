// The v2 files of a machine that has every controller, as a folder; real containers are in container-usage.test.ts.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ContainerCounters, type ContainerStrain } from './container-counters.ts'

const root = mkdtempSync(join(tmpdir(), 'spikecam-counters-'))
afterAll(() => rmSync(root, { recursive: true }))
const put = (path: string, text: string): void => {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), text)
}
const strain: ContainerStrain = { periods: -1, throttledPeriods: -1, throttledSeconds: -1, waitingSeconds: -1 }

/** The keys and their order are those of cgroup-v2.rst with the cpu controller on; the numbers are of a limit of 0.2. */
const cpuStat = `usage_usec 5012345
user_usec 4900000
system_usec 112345
nr_periods 251
nr_throttled 249
throttled_usec 19912345
nr_bursts 0
burst_usec 0
`

test('v2: usage, throttling and pressure', () => {
  put('v2/kubepods/pod1/c/cpu.stat', cpuStat)
  put(
    'v2/kubepods/pod1/c/cpu.pressure',
    'some avg10=79.12 avg60=40.00 avg300=9.10 total=19500000\nfull avg10=79.00 avg60=39.80 avg300=9.00 total=19400000\n',
  )
  const counters = ContainerCounters.open({ unified: join(root, 'v2') }, { v2: '/kubepods/pod1/c' })
  expect(counters?.usageSeconds()).toBeCloseTo(5.012345, 6)
  counters?.strain(strain)
  expect(strain).toEqual({ periods: 251, throttledPeriods: 249, throttledSeconds: 19.912345, waitingSeconds: 19.5 })
  counters?.close()
})

test('v1: nanoseconds, three files; no pressure without v2', () => {
  put('acct/kubepods/pod1/c/cpuacct.usage', '5012345678\n')
  put('cpu/kubepods/pod1/c/cpu.stat', 'nr_periods 251\nnr_throttled 249\nthrottled_time 19912345678\n')
  const mounts = { cpuacct: join(root, 'acct'), cpu: join(root, 'cpu') }
  const counters = ContainerCounters.open(mounts, { v1: '/kubepods/pod1/c' })
  expect(counters?.usageSeconds()).toBeCloseTo(5.012345678, 9)
  counters?.strain(strain)
  expect(strain).toMatchObject({ periods: 251, throttledPeriods: 249, waitingSeconds: undefined })
  expect(strain.throttledSeconds).toBeCloseTo(19.912345678, 9)
  counters?.close()
})

test('the limit is the lowest of the container and what is around it; what has none says so', () => {
  put('max/kubepods/cpu.max', 'max 100000\n')
  put('max/kubepods/pod1/cpu.max', '60000 100000\n')
  put('max/kubepods/pod1/a/cpu.max', '150000 100000\n')
  put('max/kubepods/pod1/b/cpu.max', '25000 50000\n')
  put('max/kubepods/pod2/c/cpu.max', 'max 100000\n')
  const limits = (path: string): unknown => {
    put(`max${path}/cpu.stat`, cpuStat)
    const counters = ContainerCounters.open({ unified: join(root, 'max') }, { v2: path })
    const found = counters?.limits()
    counters?.close()
    return found
  }
  expect(limits('/kubepods/pod1/a')).toEqual({ limitCores: 0.6 })
  expect(limits('/kubepods/pod1/b')).toEqual({ limitCores: 0.5 })
  expect(limits('/kubepods/pod2/c')).toEqual({})
  put('v1/kubepods/pod1/c/cpu.cfs_quota_us', '-1\n')
  put('v1/kubepods/pod1/c/cpu.cfs_period_us', '100000\n')
  put('v1/kubepods/pod1/c/cpu.shares', '256\n')
  put('acct/kubepods/pod1/c/cpuacct.usage', '1\n')
  const v1 = ContainerCounters.open({ cpuacct: join(root, 'acct'), cpu: join(root, 'v1') }, { v1: '/kubepods/pod1/c' })
  expect(v1?.limits()).toEqual({ requestCores: 0.25 })
  v1?.close()
})

test('a container without files is none', () => {
  expect(ContainerCounters.open({ unified: root }, { v2: '/nobody' })).toBeUndefined()
  expect(ContainerCounters.open({}, { v1: '/nobody', v2: '/nobody' })).toBeUndefined()
})
