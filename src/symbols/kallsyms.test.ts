import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseKallsyms } from './kallsyms.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const nameAt = (text: string, address: number): string | undefined => {
  const symbols = parseKallsyms(bytes(text))!
  const symbol = symbols.find(address)
  return symbol === -1 ? undefined : symbols.readName(symbol)
}

const example = `0000000000000000 A fixed_percpu_data
ffffffff81000040 t second
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 D some_data
ffffffff81000080 W weak_one
ffffffffc0a01000 t nf_conntrack_in	[nf_conntrack]
`

test('symbols in any order; the last of several names counts; modules lose their brackets', () => {
  expect(nameAt(example, -0x7f000000)).toBe('_text')
  expect(nameAt(example, -0x7f000000 + 0x3f)).toBe('_text')
  expect(nameAt(example, -0x7f000000 + 0x40)).toBe('second')
  expect(nameAt(example, -0x7f000000 + 0x80)).toBe('weak_one')
  expect(nameAt(example, -0x3f5ff000)).toBe('nf_conntrack_in')
  expect(nameAt(example, -0x7f000001)).toBeUndefined()
  expect(nameAt(example, -0x50000000)).toBeUndefined()
  expect(parseKallsyms(bytes(example))!.textStart).toBe(-0x7f000000)
})

test('a last line without newline, CRLF, and lines that are none', () => {
  expect(nameAt('\nnonsense\nffffffff81000000 T one\r\nffffffff81000040 T two', -0x7f000000 + 0x40)).toBe('two')
  expect(nameAt('ffffffff81000000 T one\r\n', -0x7f000000)).toBe('one')
})

test('addresses that kptr_restrict hides are no symbols', () => {
  expect(parseKallsyms(bytes('0000000000000000 T _text\n0000000000000000 t other\n'))).toBeUndefined()
  expect(parseKallsyms(bytes(''))).toBeUndefined()
})

test('every symbol of the running kernel, the last of its address', (context) => {
  const text = readFileSync('/proc/kallsyms')
  const symbols = parseKallsyms(text)
  if (!symbols) {
    context.skip('/proc/kallsyms hides its addresses from this user')
    return
  }
  const last = new Map<number, string>()
  for (const [, address = '', name = ''] of text.toString().matchAll(/^([0-9a-f]{16}) [tTwW] (\S+)/gm)) {
    last.set(Number(BigInt.asIntN(64, BigInt(`0x${address}`))), name)
  }
  const different = [...last].filter(([address, name]) => {
    const symbol = symbols.find(address)
    return symbol === -1 || symbols.readName(symbol) !== name
  })
  expect(last.size).toBeGreaterThan(10_000)
  expect(different).toEqual([])
})

test('modules that are far from the kernel', () => {
  const far = 'ffff800008000000 T _text\nffff800008000040 t one\nffff7fff01000000 t module_function\t[m]\n'
  const address = (hex: string) => Number(BigInt.asIntN(64, BigInt(`0x${hex}`)))
  expect(nameAt(far, address('ffff7fff01000004'))).toBe('module_function')
  expect(nameAt(far, address('ffff800008000010'))).toBe('_text')
  expect(nameAt(far, address('ffff800008000041'))).toBe('one')
  expect(nameAt(far, address('ffff7fffffffffff'))).toBeUndefined()
})

test('the text of a large kernel is searched as it is: data between code, aliases, modules below and above', () => {
  const base = -0x7f000000
  const hex = (address: number) => BigInt.asUintN(64, BigInt(address)).toString(16)
  const lines: { address: number; type: string; name: string; module?: string }[] = []
  for (let i = 0; i < 40_000; i++) {
    const address = base + Math.floor(i / 3) * 48
    lines.push({ address, type: i % 7 < 3 ? 'D' : 'tTwW'.charAt(i % 4), name: `symbol_${i}` })
  }
  // A megabyte of nothing but data: what lies in it belongs to no function.
  for (let i = 0; i < 200; i++) lines.push({ address: base + 0x200000 + i * 0x4000, type: 'R', name: `table_${i}` })
  lines.push({ address: base + 0x600000, type: 'T', name: 'last' })
  for (const [i, from] of [0x3000, -0x500000, 0x2000].entries()) {
    lines.push({ address: base + 0x700000 + from, type: 't', name: `in_module_${i}`, module: `m${i}` })
  }
  const text = lines.map(({ address, type, name, module }) => {
    return `${hex(address)} ${type} ${name}${module === undefined ? '' : `\t[${module}]`}\n`
  })
  const symbols = parseKallsyms(bytes(`0000000000000000 A percpu\n${text.join('')}`))!
  const code = lines.filter(({ type }) => /t|w/i.test(type)).sort((a, b) => a.address - b.address)
  for (let address = base - 100; address < base + 0x810000; address += 1237) {
    const covering = code.findLast((symbol) => symbol.address <= address)
    const wanted = covering && address - covering.address < 1 << 20 ? covering.name : undefined
    const symbol = symbols.find(address)
    expect([address, symbol === -1 ? undefined : symbols.readName(symbol)]).toEqual([address, wanted])
  }
})
