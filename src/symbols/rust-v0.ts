// Rust's v0 mangling (https://doc.rust-lang.org/rustc/symbol-mangling/v0.html), printed while it is read.
// `B` refers back to a place in the name, which is then read once more.

/** Names of real programs nest less than 50 deep. */
const maxDepth = 300
/** Back references can make a short name a long text; async state machines reach 20 000 characters. */
const maxTextLength = 1 << 16
const maxSteps = 100_000

const basicTypes: Readonly<Record<string, string>> = {
  a: 'i8',
  b: 'bool',
  c: 'char',
  d: 'f64',
  e: 'str',
  f: 'f32',
  h: 'u8',
  i: 'isize',
  j: 'usize',
  l: 'i32',
  m: 'u32',
  n: 'i128',
  o: 'u128',
  p: '_',
  s: 'i16',
  t: 'u16',
  u: '()',
  v: '...',
  x: 'i64',
  y: 'u64',
  z: '!',
}

class NotARustName extends Error {}

export class RustV0Parser {
  private readonly input: string
  private at = 0
  private text = ''
  /** Paths that only tell impls apart are read but not shown. */
  private isSilent = false
  private depth = 0
  private steps = 0
  /** Lifetimes that surrounding `for<…>` have named. */
  private lifetimes = 0

  /** @param input what follows `_R` */
  constructor(input: string) {
    this.input = input
  }

  symbol(): string | undefined {
    try {
      this.path(true)
      if (this.at < this.input.length) {
        // The crate in which it was instantiated.
        this.isSilent = true
        this.path(false)
      }
      return this.at === this.input.length ? this.text : undefined
    } catch (error) {
      if (error instanceof NotARustName) return undefined
      throw error
    }
  }

  private peek(): string {
    return this.input[this.at] ?? ''
  }

  private take(): string {
    const character = this.input[this.at++]
    if (character === undefined) throw new NotARustName()
    return character
  }

  private accept(wanted: string): boolean {
    if (this.peek() !== wanted) return false
    this.at++
    return true
  }

  private print(text: string): void {
    if (this.isSilent) return
    this.text += text
    if (this.text.length > maxTextLength) throw new NotARustName()
  }

  /** `_` is 0, `0_` is 1, `Z_` 62. */
  private base62(): number {
    if (this.accept('_')) return 0
    let value = 0
    for (;;) {
      const character = this.take()
      if (character === '_') return value + 1
      const digit = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(character)
      // Hashes of crates have 64 bits and are not shown; all other numbers are small, so a double will do.
      if (digit < 0 || value > 2 ** 64) throw new NotARustName()
      value = value * 62 + digit
    }
  }

  private optionalBase62(tag: string): number {
    return this.accept(tag) ? this.base62() + 1 : 0
  }

  private nested(read: () => void): void {
    if (++this.depth > maxDepth || ++this.steps > maxSteps) throw new NotARustName()
    read()
    this.depth--
  }

  /** Reads once more what stands at an earlier place. */
  private backReference(read: () => void): void {
    const from = this.at - 1
    const target = this.base62()
    if (target >= from) throw new NotARustName()
    // Nothing would be shown of it.
    if (this.isSilent) return
    const after = this.at
    this.at = target
    this.nested(read)
    this.at = after
  }

  private separated(separator: string, read: () => void): number {
    let count = 0
    while (!this.accept('E')) {
      if (count++ > 0) this.print(separator)
      read()
    }
    return count
  }

  /** `s1_3foo`: disambiguator, then length and bytes. */
  private identifier(): { name: string; disambiguator: number } {
    const disambiguator = this.optionalBase62('s')
    return { name: this.plainIdentifier(), disambiguator }
  }

  private plainIdentifier(): string {
    const isPunycode = this.accept('u')
    let digits = ''
    while (/\d/.test(this.peek())) {
      digits += this.take()
      if (digits === '0') break
    }
    if (digits === '' || digits.length > 6) throw new NotARustName()
    this.accept('_')
    const bytes = this.input.slice(this.at, this.at + Number(digits))
    if (bytes.length !== Number(digits)) throw new NotARustName()
    this.at += bytes.length
    return isPunycode ? decodePunycode(bytes) : bytes
  }

  /** @param isValue generics of values are written `::<T>` */
  private path(isValue: boolean): void {
    this.nested(() => {
      const tag = this.take()
      switch (tag) {
        case 'C':
          this.print(this.identifier().name)
          return
        case 'N':
          this.nestedPath(isValue)
          return
        case 'M':
        case 'X':
        case 'Y':
          if (tag !== 'Y') this.implPath()
          this.print('<')
          this.type()
          if (tag !== 'M') {
            this.print(' as ')
            this.path(false)
          }
          this.print('>')
          return
        case 'I':
          this.path(isValue)
          this.print(isValue ? '::<' : '<')
          this.separated(', ', () => this.genericArgument())
          this.print('>')
          return
        case 'B':
          this.backReference(() => this.path(isValue))
          return
      }
      throw new NotARustName()
    })
  }

