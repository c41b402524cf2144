// Flame graphs of up to a million frames in Chromium: first picture and zoom frames, against d3-flame-graph and
// speedscope where they survive. Prints rows of a markdown table.
//   node bench/flame.ts [FRAMES …]        default 10000 100000 1000000
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'
import { printRow } from './measure.ts'

const counts = process.argv.slice(2).map(Number).filter(Boolean)
const sizes = counts.length > 0 ? counts : [10_000, 100_000, 1_000_000]
/** A peer that needs longer for one picture is of no use to a person. */
const patienceMs = 120_000
const peers = { d3: '7.9.0', 'd3-flame-graph': '4.1.3', speedscope: '1.25.0' }

const folder = mkdtempSync(join(tmpdir(), 'spikecam-flame-'))
await build({
  entryPoints: [join(import.meta.dirname, 'flame-page.js')],
  outfile: join(folder, 'page.js'),
  bundle: true,
  format: 'iife',
  minify: true,
  logLevel: 'warning',
})
const hasPeers = installPeers()
writeFileSync(
  join(folder, 'index.html'),
  `<!doctype html><body>${hasPeers ? '<script src="node_modules/d3/dist/d3.min.js"></script><script src="node_modules/d3-flame-graph/dist/d3-flamegraph.min.js"></script>' : ''}<script src="page.js"></script>`,
)

function installPeers(): boolean {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies: peers }))
  try {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder, stdio: 'ignore' })
    return true
  } catch {
    process.stderr.write('the peers could not be installed from npm; only our own figures follow\n')
    return false
  }
}

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

/** Serves the folder, so that workers and fonts of the peers load as they do for people. */
function serve(): Promise<Server> {
  const server = createServer((request, response) => {
    const path = resolve(folder, `.${new URL(request.url ?? '/', 'http://localhost').pathname}`)
    if (!path.startsWith(folder) || !existsSync(path)) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' })
    response.end(readFileSync(path))
  })
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)))
}

interface Figures {
  readonly firstMs: number
  readonly boxes: number
  readonly zoomMedianMs: number
  readonly drawnMs?: number
  readonly mostBoxes?: number
  readonly zoomP95Ms?: number
  readonly zoomMaxMs?: number
}

const server = await serve()
const address = server.address()
const base = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--js-flags=--max-old-space-size=6000'],
})

/** A fresh page per measurement; undefined when it fails or takes longer than patience lasts. */
async function measure<T>(work: (page: Page) => Promise<T>): Promise<T | undefined> {
  const page = await browser.newPage({ viewport: { width: 1400, height: 800 } })
  page.setDefaultTimeout(patienceMs)
  let timer: NodeJS.Timeout | undefined
  try {
    const tooLong = new Promise<undefined>((done) => {
      timer = setTimeout(() => done(undefined), patienceMs)
    })
    return await Promise.race([work(page), tooLong])
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message.split('\n')[0] : error}\n`)
    return undefined
  } finally {
    clearTimeout(timer)
    await closeHard(page)
  }
}

/** A page that hangs does not answer to being closed politely. */
async function closeHard(page: Page): Promise<void> {
  await Promise.race([page.close().catch(() => undefined), new Promise((done) => setTimeout(done, 3000))])
}

const inPage = (code: string) => async (page: Page) => {
  await page.goto(`${base}/index.html`)
  return page.evaluate<Figures>(code)
}

/** From a file in its own format handed to speedscope until its canvas shows the profile. */
async function timeSpeedscope(page: Page, count: number): Promise<Figures> {
  await page.goto(`${base}/node_modules/speedscope/dist/release/index.html`)
  await page.locator('input[type=file]').waitFor({ state: 'attached' })
  await page.addScriptTag({ url: `${base}/page.js` })
  const firstMs = await page.evaluate<number>(
    `(async () => {
       const chosen = new DataTransfer()
       chosen.items.add(new File([bench.speedscopeOf(bench.makeTree(${count}))], 'bench.speedscope.json'))
       const input = document.querySelector('input[type=file]')
       const shown = document.querySelectorAll('canvas').length
       const began = performance.now()
       input.files = chosen.files
       input.dispatchEvent(new Event('change', { bubbles: true }))
       while (document.querySelectorAll('canvas').length <= shown) await new Promise(requestAnimationFrame)
       await bench.presented()
       return performance.now() - began
     })()`,
  )
  return { firstMs, boxes: 0, zoomMedianMs: Number.NaN }
}

const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`

try {
  for (const count of sizes) {
    const work = `${count.toLocaleString('en-US')} frames`
    const ours = await measure(inPage(`bench.timeOurs(bench.columnsOf(bench.makeTree(${count})))`))
    if (!ours) throw new Error(`no picture of ${work}`)
    const d3 = hasPeers ? await measure(inPage(`bench.timeD3(bench.nestedOf(bench.makeTree(${count})))`)) : undefined
    const speedscope = hasPeers ? await measure((page) => timeSpeedscope(page, count)) : undefined
    const said = (name: string, value: number | undefined): string =>
      `${name} ${value === undefined || Number.isNaN(value) ? (hasPeers ? `none in ${patienceMs / 1000} s` : 'not measured') : ms(value)}`
    const times = (peer: number | undefined, own: number): string =>
      peer === undefined || Number.isNaN(peer) ? '–' : `${(peer / own).toFixed(peer / own < 10 ? 1 : 0)}×`
    printRow({
      work: `flame graph of ${work}, first picture on the screen (drawn after ${ms(ours.drawnMs ?? 0)}, ${ours.boxes} boxes)`,
      ours: ms(ours.firstMs),
      theirs: `${said('d3-flame-graph', d3?.firstMs)}; ${said('speedscope, import included,', speedscope?.firstMs)}`,
      ratio: `${times(d3?.firstMs, ours.firstMs)}; ${times(speedscope?.firstMs, ours.firstMs)}`,
      goal: count === 1_000_000 ? '≤ 300 ms, ≥ 10×' : '–',
    })
    printRow({
      work: `flame graph of ${work}, one zoom frame (320 frames, at most ${ours.mostBoxes} boxes)`,
      ours: `median ${ms(ours.zoomMedianMs)}, 95 % ${ms(ours.zoomP95Ms ?? 0)}, worst ${ms(ours.zoomMaxMs ?? 0)}`,
      theirs: said('d3-flame-graph', d3?.zoomMedianMs),
      ratio: times(d3?.zoomMedianMs, ours.zoomMedianMs),
      goal: count === 1_000_000 ? '≤ 16 ms, ≥ 10×' : '–',
    })
  }
} finally {
  await Promise.race([browser.close(), new Promise((done) => setTimeout(done, 5000))])
  killIfThere(browser)
  server.close()
  rmSync(folder, { recursive: true, force: true })
}

/** A browser whose page hangs does not end by itself, and this program must. */
function killIfThere(one: Browser): void {
  if (one.isConnected()) process.exit(0)
}
