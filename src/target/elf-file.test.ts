import { openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from '../../test/scratch.ts'
import { ElfFile } from './elf-file.ts'
import { readGoBuildInfo } from './go-build-info.ts'

test('a program whose headers point beyond any file is one without contents, and no failure', () => {
  // An ELF header, then program headers of 56 bytes: a note and constants at 2^60.
  const bytes = Buffer.alloc(64 + 2 * 56)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  bytes.writeUInt16LE(62, 18)
  bytes.writeBigUInt64LE(64n, 32)
  bytes.writeUInt16LE(56, 54)
  bytes.writeUInt16LE(2, 56)
  const notes = 4
  const load = 1
  for (const [i, type] of [notes, load].entries()) {
    bytes.writeUInt32LE(type, 64 + i * 56)
    bytes.writeBigUInt64LE(2n ** 60n, 64 + i * 56 + 8)
    bytes.writeBigUInt64LE(4096n, 64 + i * 56 + 32)
  }
  const path = join(freshFolder('elf'), 'program')
  writeFileSync(path, bytes)
  const elf = ElfFile.open(openSync(path, 'r'))!
  expect(elf.segments).toHaveLength(2)
  expect(readGoBuildInfo(elf)).toBeUndefined()
  expect(elf.findConstant('x', /x/)).toBeUndefined()
  elf.close()
})
