// What an agent records around a spike, drawn: a whole machine for 20 s, in whose second half one process burns a core.
import { gzipSync } from 'node:zlib'
import { encodePprof } from '../src/profile/pprof-encode.ts'
import { drawProfile } from './drawn-stacks.ts'
import { makeArtifact, makeCapture, makeIncident, someMs } from './nouns.ts'

/** 10 samples a second keep the numbers easy: one sample is 100 ms of CPU. */
const sampleNanos = 100_000_000

/**
 *   0 s .. 10 s   cart (4242) runs handle 1 in 10, redis (7) runs readQuery 2 in 10
 *   10 s .. 16 s  cart runs evilRegex all the time, in its worker thread 1 in 10; redis as before
 *   16 s .. 20 s  as at first
 */
export function machineProfile(): Uint8Array<ArrayBuffer> {
  const lines: string[] = []
  for (let tick = 0; tick < 200; tick++) {
    const isSpike = tick >= 100 && tick < 160
    const at = `1 ${sampleNanos} @${tick * 100}`
    const cart = (tid: number, thread: string) =>
      `{pid=4242 tid=${tid} comm=cart thread=${thread} cgroup=/kubepods/cart}`
    if (isSpike) lines.push(`main@/app/cart;serve@/app/cart;evilRegex@/app/cart ${at} ${cart(4242, 'cart')}`)
    if (isSpike && tick % 10 === 0) lines.push(`main@/app/cart;collect@/app/cart ${at} ${cart(4250, 'gc')}`)
    if (!isSpike && tick % 10 === 0)
      lines.push(`main@/app/cart;serve@/app/cart;handle@/app/cart ${at} ${cart(4242, 'cart')}`)
    if (tick % 5 === 0)
      lines.push(
        `main@/usr/bin/redis;readQuery@/usr/bin/redis ${at} {pid=7 tid=7 comm=redis thread=redis cgroup=/system/redis}`,
      )
  }
  const drawn = drawProfile(lines.join('\n'), ['samples/count', 'cpu/nanoseconds'])
  const profile = { ...drawn, timeNanos: BigInt(someMs) * 1_000_000n, durationNanos: 20_000_000_000n }
  return Uint8Array.from(gzipSync(encodePprof(profile)))
}

export const spikeOnsetMs = someMs + 10_000
export const spikeEndMs = someMs + 16_000

/** The documents of that spike, as an agent sends them. */
export function spikeDocuments(bytes: Uint8Array, { incidentId = 'inc-1', captureId = 'cap-1' } = {}) {
  const incident = makeIncident({
    id: incidentId,
    onsetMs: spikeOnsetMs,
    noticedMs: spikeOnsetMs + 600,
    endedMs: spikeEndMs,
    baseline: { fromMs: someMs, toMs: spikeOnsetMs },
  })
  const capture = makeCapture({
    id: captureId,
    incidentId,
    requestedMs: spikeOnsetMs + 600,
    fromMs: someMs,
    toMs: someMs + 20_000,
    boundaryMs: spikeOnsetMs + 600,
  })
  return { incident, capture, artifact: makeArtifact(bytes, { id: `art-${captureId}`, captureId }) }
}
