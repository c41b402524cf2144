import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compile, hasTool, nmSymbols, scratchFolder } from '../../test/symbol-programs.ts'
import { debugFileFinder } from './debug-files.ts'
import { demangle } from './demangle.ts'
import { offsetOfAddress, readElf } from './elf.ts'
import { type Executable, openExecutable } from './executable.ts'
import { openFile } from './open-file.ts'

const cpp = `
#include <map>
#include <string>
#include <cstdio>
namespace { struct Hidden { __attribute__((noinline)) int work(int x) const; }; int Hidden::work(int x) const { return x * 3; } }
template <class T> struct Box { T value; __attribute__((noinline)) T twice() { return value + value; } };
struct Base { virtual int run() { return 1; } virtual ~Base() {} };
struct Left : virtual Base { int run() override { return 2; } };
extern "C" __attribute__((weak)) int weak_alias(int x) { return x; }
extern "C" int strong_name(int x) { return x + 7; }
extern "C" int strong_alias(int) __attribute__((alias("strong_name")));
extern "C" int __strong_name(int) __attribute__((alias("strong_name")));
int main() {
  std::map<std::string, int> m; m["a"] = Box<int>{4}.twice();
  Left l; auto f = [&](int k) { return m["a"] + k; };
  printf("%d\\n", f(Hidden{}.work(l.run())) + strong_name(2) + weak_alias(1)); }
`

interface Program {
  readonly path: string
  readonly program: Executable
  readonly nameAt: (address: number) => string | undefined
  readonly systemNameAt: (address: number) => string | undefined
}

function open(path: string, debugRoots?: readonly string[], asPath = path): Program {
  const file = openFile(path)!
  const debugFiles = debugRoots && debugFileFinder({ path: asPath, roots: debugRoots })
  const program = openExecutable(file, debugFiles ? { debugFiles } : {})!
  const elf = readElf(file)!
  const frameAt = (address: number) => program.framesAt(offsetOfAddress(elf, address)!).at(-1)
  return {
    path,
    program,
    nameAt: (address) => frameAt(address)?.name,
    systemNameAt: (address) => frameAt(address)?.systemName ?? frameAt(address)?.name,
  }
}

/** For every function of nm: is one of the names at its first and last byte ours? */
function differences({ path, systemNameAt }: Program, args: readonly string[] = []): string[] {
  const byAddress = new Map<number, Set<string>>()
  const functions = [...nmSymbols(path, args)].filter(([, { type, size }]) => /[tTwWi]/.test(type) && size > 0)
  for (const [name, { address }] of functions) {
    byAddress.set(address, (byAddress.get(address) ?? new Set()).add(name.replace(/@.*/, '')))
  }
  expect(byAddress.size).toBeGreaterThan(5)
  return functions.flatMap(([, { address, size }]) => {
    const names = byAddress.get(address)!
    const found = [systemNameAt(address), systemNameAt(address + size - 1)]
    return found.every((name) => name !== undefined && names.has(name)) ? [] : [`${[...names]} is ${found}`]
  })
}

