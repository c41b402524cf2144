// The import directions of docs/architecture.md as a test: who may import whom, and why.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const src = resolve(import.meta.dirname, '../src')

/** From folder to what it may import besides itself, `lib` and `model`. */
const allowed: Record<string, { may: string[]; why: string }> = {
  lib: { may: [], why: 'lib knows nothing of the product' },
  model: { may: [], why: 'the nouns stand alone so that every process agrees on them' },
  target: { may: [], why: 'who runs here is found without knowing what will be recorded' },
  profile: { may: [], why: 'formats are pure and browser-safe' },
  symbols: { may: ['profile'], why: 'symbols fill in profiles' },
  capture: {
    may: ['target', 'profile'],
    why: 'a probe looks at the process that it attaches to, gives bytes and may look at what it made',
  },
  ring: {
    may: ['capture', 'profile', 'symbols'],
    why: 'the ring is one long perf run, symbolised while processes live',
  },
  trigger: { may: [], why: 'deciding is pure: clocks and sockets stay in the mains' },
  store: { may: [], why: 'the store keeps nouns and bytes, it does not interpret them' },
  flame: { may: ['profile'], why: 'a picture is drawn from a profile' },
  api: { may: [], why: 'the contract is only nouns' },
  agent: {
    may: ['target', 'ring', 'trigger', 'capture', 'symbols', 'profile', 'api'],
    why: 'main: wires the node side',
  },
  server: { may: ['trigger', 'store', 'profile', 'flame', 'api'], why: 'main: wires the server side' },
  cli: {
    may: ['profile', 'symbols', 'flame', 'api', 'trigger', 'target', 'capture'],
    why: 'main: a client of the API and of local files; doctor looks at this machine',
  },
  ui: { may: ['profile', 'flame', 'api'], why: 'main: runs in a browser' },
}
/** Files outside a folder: the bin that picks a main, and the option table that only mains and the bin read. */
const rootFiles: Record<string, string[]> = {
  'main.ts': ['agent', 'server', 'cli', 'lib', 'model', 'config.ts'],
  'config.ts': ['lib', 'model'],
}
const mayReadConfig = ['agent', 'server', 'cli']
const browserSafe = ['lib', 'model', 'trigger', 'profile', 'flame', 'api', 'ui']
const mains = ['agent', 'server', 'cli', 'ui']

function sources(folder = src): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sources(path)
    return /\.tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [path] : []
  })
}

const files = sources().map((path) => {
  const text = readFileSync(path, 'utf8')
  const imports = [...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^'"\n]*?(?:from\s*)?['"]([^'"]+)['"]/g)]
    .concat([...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)])
    .concat([...text.matchAll(/\n\}\s*from\s*['"]([^'"]+)['"]/g)])
    .map((match) => match[1] as string)
  return { path, name: relative(src, path), text, imports }
})

const folderOf = (name: string): string => (name.includes('/') ? (name.split('/')[0] as string) : name)

test('imports follow the table', () => {
  const broken: string[] = []
  for (const file of files) {
    const from = folderOf(file.name)
    for (const target of file.imports.filter((name) => name.startsWith('.'))) {
      const to = folderOf(relative(src, resolve(dirname(file.path), target)))
      if (to === from || to.startsWith('..')) continue
      if (from in rootFiles) {
        if (!rootFiles[from]!.includes(to)) broken.push(`${file.name} -> ${to}`)
        continue
      }
      if (to === 'config.ts') {
        if (!mayReadConfig.includes(from)) broken.push(`${file.name} -> config.ts: only mains read options`)
        continue
      }
      const row = allowed[from]
      if (!row) {
        broken.push(`${file.name}: folder ${from} is not in the table`)
        continue
      }
      if (to === 'lib' || (to === 'model' && from !== 'lib') || row.may.includes(to)) continue
      broken.push(`${file.name} -> ${to}: ${row.why}`)
    }
  }
  expect(broken).toEqual([])
})

test('browser-safe folders use no node: module', () => {
  const broken = files
    .filter((file) => browserSafe.includes(folderOf(file.name)) && !/\bvite\.config\.ts$/.test(file.name))
    .flatMap((file) => file.imports.filter((name) => name.startsWith('node:')).map((name) => `${file.name} -> ${name}`))
  expect(broken).toEqual([])
})

test('no import cycles', () => {
  const graph = new Map(
    files.map((file) => [
      file.path,
      file.imports.filter((name) => name.startsWith('.')).map((name) => resolve(dirname(file.path), name)),
    ]),
  )
  const state = new Map<string, 'open' | 'done'>()
  const cycles: string[] = []
  const visit = (path: string, trail: string[]): void => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(path)), path].map((name) => relative(src, name)).join(' -> '))
      return
    }
    state.set(path, 'open')
    for (const next of graph.get(path) ?? []) if (graph.has(next)) visit(next, [...trail, path])
    state.set(path, 'done')
  }
  for (const path of graph.keys()) visit(path, [])
  expect(cycles).toEqual([])
})

test('house rules that a machine can check', () => {
  const broken: string[] = []
  for (const file of files) {
    const folder = folderOf(file.name)
    if (/(^|\/)index\.tsx?$/.test(file.name)) broken.push(`${file.name}: no index files, name what lives here`)
    if (!/^(\/\/|\/\*|#!)/.test(file.text)) broken.push(`${file.name}: open with a sentence that says what it is for`)
    if (/child_process/.test(file.text) && file.name !== 'capture/run.ts' && !mains.includes(folder)) {
      broken.push(`${file.name}: processes are spawned in capture/run.ts only`)
    }
    if (/\bprocess\.(exit|env|argv)\b/.test(file.text) && !mains.includes(folder) && !(folder in rootFiles)) {
      broken.push(`${file.name}: process.exit, process.env and process.argv belong to the mains`)
    }
  }
  expect(broken).toEqual([])
})
