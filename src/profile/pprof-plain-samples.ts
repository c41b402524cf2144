// The fastest way through the samples of a large pprof: 16 bytes at once, in WebAssembly. JavaScript takes 3 ns for each
// id, and a profile of 20 MB has six million of them: that was two thirds of the time for reading it.
//
//   12 0c            field 2 (sample), 12 bytes
//   0a 06            field 1 (location_id), packed, 6 bytes
//   03 82 01 81 80 01    ids 3, 130, 16385: one, two and three bytes; the high bit says that another byte follows
//   12 02 01 0a      field 2 (value), packed, 2 bytes: 1, 10
//
// The high bits of 12 bytes, as a number, say where four ids of up to three bytes each begin and end: a table of all 81
// ways has the shuffle that puts each id into a lane of its own (Plaisance, Kurz, Lemire: "Vectorized VByte Decoding",
// 2015). Whatever does not look like the sample above, a label too, ends the run: JavaScript reads on from there, and
// says what is wrong where something is. Where there is no WebAssembly it reads all.
import { assemble } from './wasm-text.ts'

/** A piece of the file, and what becomes of it, stay in a second-level cache of half a megabyte and more. */
const chunkBytes = 65_536
/** Smaller files are read before this is compiled. */
export const leastPlainBytes = 2 * chunkBytes
/** Go's heap profiles have four values, others fewer. */
const mostColumns = 4
/** Tag and length of the sample, of no ids and of the values, and a value. */
const leastSampleBytes = 7
const mostRows = Math.ceil(chunkBytes / leastSampleBytes)

// The memory, one part behind the other; 64 bytes more where 16 are read or written at once.
/** By high bits: which of the 81 ways, 255 = a number of more than three bytes. */
const waysAt = 0
/** By high bits: how many bytes the four ids take. */
const lengthsAt = waysAt + 4096
/** By way: 16 bytes of shuffle. */
const shufflesAt = lengthsAt + 4096
/** By count of ids up to four: ones in their lanes. */
const lanesAt = shufflesAt + 81 * 16
/** Where the run ended: in the locations, and in the stacks. */
const endsAt = lanesAt + 5 * 16
const inputAt = 16_384
const locationsAt = inputAt + chunkBytes + 64
const offsetsAt = locationsAt + 4 * chunkBytes + 64
const columnsAt = (offsetsAt + 4 * mostRows + 15) & ~7
const columnBytes = 8 * mostRows
const pages = Math.ceil((columnsAt + mostColumns * columnBytes) / 65_536)

/** The high bits of 16 bytes, as bits of a number where those of 64 stand. */
const highBits = (offset: number): string =>
  `local.get at2 i32.const ${offset} i32.add v128.load i8x16.bitmask i64.extend_i32_u i64.const ${offset} i64.shl`

/** The four ids at `at2`, less one, because row 0 has id 1: each in its lane, then seven bits of each byte together. */
const unpackIds = `
  local.get at2 v128.load
  local.get way i32.const 4 i32.shl i32.const ${shufflesAt} i32.add v128.load i8x16.swizzle local.tee ids
  i32.const 0x7f i32x4.splat v128.and
  local.get ids i32.const 1 i32x4.shr_u i32.const 0x3f80 i32x4.splat v128.and v128.or
  local.get ids i32.const 2 i32x4.shr_u i32.const 0x1fc000 i32x4.splat v128.and v128.or
  i32.const 1 i32x4.splat i32x4.sub local.set ids`

/** Of the field whose tag the address on the stack is that of: its length, of one or two bytes, and `at2` behind that. */
const readSize = `
    local.set at2
    local.get at2 i32.const 1 i32.add i32.load8_u local.set size
    local.get at2 i32.const 2 i32.add local.set at2
    local.get size i32.const 127 i32.gt_u if
      local.get size i32.const 127 i32.and
      local.get at2 i32.load8_u local.tee byte i32.const 7 i32.shl i32.or local.set size
      local.get byte i32.const 127 i32.gt_u br_if 2
      local.get at2 i32.const 1 i32.add local.set at2
    end`