describe.skipIf(!hasTool('g++') || !hasTool('nm'))('a C++ program', () => {
  const path = compile('g++', { name: 'program.cc', text: cpp, args: ['-O1', 'SOURCE', '-o', 'OUTPUT'] })

  test('every function, with the name that nm shows', () => {
    expect(differences(open(path))).toEqual([])
  })

  test('names are demangled as nm --demangle does, without parameters', () => {
    const { nameAt } = open(path)
    const plain = execFileSync('nm', ['--demangle', path], { encoding: 'utf8' })
    const symbols = nmSymbols(path)
    const work = [...symbols].find(([name]) => name.includes('Hidden4work'))!
    expect(plain).toContain('(anonymous namespace)::Hidden::work(int) const')
    expect(nameAt(work[1].address)).toBe('(anonymous namespace)::Hidden::work')
    expect(nameAt(symbols.get('_ZN3BoxIiE5twiceEv')!.address)).toBe('Box<int>::twice')
  })

  test('of several names for one address the one without underscores and the longer one wins, as in perf', () => {
    const { nameAt } = open(path)
    expect(nameAt(nmSymbols(path).get('__strong_name')!.address)).toBe('strong_alias')
  })

  test('stubs of the PLT are named after what they call; _init does not swallow them', () => {
    const { nameAt } = open(path)
    const stubs = execFileSync('objdump', ['-d', '-j', '.plt', path], { encoding: 'utf8' })
    const named = [...stubs.matchAll(/^([0-9a-f]+) <(.+)@plt>:/gm)]
    expect(named.length).toBeGreaterThan(5)
    for (const [, address = '', name = ''] of named) {
      expect(nameAt(Number.parseInt(address, 16) + 6)).toBe(`${demangle(name.replace(/@.*/, ''))}@plt`)
    }
  })

  test('stubs behind endbr64 (-fcf-protection)', () => {
    const guarded = compile('g++', {
      name: 'guarded.cc',
      text: cpp,
      args: ['-O1', '-fcf-protection=full', '-Wl,-z,ibtplt', 'SOURCE', '-o', 'OUTPUT'],
    })
    const stubs = execFileSync('objdump', ['-d', '-j', '.plt.sec', guarded], { encoding: 'utf8' })
    const [, address = ''] = /^([0-9a-f]+) <printf@plt>:/m.exec(stubs)!
    expect(open(guarded).nameAt(Number.parseInt(address, 16) + 4)).toBe('printf@plt')
  })

  describe.skipIf(!hasTool('objcopy') || !hasTool('strip'))('stripped', () => {
    const folder = scratchFolder('stripped')
    const stripped = join(folder, 'program')
    execFileSync('strip', ['-o', stripped, path])
    const address = nmSymbols(path).get('_ZN3BoxIiE5twiceEv')!.address
    const buildId = readElf(openFile(path)!)!.buildId!

    test('has no names of its own', () => {
      expect(open(stripped).nameAt(address)).toBeUndefined()
    })

    test('finds its debug file by build-id', () => {
      const root = scratchFolder('by-build-id')
      const debug = join(root, 'usr/lib/debug/.build-id', buildId.slice(0, 2), `${buildId.slice(2)}.debug`)
      mkdirSync(dirname(debug), { recursive: true })
      execFileSync('objcopy', ['--only-keep-debug', path, debug])
      expect(open(stripped, [root]).nameAt(address)).toBe('Box<int>::twice')
      // One of another program is not taken.
      const other = compile('gcc', {
        name: 'other.c',
        text: 'int main(void) { return 0; }',
        args: ['SOURCE', '-o', 'OUTPUT'],
      })
      copyFileSync(other, debug)
      expect(open(stripped, [root]).nameAt(address)).toBeUndefined()
    })

    test('finds its debug file by .gnu_debuglink and checksum', () => {
      const plain = compile('g++', {
        name: 'linked.cc',
        text: cpp,
        args: ['-O1', '-Wl,--build-id=none', 'SOURCE', '-o', 'OUTPUT'],
      })
      const linked = join(folder, 'linked')
      const debug = join(folder, 'linked.debug')
      execFileSync('objcopy', ['--only-keep-debug', plain, debug])
      execFileSync('strip', ['-o', linked, plain])
      execFileSync('objcopy', [`--add-gnu-debuglink=${debug}`, linked])
      const at = nmSymbols(plain).get('_ZN3BoxIiE5twiceEv')!.address
      expect(open(linked, ['']).nameAt(at)).toBe('Box<int>::twice')
      // Changed since: the checksum no longer fits.
      writeFileSync(debug, Buffer.concat([readFileSync(debug), Buffer.from([0])]))
      expect(open(linked, ['']).nameAt(at)).toBeUndefined()
      expect(basename(debug)).toBe('linked.debug')
    })

    test.skipIf(!hasTool('xz'))('has embedded symbols (.gnu_debugdata) besides those that it exports', () => {
      const mini = join(folder, 'mini')
      execFileSync('objcopy', ['-S', '--remove-section', '.comment', '--keep-symbol=_ZN3BoxIiE5twiceEv', path, mini])
      execFileSync('xz', ['-f', mini])
      const embedded = join(folder, 'embedded')
      execFileSync('objcopy', ['--add-section', `.gnu_debugdata=${mini}.xz`, stripped, embedded])
      expect(open(embedded).nameAt(address)).toBe('Box<int>::twice')
      expect(open(embedded).nameAt(nmSymbols(path).get('main')!.address)).toBeUndefined()
    })
  })
})

test.skipIf(!hasTool('rustc') || !hasTool('nm'))('a Rust program: every function', () => {
  const path = compile('rustc', {
    name: 'functions.rs',
    text: 'fn main() { let mut v: Vec<String> = std::env::args().collect(); v.sort(); println!("{v:?}"); }',
    args: ['-O', 'SOURCE', '-o', 'OUTPUT'],
  })
  expect(differences(open(path))).toEqual([])
})

