// Damaged executables, tables of Go, symbol lists, JIT maps and names: read to the end, within bounds, without a crash.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fuzz } from '../../test/mutate.ts'
import { compile, end, hasTool, scratchFolder, start } from '../../test/symbol-programs.ts'
import { type ByteSource, memorySource } from './byte-source.ts'
import { demangle } from './demangle.ts'
import { demangleCpp } from './demangle-cpp.ts'
import { readElf } from './elf.ts'
import { openExecutable } from './executable.ts'
import { readGoTable } from './go-table.ts'
import { JitDump } from './jitdump.ts'
import { parseKallsyms } from './kallsyms.ts'
import { PerfMap } from './perf-map.ts'
import { unpackXz } from './xz.ts'

const seconds = 2
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const programs = hasTool('gcc')
  ? [[], ['-static', '-nostdlib'], ['-fcf-protection', '-Wl,-z,ibtplt'], ['-m32', '-nostdlib', '-static']].flatMap(
      (flags, i) => {
        const text =
          i % 2
            ? 'int f(int x) { return x; } void _start(void) { f(1); }'
            : '#include <stdio.h>\nint f(int x) { puts("x"); return x; } int main(void) { return f(1); }'
        const path = compile('gcc', { name: `fuzz${i}.c`, text, args: [...flags, 'SOURCE', '-o', 'OUTPUT'] })
        return [readFileSync(path)]
      },
    )
  : []

test.skipIf(programs.length === 0)('executables', async () => {
  const parse = (input: Uint8Array) => {
    const program = openExecutable({ ...memorySource(input), close: () => undefined })
    for (let offset = 0; offset < 0x4000; offset += 61) program?.framesAt(offset)
    return program?.bytes
  }
  // They are good before they are damaged.
  const frames = programs.map((file) => {
    const program = openExecutable({ ...memorySource(file), close: () => undefined })!
    return Array.from({ length: 0x4000 }, (_, offset) => program.framesAt(offset)[0]?.name)
  })
  for (const names of frames) expect(names).toContain('f')
  const { inputs } = await fuzz({ files: programs, parse, seconds: seconds * 2 })
  expect(inputs).toBeGreaterThan(20)
})

describe.skipIf(!hasTool('go', ['version']))('tables of Go', () => {
  test('with some of their numbers changed', async () => {
    const folder = scratchFolder('go-fuzz')
    const path = join(folder, 'program')
    const program = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("x") }\n'
    const source = compileGo(folder, { program, path })
    const elf = readElf(memorySource(source))!
    const table = elf.sections.find((section) => section.name === '.gopclntab')!
    const text = elf.sections.find((section) => section.name === '.text')!
    const parse = (input: Uint8Array) => {
      const damaged = readGoTable({ ...elf, source: patched(source, { table, input }) }, { lines: true, inlined: true })
      for (let i = 0; i < 60; i++) damaged?.framesAt(text.address + Math.floor((i * text.size) / 60))
    }
    const files = [new Uint8Array(8), crypto.getRandomValues(new Uint8Array(800)), new Uint8Array(4000).fill(0xff)]
    const { inputs } = await fuzz({ files, parse, seconds })
    expect(inputs).toBeGreaterThan(20)
  })
})

function compileGo(folder: string, { program, path }: { program: string; path: string }): Uint8Array {
  execFileSync(
    'sh',
    ['-c', 'cat > main.go && echo "module example.com/f" > go.mod && CGO_ENABLED=0 go build -o "$0" .', path],
    {
      cwd: folder,
      input: program,
    },
  )
  return readFileSync(path)
}

/** Reads the file with 4 bytes changed for every 8 of `input`: where in the table, mostly near its start, and to what. */
function patched(
  file: Uint8Array,
  { table, input }: { table: { offset: number; size: number }; input: Uint8Array },
): ByteSource {
  const view = new DataView(input.buffer, input.byteOffset, input.length)
  const patches: { at: number; value: Uint8Array }[] = []
  for (let p = 0; p + 8 <= input.length; p += 8) {
    const where = view.getUint32(p, true)
    const at = table.offset + (where % 4 ? where % table.size : where % 128)
    patches.push({ at, value: input.subarray(p + 4, p + 8) })
  }
  return {
    size: file.length,
    readInto(target, offset) {
      const count = memorySource(file).readInto(target, offset)
      for (const { at, value } of patches) {
        if (at >= offset && at + 4 <= offset + count) target.set(value, at - offset)
      }
      return count
    },
  }
}

