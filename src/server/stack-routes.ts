// The stack files of Java threads as folders to browse, at the paths that people know from k8s-java-debug-daemon:
//
//   GET /stacks/2026-11-21/shop/cart-5d8f7c9b6d-x2x7p-app-05-30-12.log

import { decodedUri } from '../lib/percent-encoding.ts'
import { Failure } from '../model/errors.ts'
import type { App, ServerContext } from './context.ts'
import { artifactAnswer } from './file-answer.ts'

const root = 'stacks/'
/** Date, namespace, file. */
const deepest = 3

export function mountStacks(app: App, { store }: ServerContext): void {
  const { catalog, blobs } = store
  app.get('/stacks', (c) => c.redirect('/stacks/', 301))
  app.get('/stacks/*', async (c) => {
    const path = decodedUri(c.req.path.slice(1))
    if (path === undefined) throw missing(c.req.path.slice(1))
    const parts = path.slice(root.length).split('/')
    if (parts.length > deepest || parts.some((part) => part.startsWith('.'))) throw missing(path)
    const found = await catalog.artifactsNamed(path)
    const exact = found.filter(({ name }) => name === path).at(-1)
    if (exact) {
      const answer = await artifactAnswer(exact, blobs, c.req.raw)
      // To be read in the browser; it is plain text, and sandboxed.
      answer.headers.set('content-disposition', 'inline')
      return answer
    }
    const isFolder = path.endsWith('/')
    if (!isFolder && found.some(({ name }) => name.startsWith(`${path}/`))) return c.redirect(`/${path}/`, 301)
    if (!isFolder || (found.length === 0 && path !== root)) throw missing(path)
    const entries = new Set(found.map(({ name }) => name.slice(path.length).replace(/\/.*$/, '/')))
    return c.html(listing(path, [...entries].sort()))
  })
}

const missing = (path: string): Failure => new Failure('NOT_FOUND', `nothing is at /${path}`)

/** One link a line, as file servers print them. */
function listing(path: string, entries: readonly string[]): string {
  const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
  const links = entries.map(
    (entry) => `<a href="${encodeURI(entry).replace(/[?#]/g, encodeURIComponent)}">${escapeHtml(entry)}</a>`,
  )
  const up = path === root ? [] : ['<a href="../">../</a>']
  const empty = entries.length === 0 ? ['No capture of Java threads yet: spikecam capture threads TARGET'] : []
  const title = escapeHtml(`/${path}`)
  return `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><h1>${title}</h1><pre>${[...up, ...links, ...empty].join('\n')}</pre>`
}
