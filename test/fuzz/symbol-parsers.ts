// The readers of symbols for fuzzing, with good files of programs that are compiled and run for it.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ByteSource, memorySource } from '../../src/symbols/byte-source.ts'
import { demangle } from '../../src/symbols/demangle.ts'
import { demangleCpp } from '../../src/symbols/demangle-cpp.ts'
import { openInlinedCalls } from '../../src/symbols/dwarf/inlines.ts'
import { type Elf, type ElfSection, readElf } from '../../src/symbols/elf.ts'
import { openExecutable } from '../../src/symbols/executable.ts'
import { readGoTable } from '../../src/symbols/go-table.ts'
import { JitDump } from '../../src/symbols/jitdump.ts'
import { parseKallsyms } from '../../src/symbols/kallsyms.ts'
import { PerfMap } from '../../src/symbols/perf-map.ts'
import { unpackXz } from '../../src/symbols/xz.ts'
import { compile, end, hasTool, scratchFolder, start } from '../symbol-programs.ts'
import { type Parser, parser } from './fuzz.ts'
import { Random } from './mutate.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Offsets within small programs, and near enough to each other to meet every function. */
const offsets = Array.from({ length: 269 }, (_, i) => i * 61)

/** Programs linked in four ways, so that all kinds of tables and stubs are met. */
function compilePrograms(): Uint8Array[] {
  if (!hasTool('gcc')) return []
  const alone = 'int f(int x) { return x; } void _start(void) { f(1); }'
  const linked = '#include <stdio.h>\nint f(int x) { puts("x"); return x; } int main(void) { return f(1); }'
  const ways: [string, string[]][] = [
    [linked, []],
    [alone, ['-static', '-nostdlib']],
    [linked, ['-fcf-protection', '-Wl,-z,ibtplt']],
    [alone, ['-m32', '-nostdlib', '-static']],
  ]
  return ways.map(([text, flags], i) => {
    const path = compile('gcc', { name: `fuzz${i}.c`, text, args: [...flags, 'SOURCE', '-o', 'OUTPUT'] })
    const file = readFileSync(path)
    if (!namesIn(file).includes('f')) throw new Error(`${flags.join(' ')}: the good file has no f`)
    return file
  })
}

function namesIn(file: Uint8Array): (string | undefined)[] {
  const program = openExecutable({ ...memorySource(file), close: () => undefined })
  return Array.from({ length: 0x4000 }, (_, offset) => program?.framesAt(offset)[0]?.name)
}

interface DebugProgram {
  readonly elf: Elf
  /** Its sections of debug information one behind the other, small enough to be damaged anywhere. */
  readonly debug: Uint8Array
  readonly parts: readonly ElfSection[]
}

let debugPrograms: DebugProgram[] | undefined

/** Programs whose debug information is written in different ways. */
function compileDebug(): readonly DebugProgram[] {
  if (debugPrograms || !hasTool('gcc')) return debugPrograms ?? []
  const text =
    'static inline int f(int x) { return x * x; }\n' +
    'static inline int g(int x) { int y = f(x); { y += f(y); } return y; }\n' +
    'void _start(void) { for (volatile int i = 0; ; ) i = g(i); }'
  const ways = [
    ['-gdwarf-4'],
    ['-gdwarf-5'],
    ['-gdwarf-5', '-gdwarf64'],
    ['-gdwarf-5', '-ffunction-sections', '-gz=zlib'],
  ]
  debugPrograms = ways.map((flags, i) => {
    const args = ['-O2', '-nostdlib', '-static', ...flags, 'SOURCE', '-o', 'OUTPUT']
    const file = readFileSync(compile('gcc', { name: `debug${i}.c`, text, args }))
    const elf = readElf(memorySource(file))!
    const parts = elf.sections.filter(({ name }) => name.startsWith('.debug_'))
    const debug = Buffer.concat(parts.map(({ offset, size }) => file.subarray(offset, offset + size)))
    const program = { elf, debug, parts }
    if (!callsIn(program, debug).includes('f')) throw new Error(`${flags.join(' ')}: the good file has no f`)
    return program
  })
  return debugPrograms
}

