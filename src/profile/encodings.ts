// Text as some systems save it, made what all readers of text expect: UTF-8 without a mark.
//   ef bb bf      a mark before UTF-8: Windows' editors
//   ff fe, fe ff  UTF-16: `kubectl exec POD -- jstack 1 > dump.txt` in PowerShell 5

/** Decoded at once; even, so that no unit of UTF-16 is cut. */
const pieceBytes = 1 << 20
/** What is looked at to tell text from a binary file that begins by chance with the same bytes. */
const lookedAtBytes = 1024

/** The same bytes where they are no such text. */
export function toUtf8(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return bytes.subarray(3)
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? 'utf-16le'
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? 'utf-16be'
        : undefined
  // Of an odd last byte nothing can be known but that something is missing: it becomes U+FFFD.
  if (!encoding || /[\0\ufffd]/.test(new TextDecoder(encoding).decode(bytes.subarray(0, lookedAtBytes)))) return bytes
  const decoder = new TextDecoder(encoding)
  const encoder = new TextEncoder()
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const isLast = at + pieceBytes >= bytes.length
    parts.push(encoder.encode(decoder.decode(bytes.subarray(at, at + pieceBytes), { stream: !isLast })))
  }
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
