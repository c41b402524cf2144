import { execFileSync, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { hasTool } from '../../test/symbol-programs.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { readPprof } from '../profile/pprof-decode.ts'
import { openCgroupView } from '../target/cgroup-view.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { perfVersion } from './perf.ts'
import { createDwarfProbe } from './perf-dwarf.ts'

const folder = temporaryFolder()
const why =
  process.getuid?.() !== 0
    ? 'needs root'
    : (await perfVersion()) === undefined
      ? 'needs perf'
      : hasTool('gcc')
        ? undefined
        : 'needs gcc'
const probe = createDwarfProbe({ perf: 'perf', event: 'cpu-clock', hz: 99, cgroups: openCgroupView() })
const ask = (pid: number, startTicks: number | undefined) => ({
  target: { kind: 'process' as const, node: 'vm1', pid, ...(startTicks === undefined ? {} : { startTicks }) },
  kind: 'cpu' as const,
  durationMs: 500,
  options: { hz: 199 },
  signal: new AbortController().signal,
})

/** No frame pointers, and every caller waits for its callee's answer. */
const source = `
static volatile unsigned long sink;
__attribute__((noinline)) static unsigned long innermost(unsigned long n) { for (int i = 0; i < 1000000; i++) sink += i; return sink + n; }
__attribute__((noinline)) static unsigned long outermost(unsigned long n) { return innermost(n) * 5 + 1; }
int main(void) { for (;;) sink += outermost(sink); }
`

test.skipIf(why !== undefined)('walks stacks by debug information and tells what it cost', async () => {
  const file = join(folder, 'deep')
  writeFileSync(`${file}.c`, source)
  execFileSync('gcc', ['-O2', '-fomit-frame-pointer', '-fno-optimize-sibling-calls', '-o', file, `${file}.c`])
  const child = spawn(file, { stdio: 'ignore' })
  try {
    const pid = child.pid as number
    const { outcome, message, findings } = await probe.run(ask(pid, startTicksOf(pid)))
    expect(outcome).toBe('ok')
    expect(message).toMatch(/^\d+ samples unwound by debug information; [\d.]+ [kM]B of stacks were copied at 199 Hz/)
    expect(findings.map(({ name }) => name)).toEqual(['dwarf.perf-script.txt.gz', 'dwarf.pb.gz'])
    const text = gunzipSync(findings[0]!.bytes).toString()
    expect(text).toMatch(/innermost\+.*\n.*outermost\+.*\n.*main\+/)
    const profile = readPprof(gunzipSync(findings[1]!.bytes))
    expect(profile.labelSets.flat().some(({ key }) => key === 'pid')).toBe(false)
  } finally {
    child.kill('SIGKILL')
  }
})

test.each([
  ['perf-denied', 'PERF_FORBIDDEN'],
  ['perf-mlock', 'PERF_MLOCK'],
  ['not-there', 'TOOL_MISSING'],
])('with %s it fails with %s', async (perf, code) => {
  const path = resolve(import.meta.dirname, '../../test/fake-bin', perf)
  const without = createDwarfProbe({ perf: path, event: 'cpu-clock', hz: 99, cgroups: openCgroupView() })
  await expect(without.run(ask(process.pid, startTicksOf(process.pid)))).rejects.toMatchObject({ code })
})

test('a process that is another one now is not recorded', async () => {
  await expect(probe.run(ask(process.pid, 1))).rejects.toMatchObject({ code: 'TARGET_GONE' })
})

test.skipIf(why !== undefined)('a process that does nothing gives nothing, and says so', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  try {
    const { outcome, message, findings } = await probe.run(ask(child.pid as number, undefined))
    expect({ outcome, findings }).toEqual({ outcome: 'empty', findings: [] })
    expect(message).toContain('the target used no CPU')
  } finally {
    child.kill('SIGKILL')
  }
})