test.skipIf(!hasTool('nm'))('node itself, 100 000 functions, in less than 16 bytes each', () => {
  const file = openFile(process.execPath, { followLinks: true })!
  const program = openExecutable(file)!
  const address = nmSymbols(process.execPath).get('node_main') ?? nmSymbols(process.execPath).get('main')!
  expect(program.framesAt(offsetOfAddress(readElf(file)!, address.address)!)).toEqual([{ name: 'main' }])
  expect(program.bytes).toBeLessThan(16 * 120_000)
})

describe('addresses that are told beforehand', () => {
  /** By address, the names when nothing is known beforehand, and when it was told alone or with the others. */
  function compareNames(path: string, addresses: readonly number[]) {
    const elf = readElf(openFile(path, { followLinks: true })!)!
    const offsets = Float64Array.from(addresses, (address) => offsetOfAddress(elf, address) ?? Number.NaN)
    const fresh = () => openExecutable(openFile(path, { followLinks: true })!)!
    const whole = fresh()
    const names = (program: Executable, some = offsets) =>
      Array.from(some, (offset) => program.framesAt(offset).map(({ name, systemName }) => [name, systemName]))
    const expected = fresh()
    expected.expect(offsets)
    return {
      offsets,
      whole: names(whole),
      expected: names(expected),
      fresh,
      names,
      bytes: [whole.bytes, expected.bytes],
    }
  }

  test.skipIf(!hasTool('gcc'))('labels, aliases, functions in functions, without and beyond their size', () => {
    const path = compile('gcc', {
      name: 'labels.s',
      text: `.text
        .macro fn name, size
        .type \\name, @function
        .size \\name, \\size
        .endm
        .globl first, alias, around
        fn first, 8
        fn alias, 8
        fn around, 24
        fn inner, 6
        fn empty, 0
        .weak weakly
        fn weakly, 4
        first: alias: .skip 4
        mark: .skip 8
        around: .skip 3
        again: inner: .skip 12
        beside: .skip 1
        empty: .skip 5
        second_mark: .skip 9
        weakly: .skip 4
        last: .skip 16
        .globl main
        main: ret`,
      args: ['SOURCE', '-o', 'OUTPUT'],
    })
    const { address } = nmSymbols(path).get('first')!
    const all = Array.from({ length: 90 }, (_, i) => address - 8 + i)
    const { offsets, whole, expected, fresh, names } = compareNames(path, all)
    const met = new Set(whole.flat(2))
    for (const name of ['mark', 'around', 'inner', 'weakly', 'second_mark', 'last', 'main']) expect(met).toContain(name)
    expect(expected).toEqual(whole)
    const alone = Array.from(offsets, (offset) => {
      const program = fresh()
      program.expect(Float64Array.of(offset))
      return names(program, Float64Array.of(offset))[0]
    })
    expect(alone).toEqual(whole)
  })

  test.skipIf(!hasTool('nm'))(
    'node: first and last bytes of functions and what is around them, with a hundredth of the memory',
    () => {
      const functions = [...nmSymbols(process.execPath).values()].filter((_, i) => i % 97 === 0)
      const addresses = functions.flatMap(({ address, size }) => [
        address - 1,
        address,
        address + size - 1,
        address + size,
      ])
      const { whole, expected, bytes } = compareNames(process.execPath, addresses)
      expect(expected).toEqual(whole)
      expect(whole.filter((frames) => frames.length > 0).length).toBeGreaterThan(functions.length)
      expect(bytes[1]).toBeLessThan(bytes[0]! / 2)
    },
  )

  test.skipIf(!hasTool('nm'))('others are answered too, told later or not at all', () => {
    const functions = [...nmSymbols(process.execPath).values()].filter((_, i) => i % 997 === 0)
    const { offsets, whole, fresh, names } = compareNames(
      process.execPath,
      functions.map(({ address }) => address + 1),
    )
    const program = fresh()
    const third = Math.floor(offsets.length / 3)
    program.expect(offsets.subarray(0, third))
    expect(names(program, offsets.subarray(0, third))).toEqual(whole.slice(0, third))
    program.expect(offsets.subarray(third, 2 * third))
    expect(names(program, offsets.subarray(0, 2 * third))).toEqual(whole.slice(0, 2 * third))
    expect(names(program)).toEqual(whole)
  })
})

test('what is no ELF file', () => {
  const path = join(scratchFolder('not-elf'), 'text')
  writeFileSync(path, '#!/bin/sh\n')
  expect(openExecutable(openFile(path)!)).toBeUndefined()
})