  /** Lower-case name spaces are the compiler's own affair; `C` is a closure, `S` a shim. */
  private nestedPath(isValue: boolean): void {
    const space = this.take()
    if (!/[a-zA-Z]/.test(space)) throw new NotARustName()
    this.path(isValue)
    const { name, disambiguator } = this.identifier()
    if (space >= 'a') {
      if (name !== '') this.print(`::${name}`)
      return
    }
    const kind = space === 'C' ? 'closure' : space === 'S' ? 'shim' : space
    this.print(`::{${kind}${name === '' ? '' : `:${name}`}#${disambiguator}}`)
  }

  private implPath(): void {
    const outer = this.isSilent
    this.isSilent = true
    this.optionalBase62('s')
    this.path(false)
    this.isSilent = outer
  }

  private genericArgument(): void {
    if (this.accept('L')) this.lifetime(this.base62())
    else if (this.accept('K')) this.constant()
    else this.type()
  }

  private lifetime(index: number): void {
    if (index === 0) {
      this.print("'_")
      return
    }
    const depth = this.lifetimes - index
    if (depth < 0) throw new NotARustName()
    this.print(depth < 26 ? `'${String.fromCharCode(97 + depth)}` : `'_${depth}`)
  }

  /** `G1_` before a type: `for<'a, 'b> ` */
  private binder(read: () => void): void {
    const count = this.optionalBase62('G')
    if (count > maxDepth) throw new NotARustName()
    if (count > 0) {
      this.print('for<')
      for (let i = 0; i < count; i++) {
        if (i > 0) this.print(', ')
        this.lifetimes++
        this.lifetime(1)
      }
      this.print('> ')
    }
    read()
    this.lifetimes -= count
  }

  private type(): void {
    this.nested(() => {
      const tag = this.take()
      const basic = basicTypes[tag]
      if (basic) {
        this.print(basic)
        return
      }
      switch (tag) {
        case 'R':
        case 'Q':
          this.print('&')
          if (this.accept('L')) {
            const index = this.base62()
            if (index > 0) {
              this.lifetime(index)
              this.print(' ')
            }
          }
          if (tag === 'Q') this.print('mut ')
          this.type()
          return
        case 'P':
        case 'O':
          this.print(tag === 'P' ? '*const ' : '*mut ')
          this.type()
          return
        case 'A':
        case 'S':
          this.print('[')
          this.type()
          if (tag === 'A') {
            this.print('; ')
            this.constant()
          }
          this.print(']')
          return
        case 'T': {
          this.print('(')
          const count = this.separated(', ', () => this.type())
          this.print(count === 1 ? ',)' : ')')
          return
        }
        case 'F':
          this.binder(() => this.functionType())
          return
        case 'D':
          this.dynType()
          return
        case 'B':
          this.backReference(() => this.type())
          return
      }
      this.at--
      this.path(false)
    })
  }

  /** `[U] [K abi] parameters E result` */
  private functionType(): void {
    if (this.accept('U')) this.print('unsafe ')
    if (this.accept('K')) {
      const abi = this.accept('C') ? 'C' : this.plainIdentifier().replaceAll('_', '-')
      this.print(`extern "${abi}" `)
    }
    this.print('fn(')
    this.separated(', ', () => this.type())
    this.print(')')
    if (this.accept('u')) return
    this.print(' -> ')
    this.type()
  }

  private dynType(): void {
    this.print('dyn ')
    this.binder(() => {
      this.separated(' + ', () => this.dynTrait())
    })
    if (!this.accept('L')) throw new NotARustName()
    const index = this.base62()
    if (index === 0) return
    this.print(' + ')
    this.lifetime(index)
  }

  /** A trait with the types it is bound to: `Iterator<Item = u8>`. */
  private dynTrait(): void {
    let isOpen = this.openPath()
    while (this.accept('p')) {
      this.print(isOpen ? ', ' : '<')
      isOpen = true
      this.print(`${this.plainIdentifier()} = `)
      this.type()
    }
    if (isOpen) this.print('>')
  }

  /** A path whose list of generics is left open. @returns whether there is one */
  private openPath(): boolean {
    if (this.accept('B')) {
      let isOpen = false
      this.backReference(() => {
        isOpen = this.openPath()
      })
      return isOpen
    }
    if (!this.accept('I')) {
      this.path(false)
      return false
    }
    this.path(false)
    this.print('<')
    this.separated(', ', () => this.genericArgument())
    return true
  }

