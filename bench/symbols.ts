// Names for addresses, cold: each figure is CPU (user+sys) of a process that has just started and has nothing cached
// or compiled, the median of some; against the GNU tools for the same file. Warm: one process, the same addresses again.
//
//   node bench/symbols.ts [rounds, default 7]
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { demangle } from '../src/symbols/demangle.ts'
import { type Elf, elf, offsetOfAddress, readElf } from '../src/symbols/elf.ts'
import { openExecutable } from '../src/symbols/executable.ts'
import { readKallsyms } from '../src/symbols/kernel-symbols.ts'
import { openFile } from '../src/symbols/open-file.ts'
import { median, printRow } from './measure.ts'

/** What a window of a busy node needs of its largest file. */
const addresses = 500

interface Cold {
  readonly cpuMs: number
  readonly named: number
  readonly bytes: number
}

/** Bytes of the file's code, evenly spread. */
function codeOffsets(file: Elf): number[] {
  const text = file.sections.find((section) => section.name === '.text' && section.flags & elf.sectionExecutable)
  if (!text) throw new Error('no .text')
  return Array.from({ length: addresses }, (_, i) => text.address + Math.floor(((i + 0.5) * text.size) / addresses))
}

function measureCold(path: string): Cold {
  if (path === '/proc/kallsyms') {
    // As many addresses as of a file, spread over the kernel's code.
    const wanted = Array.from({ length: addresses }, (_, i) => -0x7f000000 + i * 36_000)
    const start = process.cpuUsage()
    const symbols = readKallsyms(path)
    const named = wanted.filter((address) => {
      const symbol = symbols?.find(address) ?? -1
      return symbol !== -1 && symbols?.readName(symbol) !== ''
    }).length
    return { cpuMs: cpuSince(start), named, bytes: symbols?.bytes ?? 0 }
  }
  const start = process.cpuUsage()
  const source = openFile(path, { followLinks: true })
  const file = source && readElf(source)
  // As in the agent: inlined calls, no lines.
  const program = source && openExecutable(source, { detail: { lines: false, inlined: true } })
  if (!file || !program) throw new Error(`${path} is no ELF file`)
  const named = codeOffsets(file).filter((at) => program.framesAt(offsetOfAddress(file, at) ?? -1).length > 0).length
  return { cpuMs: cpuSince(start), named, bytes: program.bytes }
}

function cpuSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

/** User and system time of a command, by the shell's own count. */
function commandMs(command: string, input = ''): number | undefined {
  const script = `exec 3>&2; TIMEFORMAT='%U %S'; time ( ${command} >/dev/null 2>&1 )`
  try {
    const text = execFileSync('bash', ['-c', `{ ${script}; } 2>&1`], { encoding: 'utf8', input, maxBuffer: 1 << 26 })
    const [user = 0, system = 0] = text.trim().split('\n').at(-1)?.split(' ').map(Number) ?? []
    return (user + system) * 1000
  } catch {
    return undefined
  }
}

function findFile(folder: string, pattern: RegExp): string | undefined {
  if (!existsSync(folder)) return undefined
  for (const entry of readdirSync(folder, { recursive: true }))
    if (pattern.test(String(entry))) return `${folder}/${entry}`
  return undefined
}

const ms = (value: number | undefined): string =>
  value === undefined ? '–' : `${value.toFixed(value < 20 ? 1 : 0)} ms`

function main(rounds: number): void {
  const files = [
    { name: 'node', path: process.execPath, goal: '≤ 94 ms (prototype: its whole table)' },
    { name: 'libjvm', path: findFile('/usr/lib/jvm', /server\/libjvm\.so$/), goal: '≤ 48 ms' },
    { name: 'go (Go, 15 000 functions)', path: findFile('/usr/local/go/bin', /^go$/), goal: '≤ 42 ms' },
    { name: 'kallsyms', path: '/proc/kallsyms', goal: '≤ 170 ms' },
  ]
  for (const { name, path, goal } of files) {
    if (!path) {
      printRow({ work: `${name}: not on this machine`, ours: '–', goal })
      continue
    }
    const cold = Array.from({ length: rounds }, () => {
      const text = execFileSync(process.execPath, [import.meta.filename, '--cold', path], { encoding: 'utf8' })
      return JSON.parse(text) as Cold
    })
    const ours = median(cold.map((one) => one.cpuMs))
    const [{ named, bytes }] = cold as [Cold]
    const isKernel = path === '/proc/kallsyms'
    const input = isKernel ? '' : offsetsAsText(path)
    const peer = isKernel ? 'cat' : 'addr2line -f -C'
    const theirs = commandMs(isKernel ? `cat ${path}` : `addr2line -f -C -e ${path}`, input)
    printRow({
      work: isKernel
        ? `kernel: ${named} of ${addresses} addresses named, cold`
        : `${name}: ${named} of ${addresses} addresses named, cold`,
      ours: `${ms(ours)}, ${(bytes / 1e6).toFixed(1)} MB kept`,
      theirs: `${ms(theirs)} (${peer})`,
      ratio: theirs ? `${(theirs / ours).toFixed(1)} ×` : '–',
      goal,
    })
  }
  warmRow()
  demangleRow()
}

function offsetsAsText(path: string): string {
  const source = openFile(path, { followLinks: true })
  const file = source && readElf(source)
  return file
    ? `${codeOffsets(file)
        .map((at) => at.toString(16))
        .join('\n')}\n`
    : ''
}

function warmRow(): void {
  const source = openFile(process.execPath, { followLinks: true })
  const file = source && readElf(source)
  const program = source && openExecutable(source)
  if (!file || !program) return
  const offsets = codeOffsets(file).map((at) => offsetOfAddress(file, at) ?? -1)
  const once = () => offsets.reduce((sum, offset) => sum + program.framesAt(offset).length, 0)
  for (let i = 0; i < 200; i++) once()
  const start = process.cpuUsage()
  for (let i = 0; i < 1000; i++) once()
  const perAddress = (cpuSince(start) * 1000) / (1000 * addresses)
  printRow({ work: 'node: an address again, warm', ours: `${perAddress.toFixed(2)} µs`, goal: '≤ 1 µs' })
}

function demangleRow(): void {
  const text = execFileSync('nm', [process.execPath], { encoding: 'utf8', maxBuffer: 1 << 28 })
  const names = [...new Set([...text.matchAll(/ [tTwW] (_Z\S+)/g)].map((match) => match[1] as string))]
  const start = process.cpuUsage()
  for (const name of names) demangle(name)
  const ours = cpuSince(start)
  const theirs = commandMs('c++filt -p -i', `${names.join('\n')}\n`)
  printRow({
    work: `demangle the ${names.length} C++ names of node`,
    ours: `${ms(ours)}, ${((ours * 1000) / names.length).toFixed(1)} µs each`,
    theirs: `${ms(theirs)} (c++filt)`,
    ratio: theirs ? `${(theirs / ours).toFixed(1)} ×` : '–',
    goal: '≤ 100 µs each (prototype)',
  })
}

if (process.argv[2] === '--cold') process.stdout.write(JSON.stringify(measureCold(process.argv[3] as string)))
else main(Number(process.argv[2] ?? 7))