/** Returns where it ended; 0 when an id has no location. `br_if 1` from the level of a sample ends the run. */
const code = `
local.get locations local.set out
block
  loop ;; a sample
    local.get at local.get end i32.ge_u br_if 1

    ;; its length
    local.get at ${readSize}
    local.get at2 local.get size i32.add local.tee sampleEnd local.get end i32.gt_u br_if 1

    ;; tag and length of the ids
    local.get at2 i32.load8_u i32.const 0x0a i32.ne br_if 1
    local.get at2 ${readSize}
    ;; behind them come three bytes at least
    local.get at2 local.get size i32.add local.tee idsEnd i32.const 3 i32.add local.get sampleEnd i32.gt_u br_if 1

    local.get out local.set next
    block
      loop ;; 64 bytes, of which four ids at a time are read until fewer than twelve are left
        local.get idsEnd local.get at2 i32.sub local.tee left i32.const 11 i32.gt_u if
          ${highBits(0)} ${highBits(16)} i64.or ${highBits(32)} i64.or ${highBits(48)} i64.or local.set ahead
          local.get idsEnd i32.const 12 i32.sub local.get at2 i32.const 52 i32.add
          local.get left i32.const 64 i32.lt_u select local.set last
          loop
            local.get ahead i32.wrap_i64 i32.const 0xfff i32.and local.tee bits
            i32.load8_u local.tee way i32.const 255 i32.eq br_if 5
            ${unpackIds}
            local.get next local.get ids v128.store
            local.get next i32.const 16 i32.add local.set next
            local.get most local.get ids i32x4.max_u local.set most
            local.get ahead local.get bits i32.const ${lengthsAt} i32.add i32.load8_u local.tee size
            i64.extend_i32_u i64.shr_u local.set ahead
            local.get at2 local.get size i32.add local.tee at2 local.get last i32.le_u br_if 0
          end
          br 1
        end
      end
      loop ;; what is left: of the bits only those before the end count
        local.get idsEnd local.get at2 i32.sub local.tee left i32.eqz br_if 1
        i32.const 1 local.get left i32.shl i32.const 1 i32.sub local.tee valid
        local.get at2 v128.load i8x16.bitmask i32.and local.tee bits
        i32.load8_u local.tee way i32.const 255 i32.eq br_if 3
        ${unpackIds}
        local.get next local.get ids v128.store
        local.get bits local.get valid i32.xor i32.popcnt local.tee count i32.const 3 i32.gt_u if
          local.get most local.get ids i32x4.max_u local.set most
          local.get next i32.const 16 i32.add local.set next
          local.get at2 local.get bits i32.const ${lengthsAt} i32.add i32.load8_u i32.add local.set at2
          br 1
        end
        ;; fewer than four: the last byte must be the last of its id
        local.get bits local.get left i32.const 1 i32.sub i32.shr_u br_if 3
        local.get most
        local.get ids local.get count i32.const 4 i32.shl i32.const ${lanesAt} i32.add v128.load v128.and
        i32x4.max_u local.set most
        local.get next local.get count i32.const 2 i32.shl i32.add local.set next
        local.get idsEnd local.set at2
      end
    end

    ;; tag and length of the values, which end the sample
    local.get at2 i32.load8_u i32.const 0x12 i32.ne br_if 1
    local.get at2 i32.const 1 i32.add i32.load8_u
    local.get at2 i32.const 2 i32.add local.tee at2 i32.add local.get sampleEnd i32.ne br_if 1
    local.get column local.set cell
    local.get columns local.set left
    loop ;; a value
      i64.const 0 local.set value
      i32.const 0 local.set shift
      loop ;; seven bits
        local.get at2 local.get sampleEnd i32.ge_u br_if 3
        local.get shift i32.const 63 i32.gt_u br_if 3
        local.get value
        local.get at2 i32.load8_u local.tee byte i32.const 127 i32.and i64.extend_i32_u
        local.get shift i64.extend_i32_u i64.shl i64.or local.set value
        local.get at2 i32.const 1 i32.add local.set at2
        local.get shift i32.const 7 i32.add local.set shift
        local.get byte i32.const 127 i32.gt_u br_if 0
      end
      local.get cell local.get value i64.store
      local.get cell i32.const ${columnBytes} i32.add local.set cell
      local.get left i32.const 1 i32.sub local.tee left br_if 0
    end
    local.get at2 local.get sampleEnd i32.ne br_if 1

    local.get column i32.const 8 i32.add local.set column
    local.get next local.set out
    local.get offset
    local.get out local.get locations i32.sub i32.const 2 i32.shr_u local.get before i32.add i32.store
    local.get offset i32.const 4 i32.add local.set offset
    local.get sampleEnd local.set at
    br 0
  end
end
i32.const ${endsAt} local.get out i32.store
i32.const ${endsAt + 4} local.get offset i32.store
i32.const 0 local.get at local.get most local.get known i32x4.splat i32x4.ge_u v128.any_true select
`

/** Where what is read goes, and how much of it is there already. */
export interface PlainColumns {
  readonly columns: readonly BigInt64Array[]
  readonly stackOffsets: Uint32Array
  sampleCount: number
  locationCount: number
  /** Room for so many more locations. */
  reserve(more: number): void
  readonly locations: Uint32Array
}

