import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hasTool, scratchFolder } from '../../test/symbol-programs.ts'
import { type Elf, elf, offsetOfAddress, readElf } from './elf.ts'
import { openExecutable } from './executable.ts'
import { readGoTable } from './go-table.ts'
import { openFile } from './open-file.ts'

/** Prints its own inlined frames for some addresses: `pc function file line`, innermost first, a blank line after each. */
const source = `package main

import (
	"fmt"
	"os"
	"runtime"
)

func leaf() []uintptr {
	pcs := make([]uintptr, 16)
	return pcs[:runtime.Callers(1, pcs)]
}

func middle[T any](x T) []uintptr { _ = x; return leaf() }

func outer() []uintptr { return middle("x") }

//go:noinline
func physical() []uintptr { return outer() }

type shape struct{ a int }

//go:noinline
func (s *shape) method() []uintptr { return physical() }

func main() {
	for _, pc := range (&shape{}).method() {
		frames := runtime.CallersFrames([]uintptr{pc})
		for {
			frame, more := frames.Next()
			fmt.Fprintf(os.Stdout, "%x %s %s %d\\n", pc, frame.Function, frame.File, frame.Line)
			if !more {
				break
			}
		}
	}
}
`

const hasGo = hasTool('go', ['version'])

function build(name: string, flags: readonly string[], environment: Record<string, string> = {}): string {
  const folder = scratchFolder('go')
  mkdirSync(join(folder, 'program'), { recursive: true })
  writeFileSync(join(folder, 'go.mod'), 'module example.com/frames.v2\n\ngo 1.21\n')
  writeFileSync(join(folder, 'main.go'), source)
  const output = join(folder, name)
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOTOOLCHAIN: 'local', ...environment }
  execFileSync('go', ['build', '-o', output, ...flags, '.'], { cwd: folder, env })
  return output
}

const detail = { lines: true, inlined: true }

