// Profiler labels as Go prints them: Go string literals in braces, which are JSON only while the text is plain.
//   {"handler":"/a b\"]:", "id":"7", "raw":"\x00\u00fc"}        debug=1
//   {"handler": "/a b\"]:", "id": "7"}                          debug=2 with GODEBUG=tracebacklabels=1, Go 1.27

const pair = /\s*"((?:[^"\\]|\\.)*)"\s*:\s*"((?:[^"\\]|\\.)*)"\s*(,|$)/y

/** The labels between the braces, or undefined when the text is not of that form. */
export function parseGoLabels(text: string): Record<string, string> | undefined {
  if (!text.startsWith('{') || !text.endsWith('}')) return undefined
  const body = text.slice(1, -1)
  const labels = Object.create(null) as Record<string, string>
  pair.lastIndex = 0
  for (let at = 0; at < body.length; at = pair.lastIndex) {
    pair.lastIndex = at
    const match = pair.exec(body)
    if (!match) return undefined
    labels[unquoteGo(match[1] as string)] = unquoteGo(match[2] as string)
  }
  return { ...labels }
}

/** One-letter escapes of https://go.dev/ref/spec#Rune_literals. */
const letters: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
const escapeSequence = /\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|x([0-9a-f]{2})|([0-7]{3})|(.))/g

/** The inside of a Go string literal; bytes that are no UTF-8 were printed as `\xHH` and become U+FFFD. */
function unquoteGo(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(escapeSequence, (_, short, long, hex, octal, letter: string) => {
    if (short ?? long) return codePoint(Number.parseInt(short ?? long, 16))
    if (hex ?? octal) {
      const byte = hex ? Number.parseInt(hex, 16) : Number.parseInt(octal, 8)
      return byte < 0x80 ? String.fromCharCode(byte) : '\ufffd'
    }
    return letters[letter] ?? letter
  })
}

const codePoint = (value: number): string => (value <= 0x10ffff ? String.fromCodePoint(value) : '\ufffd')