  /** A value: its type's letter, then hex digits and `_`. */
  private constant(): void {
    this.nested(() => {
      const tag = this.take()
      if (tag === 'B') this.backReference(() => this.constant())
      else if (tag === 'p') this.print('_')
      else if ('hmtyoj'.includes(tag)) this.print(numberText(this.hexDigits()))
      else if ('aslxni'.includes(tag)) this.print((this.accept('n') ? '-' : '') + numberText(this.hexDigits()))
      else if (tag === 'b') this.print(this.booleanText())
      else if (tag === 'c') this.print(characterText(this.hexDigits()))
      else if (tag === 'e') this.print(`*${this.stringText()}`)
      else if (tag === 'R' || tag === 'Q') this.referenceConstant(tag)
      else if (tag === 'A') this.listConstant('[', ']')
      else if (tag === 'T') this.listConstant('(', ')')
      else if (tag === 'V') this.variantConstant()
      else throw new NotARustName()
    })
  }

  private hexDigits(): string {
    let digits = ''
    while (!this.accept('_')) {
      const digit = this.take()
      if (!/[0-9a-f]/.test(digit)) throw new NotARustName()
      digits += digit
    }
    return digits
  }

  private booleanText(): string {
    const digits = this.hexDigits()
    if (digits !== '0' && digits !== '1') throw new NotARustName()
    return digits === '1' ? 'true' : 'false'
  }

  private stringText(): string {
    const digits = this.hexDigits()
    const bytes = Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
    return JSON.stringify(new TextDecoder().decode(bytes))
  }

  private referenceConstant(tag: string): void {
    if (tag === 'R' && this.accept('e')) {
      this.print(this.stringText())
      return
    }
    this.print(tag === 'R' ? '&' : '&mut ')
    this.constant()
  }

  private listConstant(open: string, close: string): void {
    this.print(open)
    const count = this.separated(', ', () => this.constant())
    this.print(open === '(' && count === 1 ? `,${close}` : close)
  }

  /** `U` without fields, `T` a tuple, `S` with names. */
  private variantConstant(): void {
    const kind = this.take()
    this.path(true)
    if (kind === 'T') this.listConstant('(', ')')
    else if (kind === 'S') {
      this.print(' { ')
      this.separated(', ', () => {
        this.print(`${this.identifier().name}: `)
        this.constant()
      })
      this.print(' }')
    } else if (kind !== 'U') throw new NotARustName()
  }
}

/** Decimal while it fits 64 bits. */
function numberText(digits: string): string {
  const significant = digits.replace(/^0+/, '')
  if (digits === '') throw new NotARustName()
  return significant.length <= 16 ? BigInt(`0x${significant || '0'}`).toString() : `0x${significant}`
}

function characterText(digits: string): string {
  const point = Number.parseInt(digits, 16)
  if (!(point <= 0x10ffff) || (point >= 0xd800 && point <= 0xdfff)) throw new NotARustName()
  const escaped: Record<number, string> = { 9: '\\t', 10: '\\n', 13: '\\r', 39: "\\'", 92: '\\\\' }
  const plain = point >= 32 && point < 127 ? String.fromCodePoint(point) : `\\u{${point.toString(16)}}`
  return `'${escaped[point] ?? plain}'`
}

/** RFC 3492 with `_` in place of `-`: `gdel_5qa` is `gödel`. */
function decodePunycode(bytes: string): string {
  const split = bytes.lastIndexOf('_')
  const points = split < 0 ? [] : Array.from(bytes.slice(0, split), (character) => character.charCodeAt(0))
  let point = 0x80
  let at = 0
  let bias = 72
  let isFirst = true
  let p = split + 1
  while (p < bytes.length) {
    const before = at
    let weight = 1
    for (let k = 36; ; k += 36) {
      const character = bytes[p++] ?? ''
      const digit = 'abcdefghijklmnopqrstuvwxyz0123456789'.indexOf(character)
      if (character === '' || digit < 0) throw new NotARustName()
      at += digit * weight
      if (at > 0x7fffffff) throw new NotARustName()
      const threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias
      if (digit < threshold) break
      weight *= 36 - threshold
    }
    bias = adaptBias(at - before, points.length + 1, isFirst)
    isFirst = false
    point += Math.floor(at / (points.length + 1))
    at %= points.length + 1
    if (point > 0x10ffff) throw new NotARustName()
    points.splice(at++, 0, point)
  }
  return String.fromCodePoint(...points)
}

function adaptBias(delta: number, count: number, isFirst: boolean): number {
  delta = Math.floor(delta / (isFirst ? 700 : 2))
  delta += Math.floor(delta / count)
  let k = 0
  while (delta > 455) {
    delta = Math.floor(delta / 35)
    k += 36
  }
  return k + Math.floor((36 * delta) / (delta + 38))
}