/** Names of all that is inlined, as a program would have it with these bytes in place of its debug information. */
function callsIn({ elf, parts }: DebugProgram, debug: Uint8Array): string[] {
  let at = 0
  const sections = parts.map((section) => {
    const offset = at
    at += section.size
    return { ...section, offset, size: Math.max(0, Math.min(section.size, debug.length - offset)) }
  })
  const code = elf.sections.filter(({ name }) => name.startsWith('.text'))
  const file = { ...elf, source: memorySource(debug), sections: [...code, ...sections] }
  // References into a file that others share lead into this one.
  const calls = openInlinedCalls(file, () => file)
  const names: string[] = []
  for (const { address, size } of code) {
    for (let i = 0; i < size; i++) {
      for (const { name } of calls?.at(address + i) ?? []) names.push(name)
      calls?.placesAt(address + i)
    }
  }
  return names
}

interface GoProgram {
  readonly file: Uint8Array
  readonly elf: Elf
  readonly table: ElfSection
  readonly text: ElfSection
}

let goProgram: GoProgram | undefined

function compileGo(): GoProgram | undefined {
  if (goProgram || !hasTool('go', ['version'])) return goProgram
  const folder = scratchFolder('go-fuzz')
  const path = join(folder, 'program')
  writeFileSync(join(folder, 'main.go'), 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("x") }\n')
  writeFileSync(join(folder, 'go.mod'), 'module example.com/f\n')
  execFileSync('go', ['build', '-o', path, '.'], { cwd: folder, env: { ...process.env, CGO_ENABLED: '0' } })
  const file = readFileSync(path)
  const elf = readElf(memorySource(file))!
  const section = (name: string): ElfSection => elf.sections.find((each) => each.name === name)!
  goProgram = { file, elf, table: section('.gopclntab'), text: section('.text') }
  return goProgram
}

/** Go programs are megabytes: the mutant says what to change. 4 bytes for every 8 of it: where, mostly near the start of
 *  the table, and to what. */
function patched({ file, table }: GoProgram, changes: Uint8Array): ByteSource {
  const view = new DataView(changes.buffer, changes.byteOffset, changes.length)
  const whole = memorySource(file)
  const patches: { at: number; value: Uint8Array }[] = []
  for (let p = 0; p + 8 <= changes.length; p += 8) {
    const where = view.getUint32(p, true)
    const at = table.offset + (where % 4 ? where % table.size : where % 128)
    patches.push({ at, value: changes.subarray(p + 4, p + 8) })
  }
  return {
    size: file.length,
    readInto(target, offset) {
      const count = whole.readInto(target, offset)
      for (const { at, value } of patches) {
        if (at >= offset && at + 4 <= offset + count) target.set(value, at - offset)
      }
      return count
    },
  }
}

/** Longer lists of changes cost more to apply than to read. */
const mostChangedBytes = 4000

const mangled = [
  '_ZNSt6vectorIiSaIiEE9push_backERKi',
  '_ZN4llvm17make_filter_rangeINS_14iterator_rangeINS_5MachO13InterfaceFile21const_symbol_iteratorEEESt8functionIFbPKNS2_6SymbolEEEEENS1_INS_20filter_iterator_implIDTclsr3stdE5beginclsr3stdE7declvalIRT_EEEET0_NS_6detail15fwd_or_bidi_tagISF_E4typeEEEEEOSD_SG_',
  '_ZZNSt9once_flag18_Prepare_executionC4IZSt9call_onceIRFvvEJEEvRS_OT_DpOT0_EUlvE_EERS6_ENUlvE_4_FUNEv',
  '_Z1fIJicEEvDpPFvT_E',
  '_ZN1AcvT_IiEEv',
  '_ZN4core3fmt5write17h0123456789abcdefE',
  '_RINvCs2N2TEQjwqGk_7stacker4growINtNtCsgEmfK2I1SDS_4core6result6ResultNtNtCsdadwybgsbvk_12rustc_middle2ty2TyNtNtCsdoLGDhjbLAL_13rustc_type_ir5solve10NoSolutionENCNvXs_NtNtNtCsaspd4q2l9mR_21rustc_trait_selection6traits5query9normalizeNtB2E_15QueryNormalizerINtNtB1L_4fold18FallibleTypeFolderNtNtB17_7context6TyCtxtE11try_fold_ty0EB2K_',
  '_RNvC5crateu8gdel_5qa',
]

