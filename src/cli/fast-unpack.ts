// Node's own zlib and zstd, for files: several times faster than what browsers have, too.
import * as zlib from 'node:zlib'
import { gunzip as carefulGunzip, type Unpacked } from '../profile/gzip.ts'
import { unzstd as carefulUnzstd } from '../profile/zstd.ts'

type Unpack = (bytes: Uint8Array, limits: { maxBytes: number }) => Unpacked | Promise<Unpacked>

/** zlib in one call is several times faster than through streams; those take over where the input is damaged. */
const fast =
  (unpackSync: (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array, careful: Unpack): Unpack =>
  (bytes, { maxBytes }) => {
    try {
      return { bytes: unpackSync(bytes, { maxOutputLength: maxBytes }) }
    } catch {
      return careful(bytes, { maxBytes }) // says what is wrong, and keeps what could be read
    }
  }

export const gunzip: Unpack = fast(zlib.gunzipSync, carefulGunzip)
/** Node 20, which an installed package may run on, has no zstd of its own. */
export const unzstd: Unpack =
  'zstdDecompressSync' in zlib ? fast(zlib.zstdDecompressSync, carefulUnzstd) : carefulUnzstd
