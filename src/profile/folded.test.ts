// Folded stacks in and out, in all the forms that tools write.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { drawProfile, printTree } from '../../test/drawn-stacks.ts'
import { ProfileBuilder } from './builder.ts'
import { buildCallTree } from './call-tree.ts'
import { matchesFolded, parseFolded, printDiffFolded, printFolded } from './folded.ts'
import { headBytes } from './format.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (folded: Uint8Array): string => new TextDecoder().decode(folded)
const again = (input: string): string => text(printFolded(parseFolded(bytes(input))))

test('reads blanks in frames, comments, CRLF, a missing last line end, an empty stack, repeated stacks', () => {
  expect(again('# made by hand\r\nmain;GC task 3 17\r\nmain 1\r\n\r\n 4\r\nmain 2\r\nmain;ünï 漢 5')).toBe(
    ' 4\nmain 3\nmain;GC task 3 17\nmain;ünï 漢 5\n',
  )
})

test('keeps counts above 2^53 exact', () => {
  expect(again('a 9007199254740993\na 2\nb -9223372036854775808\n')).toBe(
    'a 9007199254740995\nb -9223372036854775808\n',
  )
  expect(parseFolded(bytes('a 9223372036854775808\n')).losses).toEqual([
    { what: 'counts of more than 64 bits, left out', count: 1 },
  ])
})

test('reads two counts as before and during', () => {
  const profile = parseFolded(bytes('main;parse 12 40\nmain;idle 30 0\n'))
  expect(profile.sampleTypes).toEqual([
    { type: 'before', unit: 'count' },
    { type: 'during', unit: 'count' },
  ])
  expect(printTree(buildCallTree(profile, { sampleType: 0 }))).toContain('idle 30/30')
  expect(buildCallTree(profile).total[0]).toBe(40)
})

test('a number inside a frame is no second count when other lines have one', () => {
  expect(again('main;task 3 17\nmain;task 2\n')).toBe('main;task 2\nmain;task 3 17\n')
})

test('rounds decimals and counts what was lost', () => {
  const profile = parseFolded(bytes('main 3.5\nmain;a 2.0\n'))
  expect(text(printFolded(profile))).toBe('main 4\nmain;a 2\n')
  expect(profile.losses).toEqual([{ what: 'fractions of counts, rounded', count: 1 }])
})

test('counts lines that are no stacks, and refuses a text without any', () => {
  expect(parseFolded(bytes('main 1\nhello world\n')).losses).toEqual([
    { what: 'lines that are not folded stacks', count: 1 },
  ])
  expect(() => parseFolded(bytes('hello\nworld\n'))).toThrow(expect.objectContaining({ code: 'NOT_A_PROFILE' }))
})

test('writes the thread as root, as perf does, and kinds on request', () => {
  const builder = new ProfileBuilder([{ type: 'samples', unit: 'count' }])
  const stack = builder.internStack([
    builder.internFrame('do_sys;call', { module: '[kernel.kallsyms]' }),
    builder.internFrame('LazyCompile:~f x.js:1', { module: '/tmp/perf-1.map' }),
  ])
  builder.addSample(stack, [3], { labels: builder.internLabels([{ key: 'comm', str: 'V8 Worker' }]) })
  expect(text(printFolded(builder.build()))).toBe('V8_Worker;LazyCompile:~f x.js:1;do_sys:call 3\n')
  expect(text(printFolded(builder.build(), { annotate: true }))).toBe(
    'V8_Worker;LazyCompile:~f x.js:1_[j];do_sys:call_[k] 3\n',
  )
})

test('writes the union of two profiles', () => {
  expect(text(printDiffFolded(drawProfile('a;b 3\na 1'), drawProfile('a;c 2\na 5')))).toBe('a 1 5\na;b 3 0\na;c 0 2\n')
})

test("py-spy's file comes back with its lines sorted", () => {
  const file = readFileSync(join(import.meta.dirname, '../../test/fixtures/folded/py-spy.folded'))
  expect(matchesFolded(file)).toBe(true)
  const profile = parseFolded(file)
  expect(text(printFolded(profile)).trim().split('\n')).toEqual(file.toString().trim().split('\n').sort())
  expect(profile.losses).toEqual([])
})

test('tells folded text from other text', () => {
  expect(matchesFolded(bytes('a;b 1\nc;d 2\ne;f'))).toBe(true)
  expect(matchesFolded(bytes('a;b 1\r\n\r\nc;d 2\r\ne;f 3\r\n'))).toBe(true)
  expect(matchesFolded(bytes('cart (7) 12\n# end\n'))).toBe(true)
  expect(matchesFolded(bytes('dear reader,\nsee page 7\n'))).toBe(false)
  expect(matchesFolded(bytes('12\n13.5\n'))).toBe(false)
  expect(matchesFolded(bytes(' 12\n'))).toBe(true)
  expect(matchesFolded(Uint8Array.of(0, 0x31))).toBe(false)
  expect(matchesFolded(bytes(''))).toBe(false)
})

test('a name with a line end in it does not make a file of stacks unknown; a stack may be longer than what is looked at', () => {
  const stacks = 'main;parse;lex 3\n'.repeat(20)
  const broken = bytes(`${stacks}main;eval\n<string>;run 4\n`)
  expect(matchesFolded(broken)).toBe(true)
  expect(parseFolded(broken).losses).toEqual([{ what: 'lines that are not folded stacks', count: 1 }])
  expect(matchesFolded(bytes(`${'12:30 request served in 7\nretry 3\n'.repeat(9)}gone\n`))).toBe(false)
  const deep = 'java.lang.Thread.run;com.example.Walk.visit_[j];'.repeat(2000)
  expect(matchesFolded(bytes(deep).subarray(0, headBytes))).toBe(true)
  expect(matchesFolded(bytes(`{"a":"${deep}"}`).subarray(0, headBytes))).toBe(false)
})
