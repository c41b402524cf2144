// Function names cut to the width of a box: what is common at the left (packages, namespaces) goes first,
// because the right end of `java.util.concurrent.ThreadPoolExecutor.runWorker` is what tells functions apart.

/** `JS:^isWellFormed file:///srv/app/coupon.js:12:35`: tier mark, name, place, as V8 writes perf maps. */
const v8Name = /^(?:JS|LazyCompile|Function|Script|Eval):[*~^+']?(.*) (?:\S*\/)?([^\s/]+?)(:\d+)?(?::\d+)?$/
/** `isWellFormed coupon.js:12` */
const namedPlace = /^(.+) [^\s/]+:\d+$/

/** A name as people say it: `isWellFormed coupon.js:12`. All but V8's names are that already. */
export function readableName(name: string): string {
  const match = v8Name.exec(name)
  if (!match) return name || '[unknown]'
  return `${match[1] || '(anonymous)'} ${match[2]}${match[3] ?? ''}`
}

/**
 * Shorter and shorter forms of a name, longest first:
 *   net/http.(*conn).serve  ->  http.(*conn).serve  ->  (*conn).serve  ->  serve
 * Separators inside brackets are part of arguments or templates and are left alone.
 */
export function shorterNames(name: string): string[] {
  const readable = readableName(name)
  const withoutPlace = namedPlace.exec(readable)?.[1]
  if (withoutPlace) return [readable, withoutPlace]
  const forms = [readable]
  let depth = 0
  for (let at = 0; at < name.length - 1; at++) {
    const char = name[at]!
    // What is quoted is data: `RegExp.> src: '^a.b'`, `RegExp /^a.b$/i`.
    if (char === "'" || char === '"' || (char === '/' && name[at - 1] === ' ')) break
    if (char === '(' || char === '<' || char === '[' || char === '{') depth++
    else if (char === ')' || char === '>' || char === ']' || char === '}') depth = Math.max(0, depth - 1)
    if (depth > 0 || at === 0) continue
    const isPair = char === ':' && name[at - 1] === ':'
    // A part that does not begin as names do is none: `libc.so.6`, `RegExp.> src: '^a'`.
    if ((isPair || char === '/' || (char === '.' && name[at - 1] !== '.')) && /[\p{L}_$(<~{]/u.test(name[at + 1]!)) {
      forms.push(name.slice(at + 1))
    }
  }
  return forms
}

/** Two letters and a dot tell nobody anything. */
export const leastLabel = 3

/**
 * @param forms of `shorterNames`
 * @param room characters that fit
 * @returns '' when nothing worth reading fits
 */
export function fitName(forms: readonly string[], room: number): string {
  if (room < leastLabel) return ''
  for (const form of forms) if (form.length <= room) return form
  const last = forms[forms.length - 1]!
  return `${last.slice(0, room - 1)}…`
}
