import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { compile, hasTool } from '../../test/symbol-programs.ts'
import { demangle } from './demangle.ts'
import { demangleCpp } from './demangle-cpp.ts'
import { demangleRust } from './demangle-rust.ts'

test.each([
  ['_ZNSt6vectorIiSaIiEE9push_backERKi', 'std::vector<int, std::allocator<int> >::push_back'],
  ['_ZNSsC1Ev', 'std::basic_string<char, std::char_traits<char>, std::allocator<char> >::basic_string'],
  ['_ZZ4mainENKUlvE_clEv', 'main::{lambda()#1}::operator()'],
  ['_ZThn8_N3Foo3barEv', 'non-virtual thunk to Foo::bar()'],
  ['_Z3fooIiEvT_.part.0.constprop.1', 'foo<int>'],
  ['_ZN3Foo3barEv@plt', 'Foo::bar@plt'],
  ['_ZlsIiERSoS0_T_', 'operator<< <int>'],
  ['_ZN4core3fmt5write17h0123456789abcdefE.llvm.42', 'core::fmt::write'],
  [
    '_ZN68_$LT$core..fmt..builders..PadAdapter$u20$as$u20$core..fmt..Write$GT$9write_str17h64fc9ab2d1e7f053E',
    '<core::fmt::builders::PadAdapter as core::fmt::Write>::write_str',
  ],
  ['_RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3new', '<std::path::PathBuf>::new'],
  ['_RNvC5crateu8gdel_5qa', 'crate::gödel'],
  // Not mangled, so left alone.
  ['memcpy', 'memcpy'],
  ['resolve.part.3', 'resolve.part.3'],
  ['_start', '_start'],
  ['__libc_start_main@plt', '__libc_start_main@plt'],
  ['runtime.memmove.abi0', 'runtime.memmove.abi0'],
  ['_ZN', '_ZN'],
  ['_R', '_R'],
  ['_Z9999999999x', '_Z9999999999x'],
])('%s is %s', (mangled, plain) => {
  expect(demangle(mangled)).toBe(plain)
})

test.each([
  ['_Z1fPFPFvvEiE', 'f(void (*(*)(int))())'],
  ['_Z1fRA3_A4_Ki', 'f(int const (&) [3][4])'],
  ['_Z1fM1AKFvvE', 'f(void (A::*)() const)'],
  ['_Z1fIJicEEvDpRKT_', 'void f<int, char>(int const&, char const&)'],
  ['_Z1fIiEDTcl1gfp_EET_', 'decltype (g({parm#1})) f<int>(int)'],
  ['_Z1fILi5ELj5ELm5ELb1ELc97EL1E2ELin3EEvv', 'void f<5, 5u, 5ul, true, (char)97, (E)2, -3>()'],
  ['_ZN1AcvT_IiEEv', 'A::operator int<int>()'],
  ['_Z3fooIiEvT_.part.0', 'void foo<int>(int) [clone .part.0]'],
  // T& where T is int&&.
  ['_Z1fIOiEvRT_', 'void f<int&&>(int&)'],
])('%s with parameters is %s', (mangled, plain) => {
  expect(demangleCpp(mangled)).toBe(plain)
})

test('a short name whose text would be gigabytes is refused', () => {
  // f(A, B<A, A>, B<B<A, A>, B<A, A> >, …): every type twice as long as the one before.
  const reference = (index: number) => (index === 0 ? 'S_' : `S${(index - 1).toString(36).toUpperCase()}_`)
  const types = Array.from({ length: 40 }, (_, i) => `1BI${reference(2 * i)}${reference(2 * i)}E`)
  expect(demangleCpp(`_Z1f1A${types.slice(0, 3).join('')}`)).toMatch(/^f\(A, B<A, A>, B<B<A, A>, B<A, A> >, B</)
  const name = `_Z1f1A${types.join('')}`
  expect(demangleCpp(name)).toBeUndefined()
})

const nm = (path: string): string[] => {
  const text = execFileSync('nm', [path], { encoding: 'utf8', maxBuffer: 1 << 28 })
  return [...new Set([...text.matchAll(/ (_[RZ][^\s@]+)/g)].map((match) => match[1] as string))]
}
const filtered = (names: readonly string[], args: readonly string[]): string[] =>
  execFileSync('c++filt', args, { input: `${names.join('\n')}\n`, encoding: 'utf8', maxBuffer: 1 << 28 }).split('\n')

describe.skipIf(!hasTool('c++filt') || !hasTool('nm'))('the same as GNU c++filt', () => {
  // Every 12th of node's 100 000 names, so that the test takes a second.
  const names = nm(process.execPath).filter((name, i) => name.startsWith('_Z') && i % 12 === 0)

  test.each([
    { style: 'with parameters', args: ['-i'], parameters: true },
    { style: "perf's, without", args: ['-i', '-p'], parameters: false },
  ])('for C++ names of node, $style', ({ args, parameters }) => {
    const theirs = filtered(names, ['-s', 'gnu-v3', ...args])
    const different = names.filter((name, i) => {
      const ours = demangleCpp(name, { parameters }) ?? name
      if (ours === theirs[i]) return false
      // Set aside: names that c++filt gives up (`_ZGR…E_`), and `T&&` used again in another function, where it keeps
      // the meaning of the first one.
      return ours === name || (theirs[i] !== name && !/OT\d*_|RS\w*_/.test(name))
    })
    expect(names.length).toBeGreaterThan(5000)
    expect(different).toEqual([])
  })
})

describe.skipIf(!hasTool('c++filt') || !hasTool('rustc'))('Rust', () => {
  test('names of a program and of the standard library in it', () => {
    const path = compile('rustc', {
      name: 'names.rs',
      text: `
use std::collections::BTreeMap;
trait Go { fn go(&self) -> u32; }
impl<const N: usize> Go for [u8; N] { #[inline(never)] fn go(&self) -> u32 { N as u32 } }
#[inline(never)] fn generic<const C: char, const I: i8>(x: &mut Vec<(u8,)>) -> usize { x.push((1,)); x.len() + C as usize + I as usize }
#[inline(never)] fn dynamic(x: &dyn Fn(u8) -> Box<dyn Iterator<Item = u8> + Send>) -> usize { x(3).count() }
fn main() {
    let mut map = BTreeMap::new();
    map.insert("a", 1);
    let mut list = vec![];
    println!("{} {} {} {}", [1u8, 2].go(), generic::<'x', -3>(&mut list), map.len(), dynamic(&|n| Box::new(0..n)));
}`,
      args: ['-O', '-Csymbol-mangling-version=v0', 'SOURCE', '-o', 'OUTPUT'],
    })
    const names = nm(path).filter((name) => name.startsWith('_R') || /17h[0-9a-f]{16}E/.test(name))
    const theirs = filtered(names, ['-i', '-p'])
    expect(names.some((name) => name.startsWith('_R'))).toBe(true)
    expect(names.map((name) => demangleRust(name) ?? name)).toEqual(theirs.slice(0, names.length))
  })
})
