// A small assembler: one function of WebAssembly over one memory, written as instructions, becomes a module.
//
//   local.get at  i32.load8_u  i32.const 127  i32.gt_u  br_if 0     ;; leaves the block when the byte is above 127
//
// Names are those of the text format, one after the other as the stack machine runs them; `;;` begins a comment.
// Binary format: https://webassembly.github.io/spec/core/binary/

/** Number of each instruction, and what follows it always: loads and stores have alignment 0 and offset 0. */
const opcodes: Readonly<Record<string, readonly number[]>> = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  if: [0x04, 0x40],
  else: [0x05],
  end: [0x0b],
  br: [0x0c],
  br_if: [0x0d],
  select: [0x1b],
  'local.get': [0x20],
  'local.set': [0x21],
  'local.tee': [0x22],
  'i32.load8_u': [0x2d, 0, 0],
  'i32.store': [0x36, 0, 0],
  'i64.store': [0x37, 0, 0],
  'i32.const': [0x41],
  'i64.const': [0x42],
  'i32.eqz': [0x45],
  'i32.eq': [0x46],
  'i32.ne': [0x47],
  'i32.lt_u': [0x49],
  'i32.gt_u': [0x4b],
  'i32.le_u': [0x4d],
  'i32.ge_u': [0x4f],
  'i32.popcnt': [0x69],
  'i32.add': [0x6a],
  'i32.sub': [0x6b],
  'i32.and': [0x71],
  'i32.or': [0x72],
  'i32.xor': [0x73],
  'i32.shl': [0x74],
  'i32.shr_u': [0x76],
  'i32.wrap_i64': [0xa7],
  'i64.or': [0x84],
  'i64.shl': [0x86],
  'i64.shr_u': [0x88],
  'i64.extend_i32_u': [0xad],
  'v128.load': [0xfd, 0x00, 0, 0],
  'v128.store': [0xfd, 0x0b, 0, 0],
  'i8x16.swizzle': [0xfd, 0x0e],
  'i32x4.splat': [0xfd, 0x11],
  'i32x4.ge_u': [0xfd, 0x40],
  'v128.and': [0xfd, 0x4e],
  'v128.or': [0xfd, 0x50],
  'v128.any_true': [0xfd, 0x53],
  'i8x16.bitmask': [0xfd, 0x64],
  'i32x4.shr_u': [0xfd, 0xad, 0x01],
  'i32x4.sub': [0xfd, 0xb1, 0x01],
  'i32x4.max_u': [0xfd, 0xb9, 0x01],
}

const types = { i32: 0x7f, i64: 0x7e, v128: 0x7b } as const

export interface WasmFunction {
  /** Names of the parameters, all i32, as is the result. */
  readonly params: readonly string[]
  readonly locals: Readonly<Record<string, keyof typeof types>>
  readonly code: string
  /** Size of the memory, in pages of 64 KiB. */
  readonly pages: number
}

/**
 * @returns a module that exports `memory` and `run`
 * @throws Error that names an instruction or local that does not exist
 */
export function assemble({ params, locals, code, pages }: WasmFunction): Uint8Array<ArrayBuffer> {
  const names = [...params, ...Object.keys(locals)]
  const words = code
    .replaceAll(/;;.*$/gm, '')
    .split(/\s+/)
    .filter((word) => word !== '')
  const body: number[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string
    const opcode = opcodes[word]
    if (!opcode) throw new Error(`${word} is no instruction`)
    body.push(...opcode)
    if (word.startsWith('local.')) body.push(...unsigned(indexOf(names, words[++i])))
    else if (word === 'br' || word === 'br_if') body.push(...unsigned(Number(words[++i])))
    else if (word.endsWith('.const')) body.push(...signed(Number(words[++i])))
  }
  const declared = Object.values(locals).flatMap((type) => [1, types[type]])
  const text = [...unsigned(Object.keys(locals).length), ...declared, ...body, 0x0b]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic number and version
    ...section(1, [1, 0x60, ...unsigned(params.length), ...params.map(() => types.i32), 1, types.i32]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, ...unsigned(pages)]),
    ...section(7, [2, ...name('memory'), 0x02, 0, ...name('run'), 0x00, 0]),
    ...section(10, [1, ...unsigned(text.length), ...text]),
  ])
}

function indexOf(names: readonly string[], name: string | undefined): number {
  const index = names.indexOf(name ?? '')
  if (index < 0) throw new Error(`${name} is no local`)
  return index
}

const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content]

const name = (text: string): number[] => [text.length, ...new TextEncoder().encode(text)]

/** LEB128: seven bits per byte, lowest first. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128)
  return [...bytes, value]
}

/** The same for signed numbers: bit 6 of the last byte is the sign. */
function signed(value: number): number[] {
  const bytes: number[] = []
  for (; value < -64 || value > 63; value >>= 7) bytes.push((value & 127) | 128)
  return [...bytes, value & 127]
}
