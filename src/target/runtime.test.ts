// Real programs, looked at while they run; what this machine does not have is made up as a /proc folder.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { ElfFile } from './elf-file.ts'
import { readGoBuildInfo } from './go-build-info.ts'
import { detectRuntime } from './runtime.ts'

const dir = mkdtempSync(join(tmpdir(), 'spikecam-runtime-'))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => rmSync(dir, { recursive: true }))

const which = (name: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))
/** Runs a program until it has printed something, which is after its libraries are mapped. */
async function run(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve)
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}`)))
  })
  return child.pid as number
}
const needs = (program: string | undefined, what: string): boolean => {
  if (!program) process.stderr.write(`skipped: runtime of ${what}: not installed\n`)
  return program !== undefined
}
const programs = { python: '/usr/bin/python3', java: which('java'), go: which('go'), gcc: which('gcc') }

test('Node, by its own strings: this very process', () => {
  expect(detectRuntime(process.pid)).toEqual({
    runtime: 'node',
    version: process.versions.node,
    libc: 'glibc',
    framePointers: 'likely',
  })
})

describe.skipIf(!needs(existsSync(programs.python) ? programs.python : undefined, 'Python'))('Python', () => {
  test('whole version', async () => {
    const version = execFileSync(programs.python, ['-c', 'import platform; print(platform.python_version())'], {
      encoding: 'utf8',
    }).trim()
    const pid = await run(programs.python, ['-c', 'import time; print(1, flush=True); time.sleep(60)'])
    expect(detectRuntime(pid)).toMatchObject({ runtime: 'python', version, libc: 'glibc' })
  })
})

describe.skipIf(!needs(programs.java, 'Java'))('Java', () => {
  test('version, and frame pointers only when asked for', async () => {
    const source = join(dir, 'Wait.java')
    const code = 'System.out.println(System.getProperty("java.version")); Thread.sleep(60000);'
    writeFileSync(source, `class Wait { public static void main(String[] a) throws Exception { ${code} } }`)
    const pids = await Promise.all([
      run(programs.java as string, ['-Xshare:auto', source]),
      run(programs.java as string, ['-XX:+PreserveFramePointer', source]),
    ])
    const [plain, preserving] = pids.map((pid) => detectRuntime(pid))
    const show = ['-c', '"$1" -XshowSettings:properties -version 2>&1', 'sh', programs.java as string]
    const settings = execFileSync('/bin/sh', show, { encoding: 'utf8' })
    expect(plain).toEqual({
      runtime: 'jvm',
      version: /java\.version = (\S+)/.exec(settings)?.[1],
      libc: 'glibc',
      framePointers: 'unlikely',
    })
    expect(preserving?.framePointers).toBe('likely')
  })
})

describe.skipIf(!needs(programs.go, 'Go'))('Go', () => {
  test('version and build of a stripped program, as `go version -m` prints them', async () => {
    mkdirSync(join(dir, 'waiter'))
    writeFileSync(join(dir, 'waiter/go.mod'), 'module example.test/waiter\n\ngo 1.18\n')
    writeFileSync(
      join(dir, 'waiter/main.go'),
      'package main\nimport "time"\nfunc main() { println(1); print(2); time.Sleep(time.Minute) }\n',
    )
    const program = join(dir, 'waiter/waiter')
    execFileSync(programs.go as string, ['build', '-ldflags=-s -w', '-o', program, '.'], {
      cwd: join(dir, 'waiter'),
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOTOOLCHAIN: 'local' },
      stdio: 'ignore',
    })
    const child = spawn(program, { stdio: ['ignore', 'ignore', 'pipe'] })
    children.push(child)
    await new Promise((resolve) => child.stderr.once('data', resolve))
    const lines = execFileSync(programs.go as string, ['version', '-m', program], { encoding: 'utf8' })
    expect(detectRuntime(child.pid as number)).toMatchObject({
      runtime: 'go',
      version: /: go(\S+)/.exec(lines)?.[1],
      libc: 'static',
      framePointers: 'likely',
      go: { path: 'example.test/waiter', module: 'example.test/waiter' },
    })
  })
})

describe.skipIf(!needs(programs.gcc, 'C'))('native', () => {
  test('frame pointers by how its functions begin; programs with too few say nothing', async () => {
    const source = join(dir, 'many.c')
    const functions = Array.from(
      { length: 60 },
      (_, i) =>
        `__attribute__((noinline)) int f${i}(int n) { char b[64]; snprintf(b, 64, "%d", n + ${i}); return puts(b); }`,
    )
    const calls = Array.from({ length: 60 }, (_, i) => `f${i}(c);`)
    writeFileSync(
      source,
      `#include <stdio.h>\n#include <unistd.h>\n${functions.join('\n')}\nint main(int c) { ${calls.join(' ')} fflush(stdout); return sleep(60); }`,
    )
    const build = async (name: string, ...flags: string[]): Promise<number> => {
      execFileSync(programs.gcc as string, ['-O2', ...flags, '-o', join(dir, name), source])
      return run(join(dir, name), [])
    }
    expect(detectRuntime(await build('with', '-fno-omit-frame-pointer'))).toMatchObject({
      runtime: 'native',
      libc: 'glibc',
      framePointers: 'likely',
    })
    expect(detectRuntime(await build('without', '-fomit-frame-pointer')).framePointers).toBe(
      process.arch === 'arm64' ? 'likely' : 'unlikely',
    )
    writeFileSync(source, '#include <unistd.h>\nint main() { write(1, "1", 1); return sleep(60); }')
    expect(detectRuntime(await build('tiny')).framePointers).toBe(process.arch === 'arm64' ? 'likely' : 'unknown')
  })
})

