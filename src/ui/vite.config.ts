// Builds the app into dist/ui, and after it dist/ui/report.html: the same components as one file without any address in it.
import { resolve } from 'node:path'
import react from '@vitejs/plugin-react'
import { build, defineConfig, type Plugin } from 'vite'

const root = import.meta.dirname

// biome-ignore lint/style/noDefaultExport: this is how Vite takes it
export default defineConfig({
  root,
  base: '/',
  plugins: [react(), reportAfterwards()],
  build: {
    outDir: resolve(root, '../../dist/ui'),
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    // React, uPlot and the profile code twice (page and worker); a page that is opened at night is loaded once.
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { '/api': process.env.SPIKECAM_SERVER ?? 'http://127.0.0.1:7575' } },
})

/** A second build: several inputs of one build would share chunks, and a single file has nowhere to put them. */
function reportAfterwards(): Plugin {
  let outDir = ''
  return {
    name: 'report-afterwards',
    apply: 'build',
    configResolved: (config) => {
      outDir = resolve(config.root, config.build.outDir)
    },
    async closeBundle() {
      await build({
        configFile: false,
        root,
        logLevel: 'warn',
        plugins: [react(), oneFile()],
        build: {
          outDir,
          emptyOutDir: false,
          target: 'es2023',
          assetsInlineLimit: Number.POSITIVE_INFINITY,
          cssCodeSplit: false,
          modulePreload: false,
          rolldownOptions: { input: resolve(root, 'report.html'), output: { codeSplitting: false } },
        },
      })
    },
  }
}

/** Moves the script and the style sheet of report.html into it. */
function oneFile(): Plugin {
  return {
    name: 'one-file',
    enforce: 'post',
    generateBundle(_, bundle) {
      const page = bundle['report.html']
      if (page?.type !== 'asset') throw new Error('no report.html in the bundle')
      let html = String(page.source)
      for (const [name, file] of Object.entries(bundle)) {
        if (file === page) continue
        if (file.type === 'chunk') {
          html = html.replace(
            new RegExp(`<script[^>]*src="[^"]*${name}"[^>]*></script>`),
            () =>
              `<script type="module">${file.code.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')}</script>`,
          )
        } else if (name.endsWith('.css')) {
          html = html.replace(
            new RegExp(`<link[^>]*href="[^"]*${name}"[^>]*>`),
            () => `<style>${String(file.source).replaceAll('</style', '<\\/style')}</style>`,
          )
        } else {
          throw new Error(`${name} cannot be put into one file`)
        }
        delete bundle[name]
      }
      if (/<(script|link)[^>]*(src|href)=/.test(html.replace(/<script type="module">[\s\S]*?<\/script>/g, ''))) {
        throw new Error('report.html still points outside')
      }
      page.source = html
    },
  }
}