export const symbolParsers: readonly Parser[] = [
  parser({
    name: 'executable',
    files: compilePrograms,
    parse: (input) => openExecutable({ ...memorySource(input), close: () => undefined }),
    use(program) {
      for (const offset of offsets) program?.framesAt(offset)
    },
  }),
  parser({
    name: 'go-table',
    files() {
      if (!compileGo()) return []
      const random = new Random(1)
      return [8, 800, 4000].map((length) => Uint8Array.from({ length }, () => random.below(256)))
    },
    parse(input) {
      const program = compileGo()!
      const source = patched(program, input.subarray(0, mostChangedBytes))
      const table = readGoTable({ ...program.elf, source }, { lines: true, inlined: true })
      const { address, size } = program.text
      for (let i = 0; i < 60; i++) table?.framesAt(address + Math.floor((i * size) / 60))
    },
  }),
  parser({
    name: 'debug-info',
    files: () => compileDebug().map(({ debug }) => debug),
    parse(input) {
      for (const program of compileDebug()) callsIn(program, input)
    },
  }),
  parser({
    name: 'kallsyms',
    files() {
      const text = `ffffffff81000000 T _text\nffffffff81000040 t a_function\n0000000000000000 A x\nffffffffc0a01000 t nf_in\t[nf]\n`
      // The last one is long enough to be searched as it is.
      const long = Array.from(
        { length: 4_000 },
        (_, i) => `${(0xffffffff81000000n + BigInt(i * 16)).toString(16)} t f${i}\n`,
      )
      // And one that is cut off within the address of its last line.
      return [bytes(text), bytes(text.repeat(50)), bytes(long.join('') + text), bytes(`${long.join('')}ffff`)]
    },
    parse: parseKallsyms,
    use(symbols) {
      const symbol = symbols?.find(-0x7f000000) ?? -1
      if (symbol !== -1) symbols?.readName(symbol)
    },
  }),
  parser({
    name: 'perf-map',
    files() {
      const text = `7feff5ff6500 120 LazyCompile:*sortWork /app/server.js:12\n0x00007f2a10e40020 0x0000000000000300 java.lang.String::hashCode\n7fe000000000 40000000 large\n`
      return [bytes(text), bytes(text.repeat(200))]
    },
    parse(input) {
      const map = new PerfMap(memorySource(input))
      map.refresh(Math.floor(input.length / 2))
      map.refresh(input.length)
      return map
    },
    use(map) {
      for (const address of [0, 0x1000, 0x7feff5ff6500, 0x7f2a10e40021, 0x7fe000001000]) {
        const line = map.find(address)
        if (line >= 0) map.readName(line)
      }
    },
  }),
  parser({
    name: 'jitdump',
    async files() {
      const folder = scratchFolder('jitdump-fuzz')
      const program = ['--perf-prof', '-e', 'console.log("ready"); setInterval(() => {}, 1e6)']
      await end(await start(process.execPath, program, { cwd: folder }))
      const name = readdirSync(folder).find((each) => each.endsWith('.dump'))!
      const dump = readFileSync(join(folder, name)).subarray(0, 60_000)
      const good = new JitDump(memorySource(dump))
      good.refresh(dump.length)
      if (good.bytes < 1000 || good.dropped > 0) throw new Error('the good dump is not read')
      return [dump]
    },
    parse(input) {
      const jit = new JitDump(memorySource(input))
      jit.refresh(Math.floor(input.length / 2))
      jit.refresh(input.length)
      return jit
    },
    use(jit) {
      for (let address = 0; address < 0x10000; address += 4096) {
        const range = jit.find(address)
        if (range >= 0) jit.readName(range)
      }
    },
  }),
  parser({
    name: 'xz',
    files() {
      if (!hasTool('xz')) return []
      const input = readFileSync(process.execPath).subarray(0, 6000)
      return [[], ['--check=none', '--block-size=1000'], ['--lzma2=lc=0,lp=3,pb=2']].map((args) =>
        execFileSync('xz', ['-c', ...args], { input }),
      )
    },
    parse: (input) => unpackXz(input, { maxBytes: 1 << 24 }),
  }),
  parser({
    name: 'mangled-names',
    files: () => mangled.map(bytes),
    parse(input) {
      const name = Buffer.from(input).toString('latin1')
      return [demangle(name), demangleCpp(name), demangleCpp(`_Z${name}`)]
    },
  }),
]
