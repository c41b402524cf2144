// Debug information that several files share (dwz -m): the names of what was inlined are in another file.
import { execFileSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { addr2line, addr2lines, areSameCalls, printPlaces } from '../../../test/addr2line.ts'
import { compile, hasTool, scratchFolder } from '../../../test/symbol-programs.ts'
import { debugFileFinder } from '../debug-files.ts'
import { offsetOfAddress, readElf } from '../elf.ts'
import { openExecutable } from '../executable.ts'
import { openFile } from '../open-file.ts'

const hasTools = ['dwz', 'addr2line', 'g++', 'objcopy'].every((tool) => hasTool(tool))

const text = (most: number): string => `
namespace shop {
template <class T> struct Cart {
  T items[16];
  inline T &at(int i) { return items[i & 15]; }
  template <class F> inline T each(int n, F f) { T sum = 0; for (int i = 0; i < n; i++) sum += f(at(i) + i); return sum; }
};
static inline int twice(int x) { volatile int two = 2; return x * two; }
template <int N> inline int nest(int x) { return nest<N - 1>(x) + twice(x); }
template <> inline int nest<0>(int x) { return twice(x + 1); }
}
__attribute__((noinline)) int work(shop::Cart<int> &cart, int n) {
  volatile int seven = 7;
  return cart.each(n, [&](int i) { return shop::nest<4>(i) * seven; });
}
int main(int c, char **) { shop::Cart<int> cart{}; return work(cart, c * ${most}); }
`

/** Two programs in a folder of their own, and `shared.debug` with what they have in common. */
function buildPair(
  name: string,
  flags: readonly string[],
  dwz: readonly string[] = [],
): { path: string; shared: string } {
  const folder = scratchFolder(name)
  const programs = [1000, 999].map((most) => {
    const built = compile('g++', {
      name: `${name}-${most}.cpp`,
      text: text(most),
      args: ['-O2', '-Wl,--build-id', ...flags, 'SOURCE', '-o', 'OUTPUT'],
    })
    copyFileSync(built, join(folder, String(most)))
    return String(most)
  })
  execFileSync('dwz', [...dwz, '-m', 'shared.debug', ...programs], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  return { path: join(folder, '1000'), shared: join(folder, 'shared.debug') }
}

/** What is inlined at every second address of a program's code, and how much could not be read. */
function callsOf(path: string) {
  const source = openFile(path, { followLinks: true })!
  const elf = readElf(source)!
  const code = elf.sections.find(({ name }) => name === '.text')!
  const addresses = Array.from({ length: code.size >> 1 }, (_, i) => code.address + 2 * i)
  const program = openExecutable(source, { debugFiles: debugFileFinder({ path, roots: [''] }) })!
  const frames = addresses.map((address) => program.framesAt(offsetOfAddress(elf, address)!))
  const { unread } = program
  program.close()
  // Behind the last function addr2line still finds a unit, and no symbol is there.
  const calls = frames.map((all) => all.slice(0, -1))
  return { addresses, calls, frames, unread, functions: frames.filter((all) => all.length > 0).length }
}

describe.skipIf(!hasTools)('what several files share', () => {
  test.each(['-gdwarf-4', '-gdwarf-5'])('%s: every address has the inlined calls that addr2line finds', (flag) => {
    const { path } = buildPair(`shared${flag.slice(-1)}`, [flag])
    const { addresses, calls, frames, unread } = callsOf(path)
    const theirs = addr2line(path, addresses)
    expect(addresses.filter((_, i) => !areSameCalls(calls[i]!, theirs[i]!))).toEqual([])
    expect(Math.max(...calls.map(({ length }) => length))).toBeGreaterThan(5)
    const names = calls.flat().map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['work::{lambda}::operator()', 'shop::twice', 'shop::nest<4>']))
    expect(unread).toBe(0)
    // The folder that a unit was compiled in stands in the other file, too. addr2line knows lines of more than functions.
    const lines = addr2lines(path, addresses)
    expect(
      addresses.filter((_, i) => frames[i]!.length > 0 && String(printPlaces(frames[i]!)) !== String(lines[i])),
    ).toEqual([])
  })

  test('in the way of DWARF 5, which addr2line 2.40 does not read, it is the same', () => {
    const ours = callsOf(buildPair('sup5', ['-gdwarf-5'], ['--dwarf-5']).path)
    const inGnuWay = callsOf(buildPair('alt5', ['-gdwarf-5']).path)
    const print = ({ calls }: ReturnType<typeof callsOf>) => calls.flat().map(({ name, line }) => `${name} ${line}`)
    expect(print(ours)).toEqual(print(inGnuWay))
    expect(ours.unread).toBe(0)
  })

  test('of a separate debug file it is found from where that is; without it names are missing, and that is counted', () => {
    const { path, shared } = buildPair('stripped', ['-gdwarf-5'])
    const whole = callsOf(path)
    const debug = `${path}.debug`
    execFileSync('objcopy', ['--only-keep-debug', path, debug])
    execFileSync('objcopy', ['--strip-all', `--add-gnu-debuglink=${debug}`, path])
    expect(callsOf(path)).toEqual(whole)
    rmSync(shared)
    const without = callsOf(path)
    expect(without.calls.flat()).toEqual([])
    expect(without.functions).toBe(whole.functions)
    expect(without.unread).toBeGreaterThan(0)
  })
})
