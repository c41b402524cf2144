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

/**
 * The first lines of the program: the shell starts Node by them, JavaScript takes them for a text and a comment.
 * glibc keeps what was freed, per thread and, once something large was freed, however large: two arenas instead of eight
 * per core, and large blocks always mapped, save 35 MB of the agent. Commands, which live for a second, only pay for
 * mapping blocks, and for a small space of new objects: together a tenth of what a small flame graph takes. A compiler in
 * another thread costs a thirtieth more, where only short-run.ts, which comes later, ends it.
 */
const launcher = `#!/bin/sh
":" //; export MALLOC_ARENA_MAX="\${MALLOC_ARENA_MAX:-2}" MALLOC_TRIM_THRESHOLD_="\${MALLOC_TRIM_THRESHOLD_:-65536}"; \
case " $* " in *" up "*|*" agent "*|*" server "*) \
export MALLOC_MMAP_THRESHOLD_="\${MALLOC_MMAP_THRESHOLD_:-32768}"; exec node --max-semi-space-size=4 "$0" "$@";; esac; \
exec node --no-concurrent-recompilation --min-semi-space-size=8 --max-semi-space-size=8 "$0" "$@"
`

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
const start = join(dist, 'spikecam.js')
writeFileSync(start, launcher + readFileSync(start, 'utf8'))
chmodSync(start, 0o755)
const packages = [...new Set([...packagesOf(metafile), ...uiPackages])]
writeFileSync(join(dist, 'THIRD-PARTY.txt'), `${licencesOf(packages)}\n`)
