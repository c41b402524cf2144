// `npm run build`: the program in dist/spikecam.js, its parts in dist/parts, the UI in dist/ui, and the licences of what is
// in all of them.
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type BuildOptions, build as bundle, type Metafile } from 'esbuild'
import { build as buildUi } from 'vite'

const root = resolve(import.meta.dirname, '..')
const dist = join(root, 'dist')

const program = {
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  entryNames: 'spikecam',
  chunkNames: 'parts/[name]-[hash]',
  // What is imported when it is needed is a file of its own: reading 2 MB of source takes longer than drawing a small
  // recording, and the threads of the agent need not hold the server.
  splitting: true,
  bundle: true,
  platform: 'node' as const,
  format: 'esm' as const,
  // The oldest Node of "engines" in package.json.
  target: 'node20.19',
  // Native code cannot be bundled; it is the one dependency that an installed package brings along.
  external: ['@duckdb/node-api'],
  // Packages in the older module form call `require`, which ES modules do not have.
  banner: {
    js: "import { createRequire as spikecamRequire } from 'node:module'\nconst require = spikecamRequire(import.meta.url)",
  },
  // Every thread of the agent holds the source; names stay, for the stack traces that people send us.
  minifyWhitespace: true,
  minifySyntax: true,
  metafile: true as const,
  logLevel: 'warning' as const,
} satisfies BuildOptions

/** `node_modules/@hono/node-server/dist/index.mjs` -> `@hono/node-server` */
function packagesOf({ inputs }: Metafile): string[] {
  const names = Object.keys(inputs).flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [])
  return [...new Set(names)]
}

/** The UI is bundled by Vite, which does not say what went in: what its code imports, as package.json spells it. */
const uiPackages = ['react', 'react-dom', 'scheduler', '@tanstack/react-query', '@tanstack/query-core', 'uplot']

function licencesOf(names: readonly string[]): string {
  return [...names]
    .sort()
    .map((name) => {
      const folder = join(root, 'node_modules', name)
      const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file))
      const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim())
      return [`${name} ${version} (${license})`, ...texts].join('\n\n')
    })
    .join(`\n\n${'-'.repeat(80)}\n\n`)
}

rmSync(dist, { recursive: true, force: true })
const [{ metafile }] = await Promise.all([
  bundle(program),
  buildUi({ configFile: join(root, 'src/ui/vite.config.ts'), logLevel: 'warn' }),
])
chmodSync(join(dist, 'spikecam.js'), 0o755)
const packages = [...new Set([...packagesOf(metafile), ...uiPackages])]
writeFileSync(join(dist, 'THIRD-PARTY.txt'), `${licencesOf(packages)}\n`)
