import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { redact } from './command-line.ts'
import { containerOfPath, parseCgroupMounts, parseProcCgroup } from './container-cgroup.ts'
import { CpuUsage } from './cpu-usage.ts'

const id = 'a1'.repeat(32)

test('containers by the path of their cgroup, for every driver and runtime', () => {
  const uid = '2c48913c-b29f-11e7-9350-020968147796'
  expect(containerOfPath(`/kubepods/burstable/pod${uid}/${id}`)).toEqual({
    id,
    podUid: uid,
    path: `/kubepods/burstable/pod${uid}/${id}`,
  })
  const systemd = `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${uid.replaceAll('-', '_')}.slice`
  expect(containerOfPath(`${systemd}/cri-containerd-${id}.scope`)).toMatchObject({ id, podUid: uid })
  expect(containerOfPath(`/system.slice/docker-${id}.scope`)).toEqual({ id, path: `/system.slice/docker-${id}.scope` })
  expect(containerOfPath(`/machine.slice/libpod-${id}.scope/container`)?.path).toBe(`/machine.slice/libpod-${id}.scope`)
  expect(containerOfPath('/user.slice/user-0.slice')).toBeUndefined()
})

test('/proc/PID/cgroup of a hybrid machine', () => {
  const paths = parseProcCgroup('12:cpu,cpuacct:/a:b\n1:name=systemd:/x\n0::/y\n')
  expect(paths.get('cpuacct')).toBe('/a:b')
  expect(paths.get('')).toBe('/y')
})

test('mounts of v1 and v2 are told apart', () => {
  const text =
    '31 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n24 1 0:22 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n'
  expect(parseCgroupMounts(text)).toEqual({
    cpuacct: '/sys/fs/cgroup/cpu,cpuacct',
    cpu: '/sys/fs/cgroup/cpu,cpuacct',
    unified: '/sys/fs/cgroup/unified',
  })
})

test('a process that burns reads as what the scheduler gave it', async () => {
  const burner = spawn(process.execPath, ['-e', 'process.stdout.write("x"); for (;;);'])
  try {
    await new Promise((resolve) => burner.stdout.once('data', resolve))
    const usage = new CpuUsage({ node: 'n' })
    /** Nanoseconds on a CPU of all its threads (proc_pid_schedstat); what it reads as is measured in ticks of 10 ms. */
    const onCpuMs = (): number =>
      readdirSync(`/proc/${burner.pid}/task`)
        .map((tid) => Number(readFileSync(`/proc/${burner.pid}/task/${tid}/schedstat`, 'latin1').split(' ')[0]))
        .reduce((sum, ns) => sum + ns / 1e6, 0)
    let key = ''
    let measuredMs = 0
    let firstMs: number | undefined
    // Until a second of its CPU time went by, however long a busy machine takes for that.
    while (firstMs === undefined || onCpuMs() - firstMs < 1000) {
      for (const reading of usage.tick(performance.now())) {
        if (!reading.key.startsWith(`p:${burner.pid}:`)) continue
        key = reading.key
        if (firstMs !== undefined) measuredMs += reading.cores * (reading.toMs - reading.fromMs)
        firstMs ??= onCpuMs()
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const last = usage.tick(performance.now()).find((reading) => reading.key === key)
    measuredMs += last ? last.cores * (last.toMs - last.fromMs) : 0
    expect(measuredMs / (onCpuMs() - firstMs)).toBeGreaterThan(0.9)
    expect(measuredMs / (onCpuMs() - firstMs)).toBeLessThan(1.1)
    expect(usage.target(key)).toMatchObject({ kind: 'process', pid: burner.pid, exe: process.execPath })
    usage.close()
  } finally {
    burner.kill('SIGKILL')
  }
})

test('secrets do not leave the node in a command line', () => {
  expect(redact('redis-server --requirepass hunter2 --port 1')).toBe('redis-server --requirepass *** --port 1')
  expect(redact('app --db=postgres://u:pw@h/x TOKEN=abc')).toBe('app --db=postgres://u:***@h/x TOKEN=***')
  expect(redact('app --pass-through --verbose')).toBe('app --pass-through --verbose')
})
