import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openCgroupView } from './cgroup-view.ts'
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
    /** The scheduler's count on both sides of the first look and of the latest: it burns on while it is looked at. */
    let first: readonly [number, number] | undefined
    let last: readonly [number, number] = [0, 0]
    // Until a second of its CPU time went by, however long a busy machine takes for that.
    while (first === undefined || last[0] - first[1] < 1000) {
      const before = onCpuMs()
      const reading = usage.tick(performance.now()).find((each) => each.key.startsWith(`p:${burner.pid}:`))
      if (reading) {
        key = reading.key
        last = [before, onCpuMs()]
        if (first) measuredMs += reading.cores * (reading.toMs - reading.fromMs)
        else first = last
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(measuredMs).toBeGreaterThan(0.98 * (last[0] - first[1]) - 20)
    expect(measuredMs).toBeLessThan(1.02 * (last[1] - first[0]) + 20)
    expect(usage.target(key)).toMatchObject({ kind: 'process', pid: burner.pid, exe: process.execPath })
    usage.close()
  } finally {
    burner.kill('SIGKILL')
  }
})

test('on a calm machine quiet processes are read in turns, on a busy one at every pass, and no tick is lost', () => {
  const proc = mkdtempSync(join(tmpdir(), 'spikecam-proc-'))
  /** /proc/stat and one process, in ticks of 10 ms. */
  const write = (machineTicks: number, processTicks: number): void => {
    writeFileSync(join(proc, 'stat'), `cpu  ${machineTicks} 0 0 100000 0 0 0 0 0 0\n`)
    const fields = `S 1 77 77 0 -1 0 0 0 0 0 ${processTicks} 0 0 0 20 0 1 0 5000 0 0`
    writeFileSync(join(proc, '77', 'stat'), `77 (quiet one) ${fields}\n`)
  }
  try {
    mkdirSync(join(proc, '77'))
    writeFileSync(join(proc, '77', 'cgroup'), '0::/\n')
    write(0, 0)
    const usage = new CpuUsage({ node: 'n', proc, cgroups: openCgroupView() })
    const readings: { key: string; fromMs: number; toMs: number; cores: number }[] = []
    let machineTicks = 0
    let processTicks = 0
    const pass = (second: number, machineTicksMore: number): void => {
      machineTicks += machineTicksMore
      processTicks += 1
      write(machineTicks, processTicks)
      readings.push(...usage.tick(second * 1000).filter(({ key }) => key.startsWith('p:77:')))
    }
    for (let second = 0; second < 21; second++) pass(second, 5)
    expect(readings.length).toBeGreaterThan(3)
    expect(readings.length).toBeLessThan(8)
    for (let second = 21; second < 31; second++) pass(second, 150)
    expect(readings.filter(({ toMs }) => toMs > 21_500)).toHaveLength(9)
    const seconds = readings.reduce((sum, { cores, fromMs, toMs }) => sum + (cores * (toMs - fromMs)) / 1000, 0)
    expect(seconds).toBeCloseTo((processTicks - 1) / 100, 6)
    usage.close()
  } finally {
    rmSync(proc, { recursive: true })
  }
})