test('gone, or a kernel thread: unknown', () => {
  expect(detectRuntime(2 ** 22 + 1)).toEqual({ runtime: 'unknown', framePointers: 'unknown' })
})

/** A process as /proc shows it: a program, mapped libraries, and the root folder of its container. */
function fakeProcess(pid: number, exe: string, libraries: readonly string[], files: Record<string, string> = {}): void {
  const folder = join(dir, 'proc', String(pid))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, 'root', path)), { recursive: true })
    writeFileSync(join(folder, 'root', path), text)
  }
  mkdirSync(folder, { recursive: true })
  symlinkSync(exe, join(folder, 'exe'))
  writeFileSync(
    join(folder, 'maps'),
    libraries
      .map((path, i) => `7f${i}000-7f${i}100 r-xp 00000000 fe:01 ${100 + i}                  ${path}\n`)
      .join(''),
  )
}
const fake = (pid: number): ReturnType<typeof detectRuntime> => detectRuntime(pid, join(dir, 'proc'))

test('musl, and versions from the files of an image', () => {
  fakeProcess(1, '/usr/bin/caddy', ['/lib/ld-musl-x86_64.so.1'])
  expect(fake(1)).toMatchObject({ runtime: 'native', libc: 'musl' })
  fakeProcess(2, '/usr/local/bin/node', ['/lib/ld-musl-aarch64.so.1'], {
    '/usr/local/include/node/node_version.h':
      '#define NODE_MAJOR_VERSION 22\n#define NODE_MINOR_VERSION 4\n#define NODE_PATCH_VERSION 1\n',
  })
  expect(fake(2)).toMatchObject({ runtime: 'node', version: '22.4.1', libc: 'musl' })
  fakeProcess(3, '/opt/java/openjdk/jre/bin/java', ['/opt/java/openjdk/jre/lib/amd64/server/libjvm.so'], {
    '/opt/java/openjdk/release': 'IMPLEMENTOR="Temurin"\nJAVA_VERSION="1.8.0_422"\n',
  })
  expect(fake(3)).toMatchObject({ runtime: 'jvm', version: '1.8.0_422' })
  // a debugger that can run Python scripts is no Python program
  fakeProcess(4, '/usr/bin/gdb', ['/usr/lib/libpython3.11.so.1.0', '/usr/lib/libc.so.6'])
  expect(fake(4)).toMatchObject({ runtime: 'native', libc: 'glibc' })
})