test('kernel symbols', async () => {
  const text = `ffffffff81000000 T _text\nffffffff81000040 t a_function\n0000000000000000 A x\nffffffffc0a01000 t nf_in\t[nf]\n`
  const parse = (input: Uint8Array) => {
    const symbols = parseKallsyms(input)
    const index = symbols?.table.find(-0x7f000000, () => '') ?? -1
    return index < 0 ? '' : symbols?.readName(index)
  }
  const { inputs } = await fuzz({ files: [bytes(text), bytes(text.repeat(50))], parse, seconds })
  expect(inputs).toBeGreaterThan(100)
})

test('perf maps', async () => {
  const text = `7feff5ff6500 120 LazyCompile:*sortWork /app/server.js:12\n0x00007f2a10e40020 0x0000000000000300 java.lang.String::hashCode\n7fe000000000 40000000 large\n`
  const parse = (input: Uint8Array) => {
    const map = new PerfMap(memorySource(input))
    map.refresh(Math.floor(input.length / 2))
    map.refresh(input.length)
    for (const address of [0, 0x1000, 0x7feff5ff6500, 0x7f2a10e40021, 0x7fe000001000]) {
      const line = map.find(address)
      if (line >= 0) map.readName(line)
    }
  }
  const { inputs } = await fuzz({ files: [bytes(text), bytes(text.repeat(200))], parse, seconds })
  expect(inputs).toBeGreaterThan(100)
})

test('jitdumps', async () => {
  const folder = scratchFolder('jitdump-fuzz')
  const child = await start(
    process.execPath,
    ['--perf-prof', '-e', 'console.log("ready"); setInterval(() => {}, 1e6)'],
    { cwd: folder },
  )
  await end(child)
  const dump = readFileSync(join(folder, readdirSync(folder).find((name) => name.endsWith('.dump'))!)).subarray(
    0,
    60_000,
  )
  const parse = (input: Uint8Array) => {
    const jit = new JitDump(memorySource(input))
    jit.refresh(Math.floor(input.length / 2))
    jit.refresh(input.length)
    for (let address = 0; address < 0x10000; address += 4096) {
      const range = jit.find(address)
      if (range >= 0) jit.readName(range)
    }
    return jit.bytes
  }
  const good = new JitDump(memorySource(dump))
  good.refresh(dump.length)
  expect([good.bytes > 1000, good.dropped]).toEqual([true, 0])
  const { inputs } = await fuzz({ files: [dump], parse, seconds })
  expect(inputs).toBeGreaterThan(100)
})

describe.skipIf(!hasTool('xz'))('packed symbols', () => {
  test('.xz', async () => {
    const files = [[], ['--check=none', '--block-size=1000'], ['--lzma2=lc=0,lp=3,pb=2']].map((args) =>
      execFileSync('xz', ['-c', ...args], { input: readFileSync(process.execPath).subarray(0, 6000) }),
    )
    const parse = (input: Uint8Array) => unpackXz(input, { maxBytes: 1 << 24 })
    const { inputs } = await fuzz({ files, parse, seconds })
    expect(inputs).toBeGreaterThan(100)
  })
})

test('mangled names', async () => {
  const names = [
    '_ZNSt6vectorIiSaIiEE9push_backERKi',
    '_ZN4llvm17make_filter_rangeINS_14iterator_rangeINS_5MachO13InterfaceFile21const_symbol_iteratorEEESt8functionIFbPKNS2_6SymbolEEEEENS1_INS_20filter_iterator_implIDTclsr3stdE5beginclsr3stdE7declvalIRT_EEEET0_NS_6detail15fwd_or_bidi_tagISF_E4typeEEEEEOSD_SG_',
    '_ZZNSt9once_flag18_Prepare_executionC4IZSt9call_onceIRFvvEJEEvRS_OT_DpOT0_EUlvE_EERS6_ENUlvE_4_FUNEv',
    '_Z1fIJicEEvDpPFvT_E',
    '_ZN1AcvT_IiEEv',
    '_ZN4core3fmt5write17h0123456789abcdefE',
    '_RINvCs2N2TEQjwqGk_7stacker4growINtNtCsgEmfK2I1SDS_4core6result6ResultNtNtCsdadwybgsbvk_12rustc_middle2ty2TyNtNtCsdoLGDhjbLAL_13rustc_type_ir5solve10NoSolutionENCNvXs_NtNtNtCsaspd4q2l9mR_21rustc_trait_selection6traits5query9normalizeNtB2E_15QueryNormalizerINtNtB1L_4fold18FallibleTypeFolderNtNtB17_7context6TyCtxtE11try_fold_ty0EB2K_',
    '_RNvC5crateu8gdel_5qa',
  ]
  const parse = (input: Uint8Array) => {
    const name = Buffer.from(input).toString('latin1')
    return [demangle(name), demangleCpp(name), demangleCpp(`_Z${name}`)]
  }
  const { inputs } = await fuzz({ files: names.map(bytes), parse, seconds })
  expect(inputs).toBeGreaterThan(1000)
})
