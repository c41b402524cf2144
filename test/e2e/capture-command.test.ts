// `spikecam capture` against a real recording: progress, evidence, and what Ctrl-C leaves.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { cleanEnv, root, spikecam, startSpikecam } from '../cli/spikecam.ts'

const folder = mkdtempSync(join(tmpdir(), 'spikecam-capture-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const canRecord = process.getuid?.() === 0
test.skipIf(!canRecord)('capture follows, delivers, and keeps what Ctrl-C leaves (needs root)', async () => {
  // Whatever else burns CPU here must not take the places of these captures.
  const calm = ['--spike-level', '10000%', '--spike-jump', '10000%']
  const up = await startSpikecam(['up', '--data', join(folder, 'up'), ...calm])
  const env = { SPIKECAM_SERVER: up.url }
  try {
    await recording(up.url)
    const whole = await spikecam(['capture', 'cpu', 'node', '--for', '1s', '--look-back', '1s', '-o', 'json'], { env })
    expect(whole.code).toBe(0)
    expect(JSON.parse(whole.stdout).capture).toMatchObject({ state: 'complete', target: { kind: 'node' } })
    // Who asks late, on a busy machine, is told less of what came before.
    expect(whole.stderr).toMatch(/^(cap-\w+ recording\n)?(cap-\w+ uploading\n)?cap-\w+ complete\n$/)

    const pprof = await spikecam(['capture', 'cpu', 'node', '--for', '1s', '-o', '-'], { env })
    expect(pprof.code).toBe(0)
    expect(await spikecam(['top', '-', '-o', 'json'], { stdin: pprof.bytes })).toMatchObject({ code: 0 })

    const nobody = await spikecam(['capture', 'cpu', 'pid/4194304', '--for', '1s'], { env })
    expect({ code: [4, 6].includes(nobody.code!), stderr: nobody.stderr }).toMatchObject({ code: true })

    const child = spawn(resolve(root, 'spikecam'), ['capture', 'cpu', 'node', '--for', '60s', '-o', 'name'], {
      env: cleanEnv(env),
      stdio: 'pipe',
    })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      if (said === '') child.kill('SIGINT')
      said += chunk.toString()
    })
    expect(await new Promise((done) => child.once('close', done))).toBe(130)
    expect(said).toMatch(/^cap-\w+ recording\n/)
    const kept = await spikecam(['get', out.trim(), '-o', 'json'], { env })
    expect(JSON.parse(kept.stdout).capture.state).toBe('complete')

    const evidence = join(folder, 'evidence')
    expect(await spikecam(['download', out.trim(), '-o', `${evidence}/`], { env })).toMatchObject({
      code: 0,
      stdout: '',
    })
    expect(readdirSync(evidence).some((name) => name.endsWith('.pb.gz'))).toBe(true)
    expect((await spikecam(['list', '-o', 'name'], { env })).stdout).toMatch(/^(inc-\w{20}\n){3,}$/)
  } finally {
    await up.stop('SIGTERM')
  }
})

/** Asks until the agent records: the ring's perf takes a moment to start. */
async function recording(url: string): Promise<void> {
  for (;;) {
    const { code } = await spikecam(['ring', 'status', '--server', url])
    if (code === 0) return
  }
}
