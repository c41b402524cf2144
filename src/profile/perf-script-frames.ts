// The stack lines in the text of `perf script`, leaf first:
//
//   \tffffffff8175336a elf_load+0x28a ([kernel.kallsyms])
//   \t            1234 mixin (inlined)
//   \t            1234 leaf+0x24 (/tmp/a prog (deleted))
//   \t    7fa3238f2ad7 [unknown] ([unknown])
//   \t    7f21c0004242 Lcom/acme/Cart;::total->Lcom/acme/Item;::price (/tmp/perf-42.map)
//
// The address is that in the mapped file for user code, absolute for the kernel. Other lines (-F +srcline, +brstack)
// stand between them and are passed over.
import type { LineSpec, ProfileBuilder } from './builder.ts'
import { ByteInterner } from './byte-interner.ts'

interface Frame {
  readonly address: bigint
  /** '' where perf knows no name. */
  readonly name: string
  /** '' where perf knows no file. */
  readonly file: string
  readonly isInlined: boolean
}

/** Turns stack lines into stacks of the builder; each different line is looked at once. */
export class PerfScriptFrames {
  private readonly bytes: Uint8Array
  private readonly builder: ProfileBuilder
  private readonly lines: ByteInterner
  private readonly frames: (Frame | undefined)[] = []
  /** Location by line, for lines that do not follow an inlined one. */
  private readonly locations: (number | undefined)[] = []
  private readonly decoder = new TextDecoder()

  constructor(bytes: Uint8Array, builder: ProfileBuilder) {
    this.bytes = bytes
    this.builder = builder
    this.lines = new ByteInterner(bytes)
  }

  /** The stack of the lines in bytes[start .. end]. */
  readStack(start: number, end: number): number {
    const stack: number[] = []
    let inlined: LineSpec[] = []
    for (let at = start; at < end; ) {
      let lineEnd = this.bytes.indexOf(0x0a, at)
      if (lineEnd < 0 || lineEnd > end) lineEnd = end
      const line = this.lines.intern(at, lineEnd)
      if (line === this.frames.length) {
        this.frames.push(parseFrame(this.decoder.decode(this.bytes.subarray(at, lineEnd))))
        this.locations.push(undefined)
      }
      at = lineEnd + 1
      const frame = this.frames[line]
      if (!frame) continue
      if (frame.isInlined) inlined.push({ function: this.builder.internFunction({ name: frame.name }) })
      else if (inlined.length > 0) {
        stack.push(this.locate(frame, inlined))
        inlined = []
      } else {
        this.locations[line] ??= this.locate(frame, [])
        stack.push(this.locations[line])
      }
    }
    if (inlined.length > 0) stack.push(this.builder.internLocation({ lines: inlined }))
    return this.builder.internStack(stack)
  }

  private locate({ address, name, file }: Frame, inlined: readonly LineSpec[]): number {
    const { builder } = this
    // perf-map-agent writes what was inlined into compiled Java behind arrows, outermost first.
    const names = file.endsWith('.map') ? name.split('->').reverse() : [name]
    const own = name === '' ? [] : names.map((part) => ({ function: builder.internFunction({ name: part }) }))
    return builder.internLocation({
      mapping: file === '' ? -1 : builder.internMapping({ file, hasFunctions: true }),
      address,
      lines: [...inlined, ...own],
    })
  }
}

/** One line; undefined when it is none of a stack. */
export function parseFrame(text: string): Frame | undefined {
  const match = /^\s+([0-9a-f]{1,16})(?: (.*))?$/.exec(text.trimEnd())
  if (!match) return undefined
  const address = BigInt(`0x${match[1]}`)
  let name = match[2] ?? ''
  let file = ''
  if (name.endsWith(')')) {
    // Names have parentheses too, and so have files: `(/tmp/a (1)/b (deleted))`. The file is in the last pair.
    const open = openingOfLast(name)
    if (open === 0 || name[open - 1] === ' ') {
      file = name.slice(open + 1, -1)
      name = name.slice(0, open)
    }
  }
  const isInlined = file === 'inlined'
  name = name.trim().replace(/\+0x[0-9a-f]+$/, '')
  return {
    address,
    name: name === '[unknown]' ? '' : name,
    file: isInlined || file === '[unknown]' ? '' : file,
    isInlined,
  }
}

/** Where the parenthesis is opened that closes at the end of the text; -1 when nowhere. */
function openingOfLast(text: string): number {
  let depth = 0
  for (let at = text.length - 1; at >= 0; at--) {
    if (text[at] === ')') depth++
    else if (text[at] === '(' && --depth === 0) return at
  }
  return -1
}
