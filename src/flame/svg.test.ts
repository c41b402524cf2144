// The SVG as text: complete, safe against hostile names, and honest about what it leaves out. test/browser clicks it.
import { expect, test } from 'vitest'
import { drawnTree } from '../../test/drawn-tree.ts'
import { renderSvg } from './svg.ts'

const options = { title: 'cart', subtitle: 'during the spike', provenance: '1 200 samples · 3 lost · host vm1' }
const boxesOf = (svg: string) =>
  [
    ...svg.matchAll(
      /<g class="f c\d+" data-row="(\d+)"><title>([^<]*)<\/title><rect x="([\d.]+)" y="\d+" width="([\d.]+)"/g,
    ),
  ].map(([, row, title, x, width]) => ({
    row: Number(row),
    title: title!.split('\n')[0],
    x: Number(x),
    width: Number(width),
  }))

test('boxes have the widths of their values', () => {
  const svg = renderSvg(drawnTree('main;parse 60', 'main;draw 40'), { ...options, widthPx: 1024 })
  expect(boxesOf(svg)).toEqual([
    { row: 0, title: 'all', x: 0, width: 1000 },
    { row: 1, title: 'main', x: 0, width: 1000 },
    { row: 2, title: 'parse', x: 0, width: 600 },
    { row: 2, title: 'draw', x: 600, width: 400 },
  ])
})

test('title, subtitle and provenance are in the picture', () => {
  const svg = renderSvg(drawnTree('main 1'), options)
  for (const text of Object.values(options)) expect(svg).toContain(`>${text}`)
})

test('names cannot leave their place', () => {
  const svg = renderSvg(drawnTree('operator<<@a&b"c;</title><script>alert(1)</script> 5', 'bell\u0007\ud800 5'), {
    ...options,
    title: '<b>"&',
  })
  expect(svg.match(/<script>/g)).toHaveLength(1)
  expect(svg).toContain('&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;')
  expect(svg).toContain('aria-label="&lt;b&gt;&quot;&amp;"')
  expect(svg).toContain('bell\ufffd\ufffd')
  expect(svg).not.toContain('\u0007')
})

test('nothing in the file points outside', () => {
  const svg = renderSvg(drawnTree('main;http://evil/x 1'), options)
  const addresses = [...svg.matchAll(/(?:href|src|url\()[="']*[^"'\s)>]*/g)].map((match) => match[0])
  expect(addresses).toEqual([])
  // The XML namespaces are names, not addresses that are fetched.
  expect([...svg.matchAll(/xmlns="([^"]*)"/g)].map((match) => match[1])).toEqual([
    'http://www.w3.org/2000/svg',
    'http://www.w3.org/1999/xhtml',
  ])
})

test('a diff is coloured by significant change only', () => {
  const tree = drawnTree('main;new 1000 0', 'main;same 500 510', 'main;noise 3 0', 'main;less 100 900')
  const svg = renderSvg(tree, { ...options, scale: { perSample: 1, baseFactor: 1 } })
  const color = (name: string) => Number(new RegExp(`<g class="f c(\\d+)" data-row="2"><title>${name}\n`).exec(svg)![1])
  expect([color('new'), color('same'), color('noise'), color('less')]).toEqual([10, 5, 5, 1])
  expect(svg).toContain('before 900 ns: 0.11×')
})

test('frames too narrow to draw are counted', () => {
  const svg = renderSvg(drawnTree('wide 100000', ...Array.from({ length: 40 }, (_, i) => `tiny${i} 5`)), options)
  expect(svg).toContain('<title>(40 frames too small to draw)')
})

test('no samples is said, not drawn as an empty picture', () => {
  expect(renderSvg(drawnTree(), options)).toContain('No samples.')
})

test('the root may stand at the bottom', () => {
  const y = (svg: string, name: string) =>
    Number(new RegExp(`<title>${name}\n[^]*?<rect x="0" y="(\\d+)"`).exec(svg)![1])
  const tree = drawnTree('main;leaf 1')
  const down = renderSvg(tree, options)
  const up = renderSvg(tree, { ...options, rootAt: 'bottom' })
  expect(y(down, 'leaf')).toBeGreaterThan(y(down, 'main'))
  expect(y(up, 'leaf')).toBeLessThan(y(up, 'main'))
})
