import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { addr2line, addr2lines, areSameCalls, printPlaces } from '../../../test/addr2line.ts'
import { compile, hasTool, nmSymbols } from '../../../test/symbol-programs.ts'
import { memorySource } from '../byte-source.ts'
import { type Elf, offsetOfAddress, readElf } from '../elf.ts'
import { openExecutable } from '../executable.ts'
import { type InlinedCalls, openInlinedCalls } from './inlines.ts'

const hasTools = hasTool('addr2line') && hasTool('gcc') && hasTool('g++') && hasTool('objcopy')
const source = (name: string): string =>
  readFileSync(resolve(import.meta.dirname, '../../../test/recordings/src', name), 'utf8')

interface Program {
  readonly path: string
  readonly calls: InlinedCalls
  /** Every address of its code, or so many of them. */
  readonly addresses: readonly number[]
}

function open(path: string, most = 6000): Program {
  const file = readElf(memorySource(readFileSync(path))) as Elf
  const text = file.sections.find(({ name }) => name === '.text')!
  const step = Math.max(1, Math.floor(text.size / most))
  const addresses = Array.from({ length: Math.floor(text.size / step) }, (_, i) => text.address + i * step)
  return { path, calls: openInlinedCalls(file)!, addresses }
}

/** Names as linkers see them. */
const callsAt = ({ calls }: Program, address: number): string[] =>
  calls.at(address).map(({ name, systemName }) => systemName ?? name)

const build = (name: string, text: string, flags: readonly string[]): string =>
  compile(name.endsWith('.c') ? 'gcc' : name.endsWith('.rs') ? 'rustc' : 'g++', {
    name,
    text,
    args: [...flags, 'SOURCE', '-o', 'OUTPUT'],
  })

const nested = `
#include <stdlib.h>
static inline int leaf(int x) { return x * x + 3; }
static inline int middle(int x) { int y = leaf(x); { int z = leaf(y + 1); y += z; } return y; }
__attribute__((noinline)) int outer(int x) { int sum = 0; for (int i = 0; i < x; i++) sum ^= middle(i) / (i + 1); return sum; }
__attribute__((cold, noinline)) static int rare(int x) { return middle(x) % 7; }
int main(int c, char **v) { return outer(c * 100) + (c > 3 ? rare(atoi(v[1])) : 0); }
`

/** Addresses whose place in the source, or that of a call inlined there, addr2line finds to be another one. */
function otherPlaces({ path, calls, addresses }: Program): object[] {
  const theirs = addr2lines(path, addresses)
  return addresses.flatMap((address, i) => {
    const ours = printPlaces(calls.placesAt(address))
    return ours.join() === theirs[i]!.join() ? [] : [{ address: address.toString(16), ours, theirs: theirs[i] }]
  })
}

describe.skipIf(!hasTools)('every address of a program has the inlined calls that addr2line finds', () => {
  test.each([
    { name: 'dwarf4.c', flags: ['-gdwarf-4'] },
    { name: 'dwarf5.c', flags: ['-gdwarf-5'] },
    { name: 'sections.c', flags: ['-gdwarf-5', '-ffunction-sections', '-Wl,--gc-sections'] },
    { name: 'packed.c', flags: ['-g', '-gz=zlib'] },
    { name: 'linked.c', flags: ['-g', '-flto'] },
  ])('C, $name', ({ name, flags }) => {
    const program = open(build(name, nested, ['-O2', ...flags]))
    const theirs = addr2line(program.path, program.addresses)
    const different = program.addresses.filter(
      (address, i) => !areSameCalls(program.calls.at(address), theirs[i]!, true),
    )
    expect(different).toEqual([])
    expect(Math.max(...theirs.map((names) => names.length))).toBe(2)
    // addr2line 2.40 says `<artificial>` for the first file of a unit that was optimised with others; readelf says a name.
    if (!flags.includes('-flto')) expect(otherPlaces(program)).toEqual([])
    expect(program.calls.unread).toBe(0)
  })

  test.each([
    { name: 'dwarf4.cpp', flags: ['-gdwarf-4'] },
    { name: 'dwarf5.cpp', flags: ['-gdwarf-5'] },
  ])('C++, $name', ({ name, flags }) => {
    const program = open(build(name, source('shapes.cpp'), ['-O2', '-pthread', ...flags]))
    const theirs = addr2line(program.path, program.addresses)
    const ours = program.addresses.map((address) => program.calls.at(address))
    expect(program.addresses.filter((_, i) => !areSameCalls(ours[i]!, theirs[i]!))).toEqual([])
    expect(Math.max(...ours.map((calls) => calls.length))).toBeGreaterThan(8)
    expect(otherPlaces(program)).toEqual([])
  })

  test.skipIf(!hasTool('rustc'))('Rust, and the same from version 5 with its indexed forms', () => {
    const flags = ['-O', '-Cdebuginfo=2', '--crate-name=shapes']
    const program = open(build('dwarf4.rs', source('traits.rs'), flags), 4000)
    const ours = program.addresses.map((address) => callsAt(program, address))
    expect(ours).toEqual(addr2line(program.path, program.addresses))
    expect(otherPlaces(program)).toEqual([])
    expect(Math.max(...ours.map((names) => names.length))).toBeGreaterThan(8)
    let path: string
    try {
      path = build('dwarf5.rs', source('traits.rs'), [...flags, '-Cdwarf-version=5'])
    } catch {
      return console.log('not compared: this rustc writes one version of DWARF only')
    }
    // addr2line 2.40 does not follow all of them; but it is the same code at the same places.
    const newer = open(path, 4000)
    const shift = newer.addresses[0]! - program.addresses[0]!
    const plain = (names: readonly string[]): string[] => names.map((name) => name.replace(/17h[0-9a-f]{16}E$/, ''))
    expect(program.addresses.map((address) => plain(callsAt(newer, address + shift)))).toEqual(ours.map(plain))
  })
})

