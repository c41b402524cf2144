// Sortable ids for incidents, captures and artifacts: time first, so a listing by id is a listing by time.

// Crockford base 32 without the letters that are read as digits; lower case because ids stand in URLs and file names.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * A 20-character id: 10 characters of milliseconds since the epoch, 10 of randomness (50 bits).
 * @param prefix a short noun and a dash, such as `inc-`, so that a person sees what an id names
 * @param nowMs milliseconds since the epoch
 */
export function newId(prefix: string, nowMs: number = Date.now()): string {
  let time = ''
  let rest = nowMs
  for (let i = 0; i < 10; i++) {
    time = alphabet[rest % 32] + time
    rest = Math.floor(rest / 32)
  }
  const random = crypto.getRandomValues(new Uint8Array(10))
  let tail = ''
  for (const byte of random) tail += alphabet[byte % 32]
  return prefix + time + tail
}
