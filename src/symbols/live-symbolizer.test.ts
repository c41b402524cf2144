import { type ChildProcess, execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { compile, end, hasTool, mappingsOf, nmSymbols, scratchFolder, start } from '../../test/symbol-programs.ts'
import type { SymbolFrame } from '../profile/symbolizer.ts'
import { addressOfOffset, readElf } from './elf.ts'
import { createSymbolizer } from './live-symbolizer.ts'
import { openFile } from './open-file.ts'

const symbolizer = await createSymbolizer()
const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
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

const burn =
  'function burnTheCpu(n) { let s = 0; for (let i = 0; i < n; i++) s = (s * 31 + i) | 0; return s }; for (let i = 0; i < 3000; i++) burnTheCpu(1000); console.log("ready"); setInterval(() => {}, 1e6)'

/** Every name at which one would find code in the anonymous mappings of a process. */
function jitNames(pid: number): string {
  const names = new Set<string>()
  for (const mapping of mappingsOf(pid)) symbolizer.noticed(mapping)
  for (const mapping of mappingsOf(pid).filter(({ path }) => path === '//anon')) {
    const ips = Float64Array.from({ length: mapping.length / 32 }, (_, i) => mapping.start + i * 32)
    for (const frames of symbolizer.symbolize(mapping, ips)) for (const frame of frames) names.add(frame.name)
  }
  return [...names].join('\n')
}

test('JIT code of Node from its perf map', async () => {
  const child = await start(process.execPath, ['--perf-basic-prof', '-e', burn])
  children.push(child)
  const names = jitNames(child.pid)
  rmSync(`/tmp/perf-${child.pid}.map`)
  expect(names).toMatch(/^(JS|LazyCompile):[*+^]'?burnTheCpu \[eval\]:1/m)
})

test('JIT code of Node from its jitdump', async () => {
  const child = await start(process.execPath, ['--perf-prof', '-e', burn], { cwd: scratchFolder('jitdump') })
  children.push(child)
  expect(jitNames(child.pid)).toMatch(/^(JS|LazyCompile):[*+^]'?burnTheCpu \[eval\]:1/m)
})

const canUnshare = process.getuid?.() === 0 && hasTool('unshare', ['-m', '-p', '-f', 'true'])
if (process.getuid?.() !== 0) console.log('skipped: other root folders and PID namespaces need root')

describe.skipIf(!canUnshare)('in a container', () => {
  test('a program at a path where the node has another file, alive and afterwards', async () => {
    const built = compile('gcc', { name: 'inside.c', text: source, args: ['-O1', '-static', 'SOURCE', '-o', 'OUTPUT'] })
    const root = scratchFolder('root')
    mkdirSync(join(root, 'usr/bin'), { recursive: true })
    copyFileSync(built, join(root, 'usr/bin/gzip'))
    const child = await start('unshare', ['-m', 'chroot', root, '/usr/bin/gzip'])
    children.push(child)
    const place = placeOf(child.pid, join(root, 'usr/bin/gzip'), nmSymbols(built).get('inner_work')!.address)
    // perf's records have the path as the process sees it.
    const mapping = { ...place.mapping, path: '/usr/bin/gzip' }
    const ips = Float64Array.of(place.ip)
    expect(symbolizer.symbolize(mapping, ips)).toEqual([[{ name: 'inner_work' }]])
    await end(child)
    expect(symbolizer.symbolize(mapping, ips)).toEqual([[{ name: 'inner_work' }]])
    const late = await createSymbolizer()
    expect(late.symbolize(mapping, ips)).toEqual([[]])
    expect(late.stats().misses).toBe(1)
    late.close()
  })

  test('a perf map is named after the PID that the process itself has, and lies in its own /tmp', async () => {
    // Node is opened first: a checkout below /tmp is out of sight afterwards.
    const inner = `exec 9<"$1"; shift; mount -t tmpfs none /tmp && exec /proc/self/fd/9 "$@"`
    const child = await start('unshare', [
      '--kill-child',
      '-m',
      '-p',
      '-f',
      'sh',
      '-c',
      inner,
      'sh',
      process.execPath,
      '--perf-basic-prof',
      '-e',
      burn,
    ])
    const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
    children.push(child)
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^NSpid:\t\d+\t1$/m)
    expect(jitNames(pid)).toMatch(/^(JS|LazyCompile):[*+^]'?burnTheCpu \[eval\]:1/m)
  })
})

test('a mapping that is noticed again costs no open file', async () => {
  const child = await start('sh', ['-c', 'echo ready; read line'])
  children.push(child)
  const own = await createSymbolizer()
  const openFiles = () => readdirSync('/proc/self/fd').length
  for (const mapping of mappingsOf(child.pid)) own.noticed(mapping)
  const before = openFiles()
  for (let i = 0; i < 100; i++) for (const mapping of mappingsOf(child.pid)) own.noticed({ ...mapping, pid: i })
  expect(openFiles()).toBe(before)
  own.close()
  expect(openFiles()).toBeLessThan(before)
})

test('tables beyond the limit are dropped and read again when needed', async () => {
  const small = await createSymbolizer({ maxBytes: 100_000 })
  const mappings = mappingsOf(process.pid).filter(({ path }) => path.startsWith('/'))
  const names = () =>
    mappings.map((mapping) => {
      const ips = Float64Array.from({ length: 100 }, (_, i) => mapping.start + (i * mapping.length) / 100)
      return small.symbolize(mapping, ips)
    })
  const first = names()
  expect(names()).toEqual(first)
  expect(first.flat(2).length).toBeGreaterThan(100)
  const { bytes } = small.stats()
  const unlimited = await createSymbolizer()
  for (const mapping of mappings) unlimited.symbolize(mapping, Float64Array.of(mapping.start))
  expect(unlimited.stats().bytes).toBeGreaterThan(bytes)
  small.close()
  unlimited.close()
})

test('a return address has the function that perf shows, also behind a call that does not return', async () => {
  const path = compile('gcc', {
    name: 'calls.c',
    text: '#include <stdlib.h>\n#include <stdio.h>\n#include <unistd.h>\n__attribute__((noinline)) void last(void) { abort(); }\nint main(int c, char **v) { puts("r"); fflush(stdout); if (c > 9) last(); pause(); }',
    args: ['-O1', '-no-pie', 'SOURCE', '-o', 'OUTPUT'],
  })
  const child = await start(path)
  children.push(child)
  const { address, size } = nmSymbols(path).get('last')!
  // abort() does not return, so its return address is the first byte after `last`.
  const { mapping, ip } = placeOf(child.pid, path, address)
  const ips = Float64Array.of(ip + size, ip + size)
  const [asLeaf, asReturn] = symbolizer.symbolize(mapping, ips, Uint8Array.of(0, 1))
  expect(asReturn).toEqual(asLeaf)
  expect(asReturn).not.toEqual([{ name: 'last' }])
})

test('files and lines of Go are told when asked for', async (context) => {
  if (!hasTool('go', ['version'])) {
    context.skip('go is not installed here')
    return
  }
  const folder = scratchFolder('go-lines')
  writeFileSync(
    join(folder, 'main.go'),
    'package main\n\nimport "os"\n\nfunc main() { println("ready"); os.Stdin.Read(make([]byte, 1)) }\n',
  )
  writeFileSync(join(folder, 'go.mod'), 'module example.com/lines\n\ngo 1.21\n')
  const path = join(folder, 'lines')
  execFileSync('go', ['build', '-ldflags=-s -w', '-o', path, '.'], {
    cwd: folder,
    env: { ...process.env, CGO_ENABLED: '0' },
  })
  const child = await start('sh', ['-c', `exec "${path}" 2>&1`])
  children.push(child)
  const mapping = mappingsOf(child.pid).find((one) => one.path === path)!
  const ips = Float64Array.from({ length: mapping.length / 64 }, (_, i) => mapping.start + i * 64)
  const withLines = await createSymbolizer({ lines: true })
  const main = (frames: readonly (readonly SymbolFrame[])[]) => frames.flat().find(({ name }) => name === 'main.main')
  expect(main(symbolizer.symbolize(mapping, ips))).toEqual({ name: 'main.main' })
  expect(main(withLines.symbolize(mapping, ips))).toEqual({
    name: 'main.main',
    file: join(folder, 'main.go'),
    line: 5,
    startLine: 5,
  })
  withLines.close()
})