test('a container may lay traps: a pipe or a link out of it in place of a file is not opened', () => {
  writeFileSync(join(dir, 'outside'), 'JAVA_VERSION="6.6.6"\n')
  fakeProcess(5, '/jdk/bin/java', ['/jdk/lib/server/libjvm.so'], { '/jdk/README': '' })
  symlinkSync(join(dir, 'outside'), join(dir, 'proc/5/root/jdk/release'))
  execFileSync('mkfifo', [join(dir, 'proc/5/root/release')])
  expect(fake(5)).toMatchObject({ runtime: 'jvm' })
  expect(fake(5).version).toBeUndefined()
  // A folder may be the link, too; where it leads to counts as the container sees it.
  const outside = join(dir, 'jdk-outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'release'), 'JAVA_VERSION="6.6.6"\n')
  for (const [pid, link] of [
    [6, outside],
    [7, '../../opt/jdk'],
  ] as const) {
    fakeProcess(pid, '/usr/jdk/bin/java', ['/usr/jdk/lib/server/libjvm.so'], {
      '/usr/README': '',
      '/opt/jdk/release': 'JAVA_VERSION="21.0.1"\n',
    })
    symlinkSync(link, join(dir, `proc/${pid}/root/usr/jdk`))
  }
  expect(fake(6).version).toBeUndefined()
  expect(fake(7).version).toBe('21.0.1')
})

test('what an image says of itself is cut to a line that fits a table', () => {
  const release = `JAVA_VERSION="21\x1b]0;owned\x07\n\u009b2J\u202e${'x'.repeat(100_000)}"\n`
  fakeProcess(8, '/jdk/bin/java', ['/jdk/lib/server/libjvm.so'], { '/jdk/release': release })
  expect(fake(8).version).toMatch(/^21 \]0;owned 2J x+$/)
  expect(fake(8).version?.length).toBeLessThanOrEqual(64)
})

test('Go before 1.18 keeps addresses of strings instead of strings', () => {
  // An ELF file with one writable segment at 0x500000: build info, two string headers, the strings.
  const base = 0x500000
  const file = Buffer.alloc(0x1000)
  file.writeUInt32BE(0x7f454c46, 0)
  file.writeUInt16LE(0x102, 4)
  file.writeUInt16LE(62, 18)
  file.writeBigUInt64LE(64n, 32) // program headers
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(1, 56)
  file.writeUInt16LE(64, 58)
  file.writeUInt32LE(1, 64) // PT_LOAD
  file.writeUInt32LE(6, 68) // readable, writable
  file.writeBigUInt64LE(0x100n, 72)
  file.writeBigUInt64LE(BigInt(base), 80)
  file.writeBigUInt64LE(0xf00n, 96)
  const at = 0x100
  const mark = 'x'.repeat(16)
  const modules = `${mark}path\texample.test/old\nmod\texample.test/old\tv1.2.3\th1:abc=\n${mark}`
  file.write('\xff Go buildinf:', at, 'latin1')
  file[at + 14] = 8
  file.writeBigUInt64LE(BigInt(base + 0x40), at + 16)
  file.writeBigUInt64LE(BigInt(base + 0x50), at + 24)
  file.writeBigUInt64LE(BigInt(base + 0x80), at + 0x40)
  file.writeBigUInt64LE(8n, at + 0x48)
  file.writeBigUInt64LE(BigInt(base + 0x90), at + 0x50)
  file.writeBigUInt64LE(BigInt(modules.length), at + 0x58)
  file.write('go1.17.8', at + 0x80)
  file.write(modules, at + 0x90)
  const path = join(dir, 'old-go')
  writeFileSync(path, file)
  const elf = ElfFile.open(openSync(path, 'r'))
  expect(elf && readGoBuildInfo(elf)).toEqual({
    version: '1.17.8',
    path: 'example.test/old',
    module: 'example.test/old',
    moduleVersion: 'v1.2.3',
  })
  elf?.close()
})
