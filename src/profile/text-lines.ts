// Lines of a text file that may be larger than one JavaScript string can be (2^29 - 24 characters in V8):
// the bytes are decoded block by block.

/** Bytes decoded at once: large enough that the decoder's start-up cost vanishes, small enough to stay in the cache. */
const blockBytes = 1 << 20
/** A line is cut into pieces of this size: no dump has longer ones, and a binary file must not become one string. */
const lineBytes = 1 << 24
const newline = 10

/** Each line without its `\n` or `\r\n`; broken UTF-8 becomes U+FFFD. A last line without an end counts as a line. */
export function* linesOf(bytes: Uint8Array): Generator<string> {
  const decoder = new TextDecoder()
  let start = 0
  while (start < bytes.length) {
    const end = blockEnd(bytes, start)
    const lines = decoder.decode(bytes.subarray(start, end)).split('\n')
    const last = lines.pop()
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
    if (last) yield last
    start = end
  }
}

/** The end of the last whole line in the block that begins at `start`; of the first longer line where none ends. */
function blockEnd(bytes: Uint8Array, start: number): number {
  if (bytes.length - start <= blockBytes) return bytes.length
  const last = bytes.lastIndexOf(newline, start + blockBytes - 1)
  if (last >= start) return last + 1
  const next = bytes.indexOf(newline, start + blockBytes)
  return Math.min(next < 0 ? bytes.length : next + 1, start + lineBytes)
}

/** The first bytes of a file as text, for `matches(head)`. */
export function headText(head: Uint8Array): string {
  return new TextDecoder().decode(head)
}
