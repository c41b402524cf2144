// Names that end in .gz are of packed files.
import { gzipSync } from 'node:zlib'
import { matchesGzip } from '../profile/gzip.ts'

/** `cpu.folded.gz` is packed although folded text is not by custom; pprof is already. */
export function packed(place: string, written: string | Uint8Array): string | Uint8Array {
  const bytes = typeof written === 'string' ? new TextEncoder().encode(written) : written
  return place.endsWith('.gz') && !matchesGzip(bytes) ? gzipSync(bytes) : written
}