type Run = (...params: number[]) => number

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: { memory: { buffer: ArrayBuffer }; run: Run } }
}

class PlainSampleReader {
  private readonly run: Run
  private readonly bytes: Uint8Array
  private readonly words: Uint32Array
  private readonly longs: BigInt64Array

  constructor({ Module, Instance }: WebAssemblyApi) {
    const params = ['at', 'end', 'known', 'before', 'columns', 'column', 'offset', 'locations']
    const numbers = ['at2', 'size', 'byte', 'sampleEnd', 'idsEnd', 'left', 'bits', 'valid', 'way', 'count', 'last']
    const more = ['out', 'next', 'cell', 'shift']
    const locals = Object.fromEntries([...numbers, ...more].map((local) => [local, 'i32'] as const))
    const wide = { value: 'i64', ahead: 'i64', ids: 'v128', most: 'v128' } as const
    const { memory, run } = new Instance(new Module(assemble({ params, locals: { ...locals, ...wide }, code, pages })))
      .exports
    this.run = run
    this.bytes = new Uint8Array(memory.buffer)
    this.words = new Uint32Array(memory.buffer)
    this.longs = new BigInt64Array(memory.buffer)
    this.fillTables()
  }

  private fillTables(): void {
    const { bytes, words } = this
    bytes.fill(255, waysAt, waysAt + 4096)
    bytes.fill(255, shufflesAt, shufflesAt + 81 * 16) // 255: a byte of 0
    for (let way = 0; way < 81; way++) {
      let bits = 0
      let length = 0
      for (let lane = 0, rest = way; lane < 4; lane++, rest = Math.floor(rest / 3)) {
        for (let byte = 0; byte <= rest % 3; byte++) {
          if (byte > 0) bits |= 1 << (length - 1)
          bytes[shufflesAt + way * 16 + lane * 4 + byte] = length++
        }
      }
      // Behind the fourth id the bits may be anything.
      for (let behind = 0; behind < 1 << (12 - length); behind++) {
        bytes[waysAt + (bits | (behind << length))] = way
        bytes[lengthsAt + (bits | (behind << length))] = length
      }
    }
    for (let count = 0; count <= 4; count++) {
      const lanes = lanesAt / 4 + count * 4
      words.fill(0xffffffff, lanes, lanes + count)
    }
  }

  /**
   * Reads plain samples from `start` on into the columns.
   * @param known how many locations there are
   * @returns the first byte of the first sample that it could not read, or `end`
   */
  read(
    bytes: Uint8Array,
    { start, end, known }: { start: number; end: number; known: number },
    to: PlainColumns,
  ): number {
    const { words } = this
    for (let at = start; at < end; ) {
      const size = Math.min(chunkBytes, end - at)
      this.bytes.set(bytes.subarray(at, at + size), inputAt)
      const places = [columnsAt, offsetsAt, locationsAt]
      const stop = this.run(inputAt, inputAt + size, known, to.locationCount, to.columns.length, ...places)
      if (stop <= inputAt) return at
      const locationEnd = words[endsAt / 4]! / 4
      const rows = (words[endsAt / 4 + 1]! - offsetsAt) / 4
      to.reserve(locationEnd - locationsAt / 4)
      to.locations.set(words.subarray(locationsAt / 4, locationEnd), to.locationCount)
      to.stackOffsets.set(words.subarray(offsetsAt / 4, offsetsAt / 4 + rows), to.sampleCount + 1)
      for (const [i, column] of to.columns.entries()) {
        const first = (columnsAt + i * columnBytes) / 8
        column.set(this.longs.subarray(first, first + rows), to.sampleCount)
      }
      to.locationCount += locationEnd - locationsAt / 4
      to.sampleCount += rows
      at += stop - inputAt
    }
    return end
  }
}

let reader: PlainSampleReader | undefined
let isTried = false

/**
 * The reader of this thread; undefined where there is none: in pages, whose Content-Security-Policy forbids to compile
 * (an attempt would be an error in their console), without WebAssembly or its 128-bit numbers, for more values than it
 * has columns.
 */
export function plainSampleReader(columns: number): PlainSampleReader | undefined {
  if (columns > mostColumns) return undefined
  const { WebAssembly } = globalThis as unknown as { WebAssembly?: WebAssemblyApi }
  if (!isTried && WebAssembly && 'process' in globalThis) {
    try {
      reader = new PlainSampleReader(WebAssembly)
    } catch {
      // Not this processor, or no address space left for the memory: JavaScript reads the same, slower.
    }
  }
  isTried = true
  return reader
}
