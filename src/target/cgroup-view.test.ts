// How the tree looks from another cgroup namespace, with a real one: unshare(1) makes the current cgroup its root.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { removeCgroup, trackingMount } from '../../test/node-tool/cgroups.ts'
import { openCgroupView } from './cgroup-view.ts'

const canMakeCgroups = process.getuid?.() === 0 && existsSync('/usr/bin/unshare')
if (!canMakeCgroups) process.stderr.write('skipped: cgroup namespaces: cgroups need root\n')

test('from the namespace of PID 1 paths are what they are', () => {
  const view = openCgroupView()
  expect(view.absolute('/kubepods/pod1')).toBe('/kubepods/pod1')
  expect(Object.values(view.mounts).length).toBeGreaterThan(0)
  for (const mount of Object.values(view.mounts)) expect(existsSync(mount)).toBe(true)
})

describe.skipIf(!canMakeCgroups)('cgroup namespace', () => {
  const root = `/spikecam-view-${process.pid}`
  const id = 'a1'.repeat(32)
  const own = `${root}/kubepods/podx/agent`
  const other = `${root}/kubepods/pody/${id}`
  const sibling = `${root}/kubepods/podx/${id}`
  let mount = ''
  const sleepers: ChildProcess[] = []
  const sleepIn = (cgroup: string): number => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' })
    sleepers.push(child)
    writeFileSync(join(mount, cgroup, 'cgroup.procs'), String(child.pid))
    return child.pid as number
  }
  beforeAll(() => {
    mount = trackingMount()
    for (const path of [own, other, sibling]) mkdirSync(join(mount, path), { recursive: true })
  })
  afterAll(async () => {
    for (const sleeper of sleepers) sleeper.kill('SIGKILL')
    expect(await removeCgroup(root)).toEqual([])
  })

  test('relative paths of others become files that can be read', () => {
    const pids = [sleepIn(other), sleepIn(sibling)]
    const program = `
      import { readFileSync } from 'node:fs'
      import { join } from 'node:path'
      import { openCgroupView } from ${JSON.stringify(join(import.meta.dirname, 'cgroup-view.ts'))}
      import { parseProcCgroup } from ${JSON.stringify(join(import.meta.dirname, 'container-cgroup.ts'))}
      const view = openCgroupView()
      const v2 = view.mounts.unified !== undefined
      const look = (pid) => {
        const seen = parseProcCgroup(readFileSync('/proc/' + pid + '/cgroup', 'utf8')).get(v2 ? '' : 'cpuacct')
        const path = view.absolute(seen)
        const procs = readFileSync(join(v2 ? view.mounts.unified : view.mounts.cpuacct, path, 'cgroup.procs'), 'utf8')
        return { seen, path, isThere: procs.split('\\n').includes(String(pid)) }
      }
      console.log(JSON.stringify([${pids.join(', ')}, process.pid].map(look)))`
    // The shell enters the cgroup; the namespace that it then makes has that cgroup as its root.
    const script = `echo $$ > ${join(mount, own, 'cgroup.procs')} && exec unshare --cgroup "$@"`
    const args = ['-c', script, 'sh', process.execPath, '--input-type=module-typescript', '-e', program]
    const answer: unknown = JSON.parse(execFileSync('sh', args, { encoding: 'utf8' }))
    expect(answer).toEqual([
      { seen: `/../../pody/${id}`, path: other, isThere: true },
      { seen: `/../${id}`, path: sibling, isThere: true },
      { seen: '/', path: own, isThere: true },
    ])
  })
})
