// Text with %XX for its bytes (RFC 3986 section 2.1), from whoever wrote it.

/** @returns undefined for what is no escaped text: `%zz` */
export function decodedUri(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
