// A flame graph as the file that its name asks for: SVG, or a page that holds the SVG.

/**
 * The page carries the picture as a document of its own, so that the script in it, which zooms and searches, finds
 * itself alone; nothing is loaded from anywhere.
 */
export function pictureAs(name: string, svg: string, title: string): string {
  if (!/\.html?$/i.test(name)) return svg
  const [, width = '1200', height = '800'] = /<svg[^>]* width="(\d+)" height="(\d+)"/.exec(svg) ?? []
  const source = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<meta charset="utf-8">',
    `<title>${escapeHtml(title)}</title>`,
    '<style>body{margin:0;color-scheme:light dark}iframe{display:block;border:0;margin:0 auto}</style>',
    `<iframe title="${escapeHtml(title)}" width="${width}" height="${height}" src="${source}"></iframe>`,
    '</html>\n',
  ].join('\n')
}

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
