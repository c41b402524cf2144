// The workload of the demo: a small HTTP service whose coupon check uses a regular expression with catastrophic
// backtracking. Good coupons take microseconds; a crafted one keeps a core busy for seconds.
//
//   GET /check?code=SAVE10   -> ok
//   GET /check?code=attack   -> burns one core for SPIKE_SECONDS (6) in isWellFormedCoupon, on a full machine for longer
//   GET /metrics             -> process_cpu_seconds_total, as every Prometheus client library has it
import { createServer } from 'node:http'
import { setImmediate } from 'node:timers/promises'

// Nested quantifiers: on a near miss every split of the text between the two `+` is tried, 2^n of them.
const couponPattern = /^([a-z0-9]+)+-OFF$/i
const spikeMs = Number(process.env.SPIKE_SECONDS ?? 6) * 1000
/** A list takes longer where neighbours leave it a tenth of a core: until it has had a quarter of the CPU, or this long. */
const mostSpikeMs = spikeMs * 5

export function isWellFormedCoupon(code: string): boolean {
  return couponPattern.test(code)
}

/** Someone posts a long list of near misses: each costs some 0.1 s, and in between others are served. */
async function checkHostileList(): Promise<number> {
  const beganMs = performance.now()
  const before = process.cpuUsage()
  const isOver = (): boolean => {
    const tookMs = performance.now() - beganMs
    const { user, system } = process.cpuUsage(before)
    return tookMs >= mostSpikeMs || (tookMs >= spikeMs && (user + system) / 1000 >= spikeMs / 4)
  }
  let checked = 0
  while (!isOver()) {
    isWellFormedCoupon(`${'a'.repeat(22)}!`)
    checked++
    await setImmediate()
  }
  return checked
}

function cpuMetric(): string {
  const { user, system } = process.cpuUsage()
  return `# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ${(user + system) / 1e6}`
}

// The first use of a pattern runs in an interpreter; after these it is compiled and perf sees it under its own name.
for (let i = 0; i < 20; i++) isWellFormedCoupon(`${'a'.repeat(8 + (i % 4))}!`)

async function answer({ pathname, searchParams }: URL): Promise<string> {
  if (pathname === '/metrics') return cpuMetric()
  const code = searchParams.get('code') ?? ''
  if (code === 'attack') return String(await checkHostileList())
  return String(isWellFormedCoupon(`${code}-OFF`))
}

const server = createServer(async (request, response) => {
  response.end(`${await answer(new URL(request.url ?? '/', 'http://localhost'))}\n`)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' && address ? address.port : ''}\n`)
})
