// The script inside an SVG flame graph: zoom by click, search with the share that matches, reset, details, a link to
// the view. It is a constant with nothing filled in, so a server can allow exactly it by hash in its
// Content-Security-Policy; where scripts are forbidden the picture and its native tooltips still work.
// It reads what the picture says: <g class="f"><title>name…</title><rect x width y/><text/></g>, parents first;
// narrow boxes have no <text> until zooming makes room for it.
export const svgScript = `'use strict'
addEventListener('load', () => {
  const svg = document.documentElement
  const byId = (id) => document.getElementById(id)
  const number = (element, name) => Number(element.getAttribute(name))
  const charWidth = number(svg, 'data-char')
  const full = number(svg, 'data-width')
  const boxes = Array.from(document.querySelectorAll('g.f'), (group) => {
    const [title, rect] = ['title', 'rect'].map((tag) => group.querySelector(tag))
    const x = number(rect, 'x')
    const lines = title.textContent.split('\\n')
    return { group, rect, lines, name: lines[0], x, width: number(rect, 'width'), row: number(group, 'data-row') }
  })
  const details = byId('details')
  const idle = details.textContent
  const box = byId('search')
  const matched = byId('matched')
  let zoomed = 0
  for (const id of ['controls']) byId(id).removeAttribute('display')

  const fit = (name, width) => {
    const room = Math.floor((width - 6) / charWidth)
    if (room < 3) return ''
    if (name.length <= room) return name
    const place = / [^\\s/]+:[0-9]+$/.exec(name)
    if (place) name = name.slice(0, place.index)
    if (name.length <= room) return name
    let depth = 0
    for (let at = 1; at < name.length - 1; at++) {
      if ('"\\''.includes(name[at]) || (name[at] === '/' && name[at - 1] === ' ')) break
      if ('(<[{'.includes(name[at])) depth++
      if (')>]}'.includes(name[at])) depth--
      const isCut = /[./]/.test(name[at]) || (name[at] === ':' && name[at - 1] === ':')
      if (depth <= 0 && isCut && /[\\p{L}_$(<~{]/u.test(name[at + 1]) && name.length - at - 1 <= room) return name.slice(at + 1)
    }
    return name.slice(0, room - 1) + '\\u2026'
  }
  const newText = (rect) => {
    const text = document.createElementNS('http://www.w3.org/2000/svg', 'text')
    text.setAttribute('y', number(rect, 'y') + 12.5)
    text.setAttribute('stroke', 'none')
    text.setAttribute('fill', inkOn(rect))
    return text
  }
  // The darker or the lighter ink, by the brightness of what it stands on (ITU-R BT.601 weights).
  const inkOn = (rect) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(rect.getAttribute('fill').slice(at, at + 2), 16))
    return 0.299 * r + 0.587 * g + 0.114 * b > 110 ? '#15181d' : '#ffffff'
  }
  const zoom = (index) => {
    zoomed = index
    const { x: from, width, row } = boxes[index]
    const scale = full / width
    for (const { group, rect, name, x, width: own, row: at } of boxes) {
      const left = Math.max(0, (x - from) * scale)
      const right = Math.min(full, (x + own - from) * scale)
      const isSeen = right - left > 0.3
      group.setAttribute('display', isSeen ? 'inline' : 'none')
      if (!isSeen) continue
      rect.setAttribute('x', left)
      rect.setAttribute('width', right - left)
      group.setAttribute('opacity', at < row ? '0.55' : '1')
      const label = fit(name, right - left)
      const text = group.querySelector('text') || (label && group.appendChild(newText(rect)))
      if (!text) continue
      text.setAttribute('x', left + 3)
      text.textContent = label
    }
    byId('reset').setAttribute('opacity', index === 0 ? '0.4' : '1')
    remember()
  }
  const find = (query) => {
    let test = () => false
    const needle = query.trim().toLowerCase()
    if (needle !== '') {
      let pattern
      try {
        pattern = new RegExp(query.trim(), 'i')
      } catch {}
      test = (name) => name.toLowerCase().includes(needle) || (pattern !== undefined && pattern.test(name))
    }
    let sum = 0
    let inside = Infinity
    for (const { group, lines, width, row } of boxes) {
      const hit = row > 0 && (test(lines[0]) || test(lines[1]))
      group.classList.toggle('hit', hit)
      if (row <= inside) inside = Infinity
      if (hit && inside === Infinity) {
        sum += width
        inside = row
      }
    }
    svg.classList.toggle('searching', needle !== '')
    const share = (100 * sum) / full
    matched.textContent = needle === '' ? '' : 'matched: ' + (share >= 99.95 ? 100 : share.toFixed(1)) + ' %'
    remember()
  }
  const remember = () => {
    const state = new URLSearchParams()
    if (zoomed > 0) state.set('zoom', zoomed)
    if (box.value) state.set('search', box.value)
    try {
      history.replaceState(null, '', '#' + state)
    } catch {}
  }
  const show = (event) => {
    const group = event.target.closest('g.f')
    const hit = group && boxes.find((one) => one.group === group)
    details.textContent = hit ? hit.lines.filter(Boolean).join('  \\u00b7  ') : idle
  }
  svg.addEventListener('mouseover', show)
  svg.addEventListener('focusin', show)
  svg.addEventListener('click', (event) => {
    const group = event.target.closest('g.f')
    if (group) zoom(boxes.findIndex((one) => one.group === group))
    if (event.target.closest('#reset')) zoom(0)
  })
  box.addEventListener('input', () => find(box.value))
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      if (document.activeElement === box && box.value) {
        box.value = ''
        find('')
      } else zoom(0)
    } else if (event.key === '/' && document.activeElement !== box) {
      event.preventDefault()
      box.focus()
    } else if (event.key === 'Enter' && event.target.closest && event.target.closest('#reset')) zoom(0)
  })
  const state = new URLSearchParams(location.hash.slice(1))
  const start = Number(state.get('zoom'))
  if (state.get('search')) {
    box.value = state.get('search')
    find(box.value)
  }
  zoom(boxes[start] ? start : 0)
})
`
