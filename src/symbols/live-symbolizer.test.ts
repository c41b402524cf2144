import { rmSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { compile, mappingsOf, nmSymbols, start } from '../../test/symbol-programs.ts'
import { addressOfOffset, readElf } from './elf.ts'
import { createSymbolizer } from './live-symbolizer.ts'
import { openFile } from './open-file.ts'

const symbolizer = await createSymbolizer()
const children: { kill(): void }[] = []
afterAll(() => {
  for (const child of children) child.kill()
  symbolizer.close()
})

const source = `
#include <stdio.h>
#include <unistd.h>
__attribute__((noinline)) int inner_work(int x) { return x * 3 + getpid(); }
__attribute__((noinline)) int outer_work(int x) { return inner_work(x) + 1; }
int main(void) { puts("ready"); fflush(stdout); volatile int x = outer_work(1); pause(); return x; }
`

/** Where a vaddr of the main executable is in the process. */
function placeOf(pid: number, path: string, vaddr: number) {
  const elf = readElf(openFile(path, { followLinks: true })!)!
  for (const mapping of mappingsOf(pid)) {
    if (!mapping.path.startsWith(path)) continue
    const base = addressOfOffset(elf, mapping.pageOffset)!
    if (vaddr >= base && vaddr < base + mapping.length) return { mapping, ip: mapping.start + vaddr - base }
  }
  throw new Error(`no mapping of ${path} holds ${vaddr.toString(16)}`)
}

test.each([
  { kind: 'PIE', args: ['-O1', '-pie', '-fPIE'] },
  { kind: 'fixed address', args: ['-O1', '-no-pie'] },
])('functions and PLT stubs of a C program ($kind), also after it was deleted', async ({ kind, args }) => {
  const path = compile('gcc', {
    name: `work-${kind.split(' ')[0]}.c`,
    text: source,
    args: [...args, 'SOURCE', '-o', 'OUTPUT'],
  })
  const symbols = nmSymbols(path)
  const child = await start(path)
  children.push(child)
  const inner = placeOf(child.pid, path, symbols.get('inner_work')!.address + 3)
  const outer = placeOf(child.pid, path, symbols.get('outer_work')!.address)
  symbolizer.noticed(inner.mapping)
  rmSync(path)
  const ips = Float64Array.of(inner.ip, outer.ip, inner.mapping.start - 4096)
  expect(symbolizer.symbolize(inner.mapping, ips)).toEqual([[{ name: 'inner_work' }], [{ name: 'outer_work' }], []])
})

test('the kernel and the vdso', () => {
  const kernel = {
    pid: -1,
    start: -(2 ** 31),
    length: 2 ** 30,
    pageOffset: 0,
    path: '[kernel.kallsyms]_text',
    isKernel: true,
  }
  expect(symbolizer.notes).toEqual([])
  expect(symbolizer.symbolize(kernel, Float64Array.of(0)).flat()).toEqual([])
  const vdso = mappingsOf(process.pid).find((mapping) => mapping.path === '[vdso]')!
  const ips = Float64Array.from({ length: vdso.length / 16 }, (_, i) => vdso.start + i * 16)
  const names = new Set(symbolizer.symbolize(vdso, ips).map((frames) => frames[0]?.name))
  expect(names).toContain('__vdso_clock_gettime')
})

test('JIT code of Node from its perf map', async () => {
  const child = await start(process.execPath, [
    '--perf-basic-prof',
    '-e',
    'function burnTheCpu(n) { let s = 0; for (let i = 0; i < n; i++) s = (s * 31 + i) | 0; return s }; for (let i = 0; i < 3000; i++) burnTheCpu(1000); console.log("ready"); setInterval(() => {}, 1e6)',
  ])
  children.push(child)
  const anonymous = mappingsOf(child.pid).filter((mapping) => mapping.path === '//anon')
  const names = new Set<string>()
  for (const mapping of anonymous) {
    symbolizer.noticed(mapping)
    const ips = Float64Array.from({ length: mapping.length / 32 }, (_, i) => mapping.start + i * 32)
    for (const frames of symbolizer.symbolize(mapping, ips)) for (const frame of frames) names.add(frame.name)
  }
  expect([...names].join('\n')).toMatch(/^(JS|LazyCompile):[*+^]'?burnTheCpu \[eval\]:1/m)
  rmSync(`/tmp/perf-${child.pid}.map`)
})
