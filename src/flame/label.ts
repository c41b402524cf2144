// Function names cut to the width of a box: what is common at the left (packages, namespaces) goes first,
// because the right end of `java.util.concurrent.ThreadPoolExecutor.runWorker` is what tells functions apart.

/**
 * Shorter and shorter forms of a name, longest first:
 *   net/http.(*conn).serve  ->  http.(*conn).serve  ->  (*conn).serve  ->  serve
 * Separators inside brackets are part of arguments or templates and are left alone.
 */
export function shorterNames(name: string): string[] {
  const forms = [name]
  let depth = 0
  for (let at = 0; at < name.length - 1; at++) {
    const char = name[at]!
    if (char === '(' || char === '<' || char === '[' || char === '{') depth++
    else if (char === ')' || char === '>' || char === ']' || char === '}') depth = Math.max(0, depth - 1)
    if (depth > 0 || at === 0) continue
    const isPair = char === ':' && name[at - 1] === ':'
    // Perf writes offsets and versions with dots and digits (`libc.so.6`); a part that starts with a digit is no name.
    if ((isPair || char === '/' || (char === '.' && name[at - 1] !== '.')) && !/[\d.]/.test(name[at + 1]!)) {
      forms.push(name.slice(at + 1))
    }
  }
  return forms
}

/**
 * @param forms of `shorterNames`
 * @param room characters that fit
 * @returns '' when nothing worth reading fits
 */
export function fitName(forms: readonly string[], room: number): string {
  // Two letters and a dot tell nobody anything.
  if (room < 3) return ''
  for (const form of forms) if (form.length <= room) return form
  const last = forms[forms.length - 1]!
  return `${last.slice(0, room - 1)}…`
}
