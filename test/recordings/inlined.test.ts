// Inlined calls and source lines of recorded programs against `addr2line -i`, at every address that was sampled or returned to.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { PerfRecording } from '../../src/profile/perf-data/recording.ts'
import type { Symbolizer } from '../../src/profile/symbolizer.ts'
import { memorySource } from '../../src/symbols/byte-source.ts'
import { addressOfOffset, readElf } from '../../src/symbols/elf.ts'
import { createFileSymbolizer } from '../../src/symbols/file-symbolizer.ts'
import { addr2line, addr2lines, areSameCalls, printPlaces } from '../addr2line.ts'
import { hasTool } from '../symbol-programs.ts'
import { compileProgram, type Program, recordProgram, whyNotRecorded } from './programs.ts'

const why = whyNotRecorded() ?? (hasTool('addr2line') ? undefined : 'addr2line is not installed here')
if (why) console.log(`skipped: ${why}`)

const programs: readonly Program[] = [
  {
    name: 'C++ with debug information',
    tool: 'g++',
    source: 'shapes.cpp',
    compile: (source, out) => ['-O2', '-g', '-pthread', '-fno-omit-frame-pointer', source, '-o', out],
    run: (out, seconds) => [out, seconds],
  },
  {
    name: 'Rust with debug information',
    tool: 'rustc',
    source: 'traits.rs',
    compile: (source, out) => ['-O', '-Cdebuginfo=1', '-Cforce-frame-pointers=yes', source, '-o', out],
    run: (out, seconds) => [out, seconds],
  },
]

test.skipIf(why !== undefined).each(programs)('$name', async (program) => {
  const file = recordProgram(program, { seconds: 0.6 })
  if (!file) return
  const path = compileProgram(program)!
  const elf = readElf(memorySource(readFileSync(path)))!
  const symbolizer = await createFileSymbolizer()
  const plain = await createFileSymbolizer({ inlined: false })
  const withLines = await createFileSymbolizer({ lines: true })
  const addresses: number[] = []
  const found: ReturnType<Symbolizer['symbolize']>[number][] = []
  const places: string[][] = []
  const recording = new PerfRecording({ keepsAddresses: true, forgetsChains: true })
  recording.push(readFileSync(file))
  recording.end()
  recording.symbolizeNew({
    symbolize(mapping, ips, returns) {
      const answers = symbolizer.symbolize(mapping, ips, returns)
      // The function that all of it was inlined into is the one that perf shows.
      const functions = plain.symbolize(mapping, ips, returns)
      expect(answers.map((frames) => frames.slice(-1))).toEqual(functions)
      if (mapping.path !== path) return answers
      places.push(...withLines.symbolize(mapping, ips, returns).map(printPlaces))
      answers.forEach((frames, i) => {
        const offset = ips[i]! - mapping.start + mapping.pageOffset - (returns?.[i] ?? 0)
        addresses.push(addressOfOffset(elf, offset)!)
        found.push(frames.slice(0, -1))
      })
      return answers
    },
  })
  symbolizer.close()
  plain.close()
  withLines.close()
  const theirs = addr2line(path, addresses)
  const different = theirs.flatMap((names, i) =>
    areSameCalls(found[i]!, names) ? [] : [{ address: addresses[i], ours: found[i], theirs: names }],
  )
  expect(different).toEqual([])
  const lines = addr2lines(path, addresses)
  // What follows a call that never returns is the next function: of that address nothing is said.
  const said = places.map((place, i) => [place.join(), lines[i]!.join()]).filter(([ours]) => ours !== '??:0')
  expect(said.filter(([ours, theirs]) => ours !== theirs)).toEqual([])
  expect(said.length).toBeGreaterThan(places.length * 0.9)
  // In both programs most of what burns was inlined.
  expect(found.filter((calls) => calls.length > 0).length).toBeGreaterThan(0)
})
