// What addr2line of binutils says was inlined at addresses of a program.
import { execFileSync } from 'node:child_process'
import type { SymbolFrame } from '../src/profile/symbolizer.ts'

/** @returns for each address the names as linkers see them, innermost first, without the function itself */
export function addr2line(path: string, addresses: readonly number[]): string[][] {
  const input = addresses.map((address) => `0x${address.toString(16)}\n`).join('')
  const text = execFileSync('addr2line', ['-a', '-i', '-f', '-e', path], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 29,
  })
  // A line with the address, then a line with the name and one with the place for each frame.
  return text
    .split(/^0x[0-9a-f]+\n/m)
    .slice(1)
    .map((block) => block.split('\n').filter((line, i) => i % 2 === 0 && line !== ''))
    .map((names) => names.slice(0, -1))
}

/**
 * Whether both found the same calls. What has to do with a lambda has no name for linkers: addr2line then prints the
 * name without what it stands in, or that of the symbol at the address, so that level is only counted.
 */
export function areSameCalls(ours: readonly SymbolFrame[], theirs: readonly string[], isC = false): boolean {
  return (
    ours.length === theirs.length &&
    ours.every(({ name, systemName }, level) => (systemName ?? (isC ? name : theirs[level])) === theirs[level])
  )
}

/** @returns for each address the places in the source as `file:line`, innermost first, last that in the function itself */
export function addr2lines(path: string, addresses: readonly number[]): string[][] {
  const input = addresses.map((address) => `0x${address.toString(16)}\n`).join('')
  const text = execFileSync('addr2line', ['-a', '-i', '-e', path], { input, encoding: 'utf8', maxBuffer: 1 << 29 })
  const blocks = text.split(/^0x[0-9a-f]+\n/m).slice(1)
  // Of code without a line the name of the file is sometimes there, as `a.c:?`.
  const plain = (line: string): string => line.replace(/ \(discriminator \d+\)$/, '').replace(/^.*:[0?]$/, unknownLine)
  return blocks.map((block) => block.trimEnd().split('\n').map(plain))
}

const unknownLine = '??:0'

/** The same of ours. */
export function printPlaces(places: readonly Pick<SymbolFrame, 'file' | 'line'>[]): string[] {
  const lines = places.map(({ file, line }) =>
    file === undefined || line === undefined ? unknownLine : `${file}:${line}`,
  )
  return lines.length === 0 ? [unknownLine] : lines
}