describe.skipIf(!hasGo)('a Go program', () => {
  const program = hasGo ? build('plain', []) : ''

  test.each([
    { name: 'as it comes', flags: [], path: 'plain' },
    { name: 'stripped', flags: ['-ldflags=-s -w'], path: 'stripped' },
    { name: 'position independent and stripped', flags: ['-buildmode=pie', '-ldflags=-s -w'], path: 'pie' },
  ])('$name: inlined frames, files and lines are those of its own runtime', ({ flags, path }) => {
    const built = path === 'plain' ? program : build(path, flags)
    const file = readElf(openFile(built)!)!
    const executable = openExecutable(openFile(built)!, { detail })!
    const lines = execFileSync(built, { encoding: 'utf8', env: {} }).trimEnd().split('\n')
    const frames = lines.map((line) => {
      const [pc = '', name = '', at = '', row = ''] = line.split(' ')
      return { pc: Number.parseInt(pc, 16), text: `${name} ${at}:${row}` }
    })
    // A position-independent program was loaded somewhere; a function that both know tells where.
    const physical = frames.find(({ text }) => text.startsWith('main.physical'))!
    const shift = shiftOf(file, 'main.physical', physical.pc)
    const found = frames.map(({ pc }) =>
      executable
        // Go's runtime gives return addresses, and looks them up one byte earlier, at the call.
        .framesAt(offsetOfAddress(file, pc - shift - 1)!)
        .map((frame) => `${frame.name.replace(/\[go\.shape.*\]/, '[...]')} ${frame.file}:${frame.line}`),
    )
    // Its list has inlined calls one by one: ours are the beginning of what is left of it.
    found.forEach((ours, i) => {
      expect(ours).toEqual(frames.slice(i, i + ours.length).map(({ text }) => text))
    })
    expect(found.map((ours) => ours.length)).toContain(3)
    for (const { pc } of frames) {
      const atCall = executable.framesAt(offsetOfAddress(file, pc - shift - 1)!)
      expect(executable.framesAt(offsetOfAddress(file, pc - shift)!, true)).toEqual(atCall)
    }
  })

  test('names and lines of 2 000 addresses are those of go tool addr2line', () => {
    const file = readElf(openFile(program)!)!
    const table = readGoTable(file, detail)!
    const plainTable = readGoTable(file, { lines: false, inlined: false })!
    const text = file.sections.find((section) => section.name === '.text')!
    const step = Math.floor(text.size / 2000)
    const addresses = Array.from({ length: 2000 }, (_, i) => text.address + i * step)
    const input = `${addresses.map((address) => `0x${address.toString(16)}`).join('\n')}\n`
    const theirs = execFileSync('go', ['tool', 'addr2line', program], { input, encoding: 'utf8' }).trimEnd().split('\n')
    const different = addresses.filter((address, i) => {
      const frames = table.framesAt(address)
      const [name, place] = [theirs[2 * i], theirs[2 * i + 1]]
      // Between functions stands padding without a line.
      if (place === ':-1') return frames[0]?.line !== undefined
      return frames.at(-1)?.name !== name || `${frames[0]?.file}:${frames[0]?.line}` !== place
    })
    expect(different).toEqual([])
    const outermost = (address: number) => table.framesAt(address).slice(-1)
    expect(addresses.map((address) => plainTable.framesAt(address))).toEqual(
      addresses.map((address) => outermost(address).map(({ name }) => ({ name }))),
    )
  })

  test('every function of go tool nm, also without sections', () => {
    const symbols = [
      ...execFileSync('go', ['tool', 'nm', '-type', program], { encoding: 'utf8' }).matchAll(
        /^\s*([0-9a-f]+) [tT] (\S+)$/gm,
      ),
    ]
    const table = readGoTable(readElf(openFile(program)!)!, { lines: false, inlined: false })!
    const withoutSections = readGoTable(
      { ...readElf(openFile(program)!)!, sections: [] },
      { lines: false, inlined: false },
    )!
    expect(symbols.length).toBeGreaterThan(1000)
    const names = new Map<number, Set<string>>()
    for (const [, address = '', name = ''] of symbols) {
      const key = Number.parseInt(address, 16)
      names.set(key, (names.get(key) ?? new Set()).add(plain(name)))
    }
    // Marks of the linker, no functions of Go.
    const marks = /^(runtime\.e?text|go:.*|internal\/cpu\..*cpuid.*)$/
    const different = [...names].filter(([address, wanted]) => {
      const found = plain(table.framesAt(address)[0]?.name ?? '')
      return (
        ![...wanted].some((name) => marks.test(name) || name === found) ||
        withoutSections.framesAt(address)[0]?.name !== table.framesAt(address)[0]?.name
      )
    })
    expect(different).toEqual([])
  })

  test('without lines and inlined calls only functions are told', () => {
    const table = readGoTable(readElf(openFile(program)!)!, { lines: false, inlined: false })!
    const address = findAddress(program, 'main.physical')
    expect(table.framesAt(address + 20)).toEqual([{ name: 'main.physical' }])
  })

  test('the linker’s own name is kept beside Go’s', () => {
    const executable = openExecutable(openFile(program)!)!
    const address = findAddress(program, 'runtime.rt0_go.abi0')
    const [frame] = executable.framesAt(offsetOfAddress(readElf(openFile(program)!)!, address)!)
    expect([frame?.name, frame?.systemName]).toEqual(['runtime.rt0_go', 'runtime.rt0_go.abi0'])
  })
})

/** nm marks what is written in assembly, and writes the dot of local names as a plain one. */
const plain = (name: string): string => name.replace(/\.abi0$/, '').replace(/·(\d+)$/, '.$1')

function findAddress(path: string, name: string): number {
  const text = execFileSync('nm', [path], { encoding: 'utf8', maxBuffer: 1 << 28 })
  return Number.parseInt(text.split('\n').find((line) => line.endsWith(` ${name}`)) ?? '0', 16)
}

/** How far the program was loaded from where its file says: by the page on which a function is. */
function shiftOf(file: Elf, name: string, pc: number): number {
  const table = readGoTable(file, detail)!
  const segment = file.segments.find(({ type, flags }) => type === elf.ptLoad && flags & elf.segmentExecutable)!
  for (let page = segment.address - (segment.address % 4096); page < segment.address + segment.fileSize; page += 4096) {
    const address = page + (pc % 4096)
    if (table.framesAt(address - 1).at(-1)?.name === name) return pc - address
  }
  throw new Error(`${name} is not in the table`)
}
