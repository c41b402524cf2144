// A profile from a file or stdin, whatever its format; what was lost on the way is said on stderr.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import * as zlib from 'node:zlib'
import { printNumber } from '../flame/value.ts'
import { Failure } from '../model/errors.ts'
import { readProfile as readBytes } from '../profile/formats.ts'
import { gunzip, type Unpacked } from '../profile/gzip.ts'
import type { Profile } from '../profile/profile.ts'
import { unzstd } from '../profile/zstd.ts'
import { note } from './output.ts'

export interface ReadProfile {
  /** How to call it: the file's name without its folder, or `stdin`. */
  readonly name: string
  /** Title of the format, for people. */
  readonly format: string
  readonly sizeBytes: number
  readonly profile: Profile
}

/**
 * @param path a file, or `-` for stdin
 * @throws Failure NOT_FOUND, NOT_A_PROFILE, MALFORMED, TOO_LARGE; messages name the file
 */
export async function readProfile(path: string, { quiet = false } = {}): Promise<ReadProfile> {
  const name = path === '-' ? 'stdin' : basename(path)
  const bytes = readInput(path, name)
  try {
    const { format, profile } = await readBytes(bytes, { gunzip: fastGunzip, unzstd: fastUnzstd })
    if (!quiet) for (const { what, count } of profile.losses) note(`${name}: ${printNumber(count)} ${what}`)
    return { name, format: format.title, sizeBytes: bytes.length, profile }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(error.code, `${path === '-' ? 'stdin' : path}: ${error.message}`, {
      cause: error,
      details: error.details,
    })
  }
}

function readInput(path: string, name: string): Uint8Array {
  if (path === '-' && process.stdin.isTTY) note('Reading a profile from the terminal; Ctrl-D ends it.')
  try {
    return readFileSync(path === '-' ? 0 : path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new Failure('USAGE', `there is no file ${path}`, { cause })
    if (code === 'EISDIR') throw new Failure('USAGE', `${path} is a folder; name a file in it`, { cause })
    if (code === 'EACCES') throw new Failure('NOT_PERMITTED', `${path} may not be read`, { cause })
    throw new Failure('USAGE', `${name} cannot be read: ${message}`, { cause })
  }
}

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

const fastGunzip = fast(zlib.gunzipSync, gunzip)
/** Node 20, which an installed package may run on, has no zstd of its own. */
const fastUnzstd = 'zstdDecompressSync' in zlib ? fast(zlib.zstdDecompressSync, unzstd) : unzstd
