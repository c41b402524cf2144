import { spawn } from 'node:child_process'
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

test('a process that burns one core reads as one core', async () => {
  const burner = spawn(process.execPath, ['-e', 'process.stdout.write("x"); for (;;);'])
  try {
    await new Promise((resolve) => burner.stdout.once('data', resolve))
    const usage = new CpuUsage({ node: 'n' })
    let sum = 0
    let covered = 0
    let key = ''
    // Its own consumption over the same spans, from the kernel's nanosecond counter, is the reference.
    for (let i = 0; i < 8; i++) {
      for (const reading of usage.tick(performance.now())) {
        if (reading.key.startsWith(`p:${burner.pid}:`)) {
          key = reading.key
          sum += reading.cores * (reading.toMs - reading.fromMs)
          covered += reading.toMs - reading.fromMs
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    expect(covered).toBeGreaterThan(400)
    expect(sum / covered).toBeGreaterThan(0.2)
    expect(sum / covered).toBeLessThan(1.15)
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