test('a moment of work on a calm machine makes one pass over all, work that goes on makes another', () => {
  const proc = mkdtempSync(join(tmpdir(), 'spikecam-proc-'))
  let machineTicks = 0
  let processTicks = 0
  /** At the end of a tick of 200 ms, in which the machine and the process used as many ticks of 10 ms. */
  const work = (ticks: number): void => {
    machineTicks += ticks
    processTicks += ticks
    writeFileSync(join(proc, 'stat'), `cpu  ${machineTicks} 0 0 100000 0 0 0 0 0 0\n`)
    const fields = `S 1 79 79 0 -1 0 0 0 0 0 ${processTicks} 0 0 0 20 0 1 0 5000 0 0`
    writeFileSync(join(proc, '79', 'stat'), `79 (app) ${fields}\n`)
  }
  try {
    mkdirSync(join(proc, '79'))
    writeFileSync(join(proc, '79', 'cgroup'), '0::/\n')
    work(0)
    const usage = new CpuUsage({ node: 'n', proc, cgroups: openCgroupView() })
    let nowMs = 0
    /** The mean of each tick that was read, by the time of its end; a pass is one that reads the quiet one. */
    const run = (ticks: readonly number[]): Record<number, number> =>
      Object.fromEntries(
        ticks.flatMap((each) => {
          work(each)
          nowMs += 200
          return usage.tick(nowMs).flatMap(({ key, toMs, cores }) => (key === 'machine' ? [] : [[toMs, cores]]))
        }),
      )
    run([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    expect(nowMs).toBe(2400)
    // 60 ms of another process at 2600: everybody is read, and nobody again when it is over.
    machineTicks += 6
    expect(Object.keys(run([0, 0, 0]))).toEqual(['2600'])
    run([0, 0, 0, 0])
    // It began to burn in the middle of a tick: from the second one on it is measured alone.
    const burning = run([10, 20, 20, 20, 20])
    expect(Object.keys(burning)).toEqual(['4000', '4200', '4400', '4600', '4800'])
    expect(burning[4200]).toBeCloseTo(1, 6)
    usage.close()
  } finally {
    rmSync(proc, { recursive: true })
  }
})

test('/proc is listed again once something was forked, and what has ended meanwhile is noticed by its descriptor', () => {
  const proc = mkdtempSync(join(tmpdir(), 'spikecam-proc-'))
  const add = (pid: number, ticks: number): void => {
    mkdirSync(join(proc, String(pid)), { recursive: true })
    writeFileSync(join(proc, String(pid), 'cgroup'), '0::/\n')
    const fields = `S 1 ${pid} ${pid} 0 -1 0 0 0 0 0 ${ticks} 0 0 0 20 0 1 0 5000 0 0`
    writeFileSync(join(proc, String(pid), 'stat'), `${pid} (app) ${fields}\n`)
  }
  const census = (text: string): void => writeFileSync(join(proc, 'loadavg'), `0.00 0.00 0.00 1/${text}\n`)
  try {
    writeFileSync(join(proc, 'stat'), 'cpu  0 0 0 100000 0 0 0 0 0 0\n')
    add(77, 0)
    census('1 77')
    const usage = new CpuUsage({ node: 'n', proc, cgroups: openCgroupView() })
    usage.tick(0)
    usage.tick(1000)
    expect(usage.size).toBe(1)
    // Without a trace in loadavg nobody looks into the folder.
    add(78, 0)
    usage.tick(2000)
    expect(usage.size).toBe(1)
    census('2 78')
    usage.tick(3000)
    expect(usage.size).toBe(2)
    // Its file has another start time: the PID was given again, although nothing else tells of it.
    const fields = 'S 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9000 0 0'
    writeFileSync(join(proc, '77', 'stat'), `77 (app) ${fields}\n`)
    for (let second = 4; second < 9; second++) usage.tick(second * 1000)
    expect(usage.follows('p:77:5000')).toBe(false)
    expect(usage.follows('p:78:5000')).toBe(true)
    usage.close()
  } finally {
    rmSync(proc, { recursive: true })
  }
})

test('what may be opened limits how many descriptors are kept, and processes are placed all the same', () => {
  const proc = mkdtempSync(join(tmpdir(), 'spikecam-proc-'))
  try {
    writeFileSync(join(proc, 'stat'), 'cpu  0 0 0 100000 0 0 0 0 0 0\n')
    mkdirSync(join(proc, 'self'))
    writeFileSync(
      join(proc, 'self', 'limits'),
      'Max open files            6                    6                    files\n',
    )
    for (let pid = 1; pid <= 20; pid++) {
      mkdirSync(join(proc, String(pid)))
      writeFileSync(join(proc, String(pid), 'cgroup'), '0::/\n')
      const fields = `S 1 ${pid} ${pid} 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5000 0 0`
      writeFileSync(join(proc, String(pid), 'stat'), `${pid} (app) ${fields}\n`)
    }
    const keptFds = (): number =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${proc}/`)
        } catch {
          return false // the one that lists
        }
      }).length
    const usage = new CpuUsage({ node: 'n', proc, cgroups: openCgroupView() })
    for (let second = 0; second < 6; second++) usage.tick(second * 1000)
    expect(usage.size).toBe(20)
    expect(keptFds()).toBe(1 + 3)
    usage.close()
    expect(keptFds()).toBe(0)
  } finally {
    rmSync(proc, { recursive: true })
  }
})
