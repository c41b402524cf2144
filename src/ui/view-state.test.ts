// Every view survives the way through the address bar, and nonsense in it is left out.
import { expect, test } from 'vitest'
import { changed, defaultView, parseView, printView, type View } from './view-state.ts'

test('the plain address is the default view', () => {
  expect(printView(defaultView)).toBe('')
  expect(parseView('')).toEqual(defaultView)
})

test('a view with everything set comes back as it was', () => {
  const view: View = {
    picture: 'before',
    who: { kind: 'thread', pid: 4242, tid: 4250 },
    range: [-500, 2000],
    search: '^a+ & b=c?',
    zoom: { path: '0a1b2c3d', part: [0.25, 0.5] },
    selected: 'std::map<int, char>::at',
    focus: 'net/http.(*conn).serve',
    ignore: ['gc', 'a&b'],
    rootAt: 'bottom',
    sort: 'name',
    descending: false,
    capture: 'cap-1',
  }
  expect(parseView(printView(view))).toEqual(view)
})

test.each([
  ['who=all', { who: { kind: 'all' } }],
  ['who=17', { who: { kind: 'process', pid: 17 } }],
  ['who=17-2', { who: { kind: 'process', pid: 17, owner: 2 } }],
  ['who=17-2.18', { who: { kind: 'thread', pid: 17, owner: 2, tid: 18 } }],
  ['who=17.18', { who: { kind: 'thread', pid: 17, tid: 18 } }],
  ['sort=-change', { sort: 'change', descending: true }],
  ['zoom=0a1b2c3d', { zoom: { path: '0a1b2c3d' } }],
])('%s', (query, expected) => {
  const view = parseView(query)
  expect(view).toEqual({ ...defaultView, ...expected })
  expect(printView(view)).toBe(query)
})

test.each([
  'who=x;rm',
  'who=17-0',
  'who=17-',
  'picture=none',
  'from=5&to=5',
  'from=a&to=b',
  'zoom=xyz',
  'sort=weight',
  'root=left',
  'x=y',
])('%s is as if it were not there', (query) => {
  expect(parseView(query)).toEqual(defaultView)
})

test('a zoom whose part makes no sense shows the whole box', () => {
  expect(parseView('zoom=0a1b2c3d~0.9~0.1').zoom).toEqual({ path: '0a1b2c3d' })
})

test('a part that is unset is as by default', () => {
  const view = parseView('q=x&zoom=0a1b2c3d&sort=name')
  expect(printView(changed(view, { zoom: undefined, sort: undefined, picture: 'before' }))).toBe(
    'picture=before&q=x&sort=self',
  )
  expect(changed(view, { search: undefined, zoom: undefined, sort: undefined, descending: undefined })).toEqual(
    defaultView,
  )
})
