// The workload of the demo: a small HTTP service whose coupon check uses a regular expression with catastrophic
// backtracking. Good coupons take microseconds; a crafted one keeps a core busy for seconds.
//
//   GET /check?code=SAVE10   -> ok
//   GET /check?code=attack   -> burns one core for SPIKE_SECONDS (6) in isWellFormedCoupon
import { createServer } from 'node:http'

// Nested quantifiers: on a near miss every split of the text between the two `+` is tried, 2^n of them.
const couponPattern = /^([a-z0-9]+)+-OFF$/i
const spikeMs = Number(process.env.SPIKE_SECONDS ?? 6) * 1000

export function isWellFormedCoupon(code: string): boolean {
  return couponPattern.test(code)
}

/** Someone posts a long list of near misses: each costs some 0.1 s. */
function checkHostileList(untilMs: number): number {
  let checked = 0
  while (performance.now() < untilMs) {
    isWellFormedCoupon(`${'a'.repeat(22)}!`)
    checked++
  }
  return checked
}

// The first use of a pattern runs in an interpreter; after these it is compiled and perf sees it under its own name.
for (let i = 0; i < 20; i++) isWellFormedCoupon(`${'a'.repeat(8 + (i % 4))}!`)

const server = createServer((request, response) => {
  const code = new URL(request.url ?? '/', 'http://localhost').searchParams.get('code') ?? ''
  const answer = code === 'attack' ? checkHostileList(performance.now() + spikeMs) : isWellFormedCoupon(`${code}-OFF`)
  response.end(`${answer}\n`)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' && address ? address.port : ''}\n`)
})
