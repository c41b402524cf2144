import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compile, hasTool, nmSymbols, scratchFolder } from '../../test/symbol-programs.ts'
import type { PerfMapping } from '../profile/symbolizer.ts'
import { readElf } from './elf.ts'
import { createFileSymbolizer } from './file-symbolizer.ts'
import { openFile, printDevice } from './open-file.ts'

const text = (answer: number) => `int hot(int x) { return x + ${answer}; }\nint main(void) { return hot(0); }\n`

describe.skipIf(!hasTool('gcc') || !hasTool('nm'))('a file that was recorded', () => {
  const build = (name: string, answer: number) =>
    compile('gcc', { name, text: text(answer), args: ['-O0', '-no-pie', 'SOURCE', '-o', 'OUTPUT'] })
  const path = build('recorded.c', 1)
  const { address } = nmSymbols(path).get('hot')!
  const ips = Float64Array.of(address)
  const stat = statSync(path)
  const place = { pid: 4_000_000, start: 0x401000, length: 0x1000, pageOffset: 0x1000, path, isKernel: false }
  const byInode: PerfMapping = { ...place, device: printDevice(stat.dev), inode: stat.ino }
  const byBuildId: PerfMapping = { ...place, buildId: readElf(openFile(path)!)!.buildId! }

  test('is known by device and inode on the same machine', async () => {
    const here = await createFileSymbolizer()
    expect(here.symbolize(byInode, ips)).toEqual([[{ name: 'hot' }]])
    const elsewhere = await createFileSymbolizer({ sameMachine: false })
    expect(elsewhere.symbolize(byInode, ips)).toEqual([[]])
  })

  test('is known by its build-id anywhere', async () => {
    const elsewhere = await createFileSymbolizer({ sameMachine: false })
    expect(elsewhere.symbolize(byBuildId, ips)).toEqual([[{ name: 'hot' }]])
    expect(elsewhere.losses).toEqual([])
  })

  test('was replaced: no name of the new one, and that is counted', async () => {
    const copy = join(scratchFolder('replaced'), 'program')
    copyFileSync(build('new.c', 2), copy)
    const symbolizer = await createFileSymbolizer()
    for (const mapping of [byInode, byBuildId]) {
      expect(symbolizer.symbolize({ ...mapping, path: copy }, ips)).toEqual([[]])
    }
    expect(symbolizer.losses).toEqual([
      { what: 'files replaced since they were recorded, so not used for names', count: 1 },
    ])
    expect(symbolizer.notes.join()).toContain(`${copy} is not the file that was recorded`)
  })

  test('has no path any more: a folder in its place is no file that was replaced', async () => {
    const symbolizer = await createFileSymbolizer()
    expect(symbolizer.symbolize({ ...byInode, path: '/' }, ips)).toEqual([[]])
    expect([symbolizer.losses, symbolizer.notes]).toEqual([[], []])
  })

  test('of a recording that does not say which one: taken by path, and said so', async () => {
    const symbolizer = await createFileSymbolizer()
    expect(symbolizer.symbolize(place, ips)).toEqual([[{ name: 'hot' }]])
    expect(symbolizer.notes.join()).toContain('was taken by its path')
  })

  test.each(['by path', 'flat', 'by build-id'])('comes from a symbols folder, %s', async (layout) => {
    const folder = scratchFolder(`symbols ${layout}`)
    const id = byBuildId.buildId!
    const name = { 'by path': path, flat: 'recorded', 'by build-id': `.build-id/${id.slice(0, 2)}/${id.slice(2)}` }[
      layout
    ]!
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    copyFileSync(path, join(folder, name))
    const mapping = layout === 'by path' ? byBuildId : { ...byBuildId, path: '/gone/recorded' }
    const symbolizer = await createFileSymbolizer({ symbolsFolder: folder, sameMachine: false })
    expect(symbolizer.symbolize(mapping, ips)).toEqual([[{ name: 'hot' }]])
    // Another build under the same name is not believed.
    copyFileSync(build('other.c', 3), join(folder, name))
    const again = await createFileSymbolizer({ symbolsFolder: folder, sameMachine: false })
    expect(again.symbolize({ ...byBuildId, path: '/gone/recorded' }, ips)).toEqual([[]])
  })
})

