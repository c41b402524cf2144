// A flame graph as the file that its name asks for: SVG, or a page that holds the SVG.

/**
 * The page carries the picture as a document of its own, so that the script in it, which zooms and searches, finds
 * itself alone; nothing is loaded from anywhere. A `data:` address would do for small ones only: Chromium shows nothing
 * of one above 2 MB.
 */
export function pictureAs(name: string, svg: string, title: string): string {
  if (!/\.html?$/i.test(name)) return svg
  const [, width = '1200', height = '800'] = /<svg[^>]* width="(\d+)" height="(\d+)"/.exec(svg) ?? []
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<meta charset="utf-8">',
    `<title>${escapeHtml(title)}</title>`,
    '<style>body{margin:0;color-scheme:light dark}iframe{display:block;border:0;margin:0 auto}</style>',
    `<iframe title="${escapeHtml(title)}" width="${width}" height="${height}"></iframe>`,
    '<noscript>Scripts are off here; the same picture as .svg needs none.</noscript>',
    `<script type="text/plain" id="picture">${Buffer.from(svg).toString('base64')}</script>`,
    `<script>${showPicture}</script>`,
    '</html>\n',
  ].join('\n')
}

const showPicture = `
const bytes = Uint8Array.from(atob(document.getElementById('picture').textContent), (char) => char.charCodeAt(0))
document.querySelector('iframe').src = URL.createObjectURL(new Blob([bytes], { type: 'image/svg+xml' }))
`

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
