// `npm run build`: the program as one file in dist/spikecam.js and the UI in dist/ui.
import { chmodSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { build as bundle } from 'esbuild'
import { build as buildUi } from 'vite'

const root = resolve(import.meta.dirname, '..')
const dist = resolve(root, 'dist')
rmSync(dist, { recursive: true, force: true })

await Promise.all([
  bundle({
    absWorkingDir: root,
    entryPoints: ['src/main.ts'],
    outfile: 'dist/spikecam.js',
    bundle: true,
    platform: 'node',
    format: 'esm',
    // The oldest Node of "engines" in package.json.
    target: 'node20.19',
    // Native code cannot be bundled; it is the one dependency that an installed package brings along.
    external: ['@duckdb/node-api'],
    // Packages in the older module form call `require`, which ES modules do not have.
    banner: {
      js: "import { createRequire as spikecamRequire } from 'node:module'\nconst require = spikecamRequire(import.meta.url)",
    },
    // Keeps names in stack traces, which people send us.
    keepNames: true,
    legalComments: 'external',
    logLevel: 'warning',
  }),
  buildUi({ configFile: resolve(root, 'src/ui/vite.config.ts'), logLevel: 'warn' }),
])
chmodSync(resolve(dist, 'spikecam.js'), 0o755)