describe('the kernel of another boot', () => {
  const folder = scratchFolder('kernel')
  const kallsyms = join(folder, 'kallsyms')
  writeFileSync(kallsyms, 'ffffffff81000000 T _text\nffffffff81000200 T do_work\nffffffff81000300 T other\n')
  const mapping = (textAddress: number): PerfMapping => ({
    pid: -1,
    start: textAddress,
    length: 0x1000000,
    pageOffset: textAddress,
    path: '[kernel.kallsyms]_text',
    isKernel: true,
  })

  test('symbols move with _text (KASLR)', async () => {
    const symbolizer = await createFileSymbolizer({ kallsyms })
    const recorded = -(2 ** 31) + 0x34000000
    expect(symbolizer.symbolize(mapping(recorded), Float64Array.of(recorded + 0x210, recorded - 1))).toEqual([
      [{ name: 'do_work' }],
      [],
    ])
    expect(symbolizer.symbolize(mapping(-0x7f000000), Float64Array.of(-0x7f000000 + 0x300))).toEqual([
      [{ name: 'other' }],
    ])
  })

  test('the running kernel is not asked for another one’s names', async () => {
    const recorded = -(2 ** 31) + 0x34560000
    const symbolizer = await createFileSymbolizer()
    expect(symbolizer.symbolize(mapping(recorded), Float64Array.of(recorded + 0x210))).toEqual([[]])
    expect(symbolizer.notes.join()).toMatch(/Kernel functions have no names/)
  })

  test.skipIf(!hasTool('gcc') || !hasTool('objcopy'))('a vmlinux, by its build-id and address', async () => {
    const object = compile('gcc', {
      name: 'vmlinux.c',
      text: 'int do_work(int x) { return x + 1; } int start_here(void) { return do_work(1); }',
      args: [
        '-O1',
        '-fno-pic',
        '-mcmodel=kernel',
        '-nostdlib',
        '-static',
        '-Wl,-Ttext=0xffffffff81000000,-e,start_here,--build-id',
        'SOURCE',
        '-o',
        'OUTPUT',
      ],
    })
    const at = execFileSync('nm', [object], { encoding: 'utf8' }).match(/^([0-9a-f]+) T do_work$/m)![1]!
    const offset = Number(BigInt(`0x${at}`) - 0xffffffff81000000n)
    const recorded = -(2 ** 31) + 0x12000000
    const buildId = readElf(openFile(object)!)!.buildId!
    const symbolizer = await createFileSymbolizer({ vmlinux: object })
    const ips = Float64Array.of(recorded + offset + 1)
    expect(symbolizer.symbolize({ ...mapping(recorded), buildId }, ips)).toEqual([[{ name: 'do_work' }]])
    expect(symbolizer.symbolize({ ...mapping(recorded), buildId: 'abcd' }, ips)).toEqual([[]])
    expect(symbolizer.notes.join()).toContain('another kernel')
  })
})

test('perf maps that were copied from the recorded machine', async () => {
  const folder = scratchFolder('maps')
  writeFileSync(join(folder, 'perf-77.map'), '7f0000001000 100 LazyCompile:*hot app.js:1\n')
  const symbolizer = await createFileSymbolizer({ symbolsFolder: folder, sameMachine: false })
  const mapping = { pid: 77, start: 0x7f0000000000, length: 0x10000, pageOffset: 0, path: '//anon', isKernel: false }
  expect(symbolizer.symbolize(mapping, Float64Array.of(0x7f0000001010))).toEqual([
    [{ name: 'LazyCompile:*hot app.js:1' }],
  ])
  symbolizer.close()
  expect(readFileSync(join(folder, 'perf-77.map'), 'utf8')).toContain('hot')
  rmSync(folder, { recursive: true })
})

test('a process that started after the recording only has the same number', async () => {
  writeFileSync(`/tmp/perf-${process.pid}.map`, '7f0000001000 100 of_this_process\n')
  const mapping = {
    pid: process.pid,
    start: 0x7f0000000000,
    length: 0x10000,
    pageOffset: 0,
    path: '//anon',
    isKernel: false,
  }
  const ips = Float64Array.of(0x7f0000001010)
  const now = await createFileSymbolizer({ recordedMs: Date.now() })
  const longAgo = await createFileSymbolizer({ recordedMs: Date.now() - 86_400_000 })
  const [of, before] = [now.symbolize(mapping, ips), longAgo.symbolize(mapping, ips)]
  rmSync(`/tmp/perf-${process.pid}.map`)
  expect(of).toEqual([[{ name: 'of_this_process' }]])
  expect(before).toEqual([[]])
})
