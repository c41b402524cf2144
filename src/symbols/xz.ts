// Unpacks .xz (https://tukaani.org/xz/xz-file-format.txt) with LZMA2, at once and in memory: enough for .gnu_debugdata,
// whose symbols are needed in the middle of a synchronous look-up.
//
//   fd 37 7a 58 5a 00 | 00 04 | crc32 | block header, LZMA2 chunks, padding, check | … | 00 index | footer
import { Failure } from '../model/errors.ts'
import { Lzma2 } from './lzma2.ts'

const magic = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]
const filterLzma2 = 0x21

/**
 * @param maxBytes refuses to grow beyond, since a kilobyte can unpack to gigabytes
 * @throws Failure MALFORMED when it is damaged or uses another filter, TOO_LARGE beyond `maxBytes`
 */
export function unpackXz(packed: Uint8Array, { maxBytes }: { maxBytes: number }): Uint8Array {
  if (packed.length < 12 || magic.some((byte, i) => packed[i] !== byte))
    throw new Failure('MALFORMED', 'not an .xz file')
  const checkBytes = sizeOfCheck((packed[7] as number) & 0xf)
  const decoder = new Lzma2(packed, { maxBytes })
  let p = 12
  while (p < packed.length && packed[p] !== 0) {
    decoder.decode(endOfBlockHeader(packed, p))
    const dataEnd = decoder.position
    p = Math.ceil(dataEnd / 4) * 4 + checkBytes
  }
  return decoder.output()
}

/** None, CRC32, CRC64, SHA-256 (check ids 0, 1, 4, 10); the reserved ids between have the size of their group. */
function sizeOfCheck(id: number): number {
  return id === 0 ? 0 : 4 * 2 ** Math.floor((id - 1) / 3)
}

/** `{u8 size / 4 - 1, u8 flags, [packed size], [unpacked size], filters: {id, size of properties, properties}, padding, crc32}` */
function endOfBlockHeader(packed: Uint8Array, at: number): number {
  const size = ((packed[at] as number) + 1) * 4
  const flags = packed[at + 1] as number
  let p = at + 2
  const readNumber = (): number => {
    let value = 0
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = packed[p++] ?? 0
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) break
    }
    return value
  }
  if (flags & 0x40) readNumber()
  if (flags & 0x80) readNumber()
  const filter = readNumber()
  if ((flags & 3) !== 0 || filter !== filterLzma2) {
    throw new Failure('MALFORMED', `.xz block uses filter ${filter}, only LZMA2 alone is known`)
  }
  return at + size
}