describe.skipIf(!hasTools || !hasTool('objdump'))('a return address', () => {
  const text = `
__attribute__((noinline)) void work(volatile int *p) { *p += 1; }
static inline void inner(volatile int *p) { *p *= 3; work(p); }
__attribute__((noinline)) void outer(volatile int *p) { inner(p); *p += 3; }
__attribute__((noinline, noreturn)) void fail(void) { for (;;) __builtin_trap(); }
static inline void check(volatile int *p) { if (*p == 7) fail(); }
__attribute__((noinline)) void last(volatile int *p) { check(p); fail(); }
int main(int c, char **v) { volatile int x = c; outer(&x); if (x == 9) last(&x); return x; }`
  const path = hasTools ? build('calls.c', text, ['-O2', '-g', '-fno-optimize-sibling-calls']) : ''
  const code = hasTools ? execFileSync('objdump', ['-d', '--no-show-raw-insn', path], { encoding: 'utf8' }) : ''
  const file = hasTools ? readElf(memorySource(readFileSync(path)))! : undefined
  const program = hasTools
    ? openExecutable({ ...memorySource(readFileSync(path)), close: () => undefined })!
    : undefined

  /** Address behind the first call of a function in another. */
  const behindCall = (caller: string, callee: string): number => {
    const body = code.slice(code.indexOf(`<${caller}>:`))
    const [, address = ''] = new RegExp(`call +[0-9a-f]+ <${callee}>\\s+([0-9a-f]+):`).exec(body)!
    return Number.parseInt(address, 16)
  }
  const namesAt = (address: number, isReturn: boolean) =>
    program!.framesAt(offsetOfAddress(file!, address)!, isReturn).map(({ name }) => name)

  test('has what was inlined at the call', () => {
    const address = behindCall('outer', 'work')
    expect(namesAt(address, true)).toEqual(['inner', 'outer'])
    expect(namesAt(address, false)).toEqual(['outer'])
  })

  test('that is the first of another function has nothing inlined, and that function', () => {
    const { address, size } = nmSymbols(path).get('last')!
    expect(namesAt(address + 1, false)).toContain('last')
    const next = [...nmSymbols(path)].find(([, symbol]) => symbol.address === address + size)?.[0]
    expect(namesAt(address + size, true)).toEqual(next === undefined ? [] : [next])
  })
})

describe.skipIf(!hasTools)('a program', () => {
  test('without debug information has none', () => {
    expect(openInlinedCalls(readElf(memorySource(readFileSync(build('plain.c', nested, ['-O2']))))!)).toBeUndefined()
  })

  test('names without linkage names say what they stand in', () => {
    const text = `
#include <cstdio>
#include <utility>
namespace shop { struct Cart { int n; }; template <class F> inline int each(const Cart &c, F f) { int s = 0; for (int i = 0; i < c.n; i++) s += f(i); return s; } }
int main(int c, char **) { volatile int seven = 7; return shop::each(shop::Cart{c}, [&](int i) { return i * seven; }); }`
    const program = open(build('lambda.cpp', text, ['-O2', '-g']))
    const names = new Set(program.addresses.flatMap((address) => program.calls.at(address).map(({ name }) => name)))
    expect([...names].sort()).toEqual(['main::{lambda}::operator()', 'shop::each<main(int, char**)::<lambda(int)> >'])
  })

  test('whose debug information is in another file says so', () => {
    const program = open(build('split.c', nested, ['-O2', '-gdwarf-5', '-gsplit-dwarf']))
    expect(program.addresses.flatMap((address) => program.calls.at(address))).toEqual([])
    expect(program.calls.unread).toBe(1)
  })

  test('a damaged unit gives no calls and is counted', () => {
    const path = build('damaged.c', nested, ['-O2', '-gdwarf-5'])
    const bytes = Uint8Array.from(readFileSync(path))
    const whole = readElf(memorySource(bytes))!
    const info = whole.sections.find(({ name }) => name === '.debug_info')!
    // Behind the first entry, of some 40 bytes, codes that no abbreviation has.
    bytes.fill(0xfe, info.offset + 80, info.offset + info.size)
    const calls = openInlinedCalls(readElf(memorySource(bytes))!)!
    const { addresses } = open(path)
    expect(addresses.flatMap((address) => calls.at(address))).toEqual([])
    expect(calls.unread).toBe(1)
  })
})
