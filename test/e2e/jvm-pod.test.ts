// Probes of the JVM in real pods: a runtime without any tool, an ordinary user without capabilities, two of them in one
// container, a root file system that is read-only, a /tmp that two containers have in common.
import { chmodSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { jvmJfr } from '../../src/capture/jvm-jfr.ts'
import { jvmThreads } from '../../src/capture/jvm-threads.ts'
import { type Probe, runProbe } from '../../src/capture/probe.ts'
import type { ThreadTable } from '../../src/profile/thread-table.ts'
import { listProcesses, readProcess } from '../../src/target/process-identity.ts'
import { compileWorkload, findJdks, linkRuntime } from '../jvm-program.ts'
import { sharedLibraries } from '../node-tool/image.ts'
import type { RunningContainer } from '../node-tool/node.ts'
import { describeOnNode } from '../node-tool/on-node.ts'
import type { ContainerSpec } from '../node-tool/pod-config.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const jdks = findJdks()

/** Java processes of a container by their own PID in there. */
const jvmsIn = ({ id }: RunningContainer) =>
  listProcesses()
    .flatMap((pid) => readProcess(pid) ?? [])
    .filter((each) => each.containerId === id && each.comm === 'java')
    .sort((a, b) => a.containerPid - b.containerPid)

async function run(probe: Probe, pid: number) {
  const target = { kind: 'process' as const, node: 'vm1', pid, startTicks: readProcess(pid)!.startTicks }
  const signal = new AbortController().signal
  return runProbe(probe, { target, kind: 'threads', durationMs: 500, options: {}, signal }, Date.now)
}

/** Of the program's own threads the busiest: those of HotSpot may use more than it gets of a full machine. */
async function busiestOf(pid: number): Promise<ThreadTable['threads'][number]> {
  const { result, findings } = await run(jvmThreads, pid)
  expect(result).toMatchObject({ outcome: 'ok' })
  const json = Buffer.from(findings.find(({ name }) => name === 'threads.json')!.bytes).toString()
  return (JSON.parse(json) as ThreadTable).threads.find(({ role }) => role === 'application')!
}

describeOnNode('a JVM in a pod', (node) => {
  const folder = temporaryFolder()
  beforeAll(() => {
    chmodSync(folder, 0o755)
    if (jdks[0]) compileWorkload(jdks[0], folder)
    for (const jdk of jdks) linkRuntime(jdk, join(folder, `jre${jdk.major}`))
  })

  /** The libraries come with the image, the runtime itself and the program by a mount. */
  const javaIn = async (major: number): Promise<Pick<ContainerSpec, 'image' | 'mounts'>> => {
    const jre = join(folder, `jre${major}`)
    const code = [join(jre, 'bin/java'), join(jre, 'lib/server/libjvm.so'), join(jre, 'lib/libjava.so')]
    const programs = code.flatMap(sharedLibraries).filter((path) => !path.startsWith(folder))
    return {
      image: await node().packImage({ name: `java${major}`, programs }),
      mounts: [{ hostPath: folder, containerPath: '/opt/java', readonly: true }],
    }
  }
  const java = (major: number, hot: string): string =>
    `/opt/java/jre${major}/bin/java -Xmx64m -XX:TieredStopAtLevel=1 -cp /opt/java Workload ${hot} 10`

  test.each(jdks)('JDK $major: two in one container, as user 10001 without capabilities', async ({ major }) => {
    const pod = await node().runPod({
      name: `cart-${major}`,
      containers: [
        {
          name: 'app',
          ...(await javaIn(major)),
          command: ['sh', '-c', `${java(major, 'hot-one')} & ${java(major, 'hot-two')} & wait`],
          uid: 10_001,
          isRestricted: true,
        },
      ],
    })
    await pod.untilLog('app', /ready\nready\n/)
    const app = pod.containers.app!
    const jvms = jvmsIn(app)
    expect(jvms).toHaveLength(2)
    const status = readFileSync(`/proc/${jvms[0]!.pid}/status`, 'utf8')
    expect(status).toMatch(/^CapEff:\t0+$/m)
    expect(status).toMatch(/^Uid:\t10001\t/m)
    // Beside each other, as when somebody asks for a bundle.
    const [recording, ...hot] = await Promise.all([run(jvmJfr, jvms[0]!.pid), ...jvms.map(({ pid }) => busiestOf(pid))])
    expect(recording.result).toMatchObject({ outcome: 'ok' })
    expect(hot.map(({ name }) => name).sort()).toEqual(['hot-one', 'hot-two'])
    expect(hot.map(({ frames }) => frames[0]!.method)).toEqual(['Workload.spin', 'Workload.spin'])
    const left = readdirSync(`/proc/${jvms[0]!.pid}/root/tmp`).filter((name) => /attach_pid|^spikecam/.test(name))
    expect(left).toEqual([])
    // No dump and no warning of the JVM in the log.
    expect(pod.log('app')).toBe('ready\nready\n')
    const shell = await run(jvmThreads, app.pid)
    expect(shell.result).toMatchObject({
      outcome: 'skipped',
      message: expect.stringContaining('no Java virtual machine'),
    })
    await pod.stop()
  })

  test.skipIf(jdks.length === 0)(
    'a read-only root: not without a volume at /tmp, and two containers need two',
    async () => {
      const { major } = jdks[0]!
      const shared = join(folder, 'shared-tmp')
      mkdirSync(shared)
      chmodSync(shared, 0o777)
      const common = { ...(await javaIn(major)), uid: 10_001, isRestricted: true, hasReadOnlyRoot: true }
      const mounts = [...common.mounts!, { hostPath: shared, containerPath: '/tmp' }]
      const command = (hot: string): string[] => ['sh', '-c', `exec ${java(major, hot)}`]
      const pod = await node().runPod({
        name: 'read-only',
        containers: [
          { ...common, name: 'bare', command: command('hot-bare') },
          { ...common, name: 'with-tmp', mounts, command: command('hot-tmp') },
        ],
      })
      await pod.untilLog('bare', /ready/)
      await pod.untilLog('with-tmp', /ready/)
      const pidOf = (name: string): number => pod.containers[name]!.pid
      const { result } = await run(jvmThreads, pidOf('bare'))
      expect(result).toMatchObject({
        outcome: 'skipped',
        message: expect.stringContaining('mount an emptyDir at /tmp'),
      })
      expect(pod.log('bare')).toBe('ready\n')
      expect((await busiestOf(pidOf('with-tmp'))).name).toBe('hot-tmp')

      // Another container with the same volume, in which the JVM is process 1 as well: whose socket is it?
      const twin = await node().runPod({
        name: 'twin',
        containers: [{ ...common, name: 'app', mounts, command: command('hot-twin') }],
      })
      await twin.untilLog('app', /ready/)
      const either = await run(jvmThreads, twin.containers.app!.pid)
      expect(either.result).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('the same /tmp') })
      await twin.stop()
      await pod.stop()
    },
  )
})
