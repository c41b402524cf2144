// Runs inside Chromium for bench/flame.ts: makes a tree of N frames and times layout and pictures of it.
import { layoutTree } from '../src/flame/layout.ts'
import { FlamePainter } from '../src/ui/flame-painter.ts'

/** Seeded (mulberry32), so that every run and every peer gets the same tree. */
function randomOf(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** As profiles of busy machines are: most nodes have one or two children, some have dozens; up to 120 rows. */
export function makeTree(count) {
  const random = randomOf(42)
  const children = [[]]
  const depth = [0]
  const open = [0]
  while (depth.length < count) {
    // Deep chains come from going on at a young node, wide rows from going back to an old one.
    const at = random() < 0.7 ? open[open.length - 1] : open[Math.floor(random() * open.length)]
    if (depth[at] >= 119) {
      open.pop()
      continue
    }
    const node = depth.length
    depth.push(depth[at] + 1)
    children.push([])
    children[at].push(node)
    open.push(node)
    if (open.length > 5000) open.splice(0, 2500)
  }
  const self = depth.map(() => Math.ceil(random() ** 3 * 1000))
  const total = self.slice()
  for (let node = count - 1; node > 0; node--) for (const child of children[node]) total[node] += total[child]
  for (const child of children[0]) total[0] += total[child]
  const names = Array.from({ length: 50_000 }, (_, i) => `package${i % 700}.Class${i % 9000}.method${i}`)
  const frameOf = depth.map(() => Math.floor(random() ** 2 * names.length))
  return { count, children, depth, self, total, names, frameOf }
}

/** The same as columns in preorder, heaviest sibling first: what `buildCallTree` gives. */
export function columnsOf({ count, children, self, total, names, frameOf }) {
  const tree = {
    frames: {
      length: names.length,
      name: names,
      module: names.map((name) => name.slice(0, name.indexOf('.'))),
      kind: names.map((_, i) => ['native', 'kernel', 'go', 'java'][i % 4]),
    },
    unit: 'nanoseconds',
    length: count,
    frame: new Int32Array(count),
    parent: new Int32Array(count),
    depth: new Uint16Array(count),
    end: new Uint32Array(count),
    self: new Float64Array(count),
    total: new Float64Array(count),
  }
  let next = 0
  const stack = [[0, -1, 0]]
  const opened = []
  while (stack.length > 0) {
    const [node, parent, level] = stack.pop()
    while (opened.length > level) tree.end[opened.pop()] = next
    const at = next++
    opened.push(at)
    tree.frame[at] = node === 0 ? -1 : frameOf[node]
    tree.parent[at] = parent
    tree.depth[at] = level
    tree.self[at] = self[node]
    tree.total[at] = total[node]
    const sorted = children[node].slice().sort((a, b) => total[a] - total[b])
    for (const child of sorted) stack.push([child, at, level + 1])
  }
  while (opened.length > 0) tree.end[opened.pop()] = next
  return tree
}

/** The same as nested objects: what d3-flame-graph takes. */
export function nestedOf({ children, total, names, frameOf }) {
  const make = (node) => ({
    name: node === 0 ? 'all' : names[frameOf[node]],
    value: total[node],
    children: children[node].map(make),
  })
  return make(0)
}

const nextFrame = () => new Promise((done) => requestAnimationFrame(done))
/** The frame after the next has what was drawn in this one on the screen. */
const presented = async () => {
  await nextFrame()
  await nextFrame()
}

/** From a tree in memory to a picture on the screen, then 40 zooms of 8 frames each. */
export async function timeOurs(tree) {
  const canvas = document.createElement('canvas')
  document.body.replaceChildren(canvas)
  const view = { from: 0, to: 1, widthPx: 1400, heightPx: 800, scrollTop: 0, devicePixelRatio: 1 }
  await presented()
  const began = performance.now()
  const layout = layoutTree(tree)
  const painter = new FlamePainter(canvas)
  const picture = {
    layout,
    byChange: false,
    scale: { perSample: 1, baseFactor: 1 },
    theme: 'light',
    matches: undefined,
    selectedFrame: -1,
    rootAt: 'top',
  }
  const paint = (from, to, scrollTop) => painter.paint(picture, { ...view, from, to, scrollTop })
  const boxes = paint(0, layout.value[0], 0)
  canvas.getContext('2d').getImageData(0, 0, 1, 1)
  const drawnMs = performance.now() - began
  await presented()
  const firstMs = performance.now() - began

  const random = randomOf(7)
  const frames = []
  let mostBoxes = boxes
  let [from, to] = [0, layout.value[0]]
  for (let zoom = 0; zoom < 40; zoom++) {
    // Any box that is at least a thousandth of what is shown, as a person could hit one.
    let node = 0
    for (let tries = 0; tries < 2000 && node === 0; tries++) {
      const candidate = Math.floor(random() * tree.length)
      if (layout.value[candidate] > layout.value[0] * 0.001) node = candidate
    }
    if (zoom % 5 === 4) node = 0
    const target = [layout.start[node], layout.start[node] + layout.value[node]]
    const scrollTop = Math.max(0, tree.depth[node] * 19 - 300)
    for (let step = 1; step <= 8; step++) {
      const share = step / 8
      const now = [from + (target[0] - from) * share, to + (target[1] - to) * share]
      const start = performance.now()
      mostBoxes = Math.max(mostBoxes, paint(now[0], now[1], scrollTop))
      canvas.getContext('2d').getImageData(0, 0, 1, 1)
      frames.push(performance.now() - start)
    }
    ;[from, to] = target
    await nextFrame()
  }
  frames.sort((a, b) => a - b)
  const at = (share) => frames[Math.min(frames.length - 1, Math.floor(frames.length * share))]
  return { drawnMs, firstMs, boxes, mostBoxes, zoomMedianMs: at(0.5), zoomP95Ms: at(0.95), zoomMaxMs: at(1) }
}

/** d3-flame-graph with the settings its author advises for large profiles: no animation, no boxes under a pixel. */
export async function timeD3(nested) {
  const host = document.createElement('div')
  document.body.replaceChildren(host)
  await presented()
  const began = performance.now()
  const chart = window.flamegraph().width(1400).cellHeight(18).minFrameSize(1).transitionDuration(0).sort(true)
  window.d3.select(host).datum(nested).call(chart)
  await presented()
  const firstMs = performance.now() - began
  const boxes = host.querySelectorAll('g.frame').length
  const zooms = []
  for (let zoom = 0; zoom < 6; zoom++) {
    const shown = [...host.querySelectorAll('g.frame')].filter((box) => box.getBoundingClientRect().width > 2)
    const target = shown[Math.floor((shown.length * (zoom + 1)) / 8)]
    const start = performance.now()
    target.dispatchEvent(new MouseEvent('click', { bubbles: true }))
    await presented()
    zooms.push(performance.now() - start)
    chart.resetZoom()
    await presented()
  }
  zooms.sort((a, b) => a - b)
  return { firstMs, boxes, zoomMedianMs: zooms[Math.floor(zooms.length / 2)] }
}

/** What speedscope imports: its own format, one event where a call opens and one where it closes. */
export function speedscopeOf({ children, self, total, names, frameOf }) {
  const events = []
  let at = 0
  const visit = (node) => {
    if (node > 0) events.push({ type: 'O', frame: frameOf[node], at })
    for (const child of children[node]) visit(child)
    at += self[node]
    if (node > 0) events.push({ type: 'C', frame: frameOf[node], at })
  }
  visit(0)
  return JSON.stringify({
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    shared: { frames: names.map((name) => ({ name })) },
    profiles: [{ type: 'evented', name: 'bench', unit: 'nanoseconds', startValue: 0, endValue: total[0], events }],
  })
}

window.bench = { makeTree, columnsOf, nestedOf, speedscopeOf, timeOurs, timeD3, presented }
