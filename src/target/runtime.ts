// What kind of program a process is, from /proc alone: nothing is executed, nothing is attached, and it works through
// the mount namespace of a container.
//
//   7f1c50a00000-7f1c51900000 r-xp 00000000 fe:01 812  /usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so   jvm
//   /proc/PID/exe -> /usr/local/bin/node                                                                        node
import { readFileSync, readlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Runtime } from '../model/target.ts'
import { wordsIfThere } from './command-line.ts'
import { ElfFile } from './elf-file.ts'
import { keepsFramePointers } from './frame-pointers.ts'
import { type GoBuildInfo, readGoBuildInfo } from './go-build-info.ts'
import { type Inside, openInContainer, openProgram, plainText, readTextInContainer } from './untrusted-file.ts'

export interface RuntimeInfo {
  readonly runtime: Runtime
  /** Of the language's runtime: `1.19.8`, `17.0.15`, `24.21.0`, `3.11.2`; absent for native programs. */
  readonly version?: string
  readonly libc?: 'glibc' | 'musl' | 'static'
  readonly framePointers: 'likely' | 'unlikely' | 'unknown'
  /** What Go programs say of their own build. */
  readonly go?: Omit<GoBuildInfo, 'version'>
}

/** What depends on the program file alone, kept by the file's identity. */
interface ProgramFacts {
  readonly go: GoBuildInfo | undefined
  readonly isStatic: boolean
  readonly keepsFramePointers: boolean | undefined
}

const facts = new Map<string, ProgramFacts>()
const versions = new Map<string, string | undefined>()
/** Programs of a node that are looked at again and again; beyond this the oldest are forgotten. */
const maxCached = 500
/** `1.24-20250218-RC00 cl/728322391 +abc123 X:fieldtrack` is a long version, and a path of a package may have a line. */
const mostLetters = { version: 64, path: 256 } as const

/** Looks at one process; `unknown` when it is gone, a kernel thread, or not ours to look at. */
export function detectRuntime(pid: number, proc = '/proc'): RuntimeInfo {
  const folder = `${proc}/${pid}`
  let exe: string
  let maps: readonly string[]
  try {
    exe = readlinkSync(`${folder}/exe`).replace(/ \(deleted\)$/, '')
    maps = mappedFiles(readFileSync(`${folder}/maps`, 'utf8'))
  } catch {
    return { runtime: 'unknown', framePointers: 'unknown' }
  }
  const inside: Inside = { pid, proc }
  const program = lookAt(openProgram(inside))
  const libc = libcOf(maps, program?.isStatic ?? false)
  const common = libc ? { libc } : {}

  const libjvm = maps.find((path) => basename(path) === 'libjvm.so')
  if (libjvm) {
    const version = jvmVersion(libjvm, inside)
    return { runtime: 'jvm', ...of(version), ...common, framePointers: jvmKeepsFramePointers(folder) }
  }
  if (program?.go) {
    const { version, ...go } = program.go
    // Go's compiler keeps them on x86-64 since 1.7 and on AArch64 since 1.12.
    return { runtime: 'go', ...of(version), ...common, framePointers: 'likely', go: printable(go) }
  }
  const libnode = maps.find((path) => basename(path).startsWith('libnode.so'))
  if (libnode || /^node(js)?$/.test(basename(exe))) {
    const code = (): number | undefined => (libnode ? openInContainer(inside, libnode) : openProgram(inside))
    const version = nodeVersion(code, { inside, exe })
    // V8's generated code keeps them; the little C++ around it need not.
    return { runtime: 'node', ...of(version), ...common, framePointers: 'likely' }
  }
  // Debuggers and perf map libpython as well without being Python programs, so the program's name decides.
  if (/^(python[\d.]*|pypy[\d.]*|uwsgi.*)$/.test(basename(exe))) {
    const library = maps.find((path) => /^libpython3\.\d+/.test(basename(path)))
    const code = (): number | undefined => (library ? openInContainer(inside, library) : openProgram(inside))
    const version = pythonVersion(code, basename(library ?? exe))
    return { runtime: 'python', ...of(version), ...common, framePointers: likely(lookAt(code())?.keepsFramePointers) }
  }
  return { runtime: 'native', ...common, framePointers: likely(program?.keepsFramePointers) }
}

/** What a program or an image says of itself may be a megabyte of anything. */
function of(text: string | undefined): { version?: string } {
  const version = text && plainText(text, mostLetters.version)
  return version ? { version } : {}
}

const printable = (go: Omit<GoBuildInfo, 'version'>): Omit<GoBuildInfo, 'version'> =>
  Object.fromEntries(Object.entries(go).map(([key, text]) => [key, plainText(text, mostLetters.path)]))

const likely = (keeps: boolean | undefined): RuntimeInfo['framePointers'] =>
  keeps === undefined ? 'unknown' : keeps ? 'likely' : 'unlikely'

/** Paths at the end of each line of /proc/PID/maps, once each. */
function mappedFiles(maps: string): string[] {
  return [
    ...new Set(
      [...maps.matchAll(/^\S+ \S+ \S+ \S+ \d+\s+(\/.*?)(?: \(deleted\))?$/gm)].map((match) => match[1] as string),
    ),
  ]
}

function libcOf(maps: readonly string[], isStatic: boolean): RuntimeInfo['libc'] {
  const names = maps.map((path) => basename(path))
  if (names.some((name) => /^(ld-musl-|libc\.musl-)/.test(name))) return 'musl'
  if (names.some((name) => /^libc(\.so\.6|-2\.\d+\.so)$/.test(name))) return 'glibc'
  return isStatic ? 'static' : undefined
}

function lookAt(fd: number | undefined): ProgramFacts | undefined {
  const elf = ElfFile.open(fd)
  if (!elf) return undefined
  try {
    return remembered(facts, elf.identity, () => ({
      go: readGoBuildInfo(elf),
      isStatic: elf.isStatic,
      keepsFramePointers: keepsFramePointers(elf),
    }))
  } finally {
    elf.close()
  }
}

function remembered<T>(cache: Map<string, T>, key: string, look: () => T): T {
  if (cache.has(key)) return cache.get(key) as T
  if (cache.size >= maxCached) cache.delete(cache.keys().next().value as string)
  const value = look()
  cache.set(key, value)
  return value
}

/** A string among the constants of a program or library; read once per file, since it may be tens of megabytes. */
function constantOf(open: () => number | undefined, needle: string, pattern: RegExp): string | undefined {
  const elf = ElfFile.open(open())
  if (!elf) return undefined
  try {
    return remembered(versions, `${elf.identity} ${needle}`, () => elf.findConstant(needle, pattern)?.[1])
  } finally {
    elf.close()
  }
}

/** `release` in the folder of the JDK or JRE, which jlink writes too; else what the library says of itself. */
function jvmVersion(libjvm: string, inside: Inside): string | undefined {
  let folder = dirname(libjvm)
  // lib/server, and jre/lib/amd64/server in JDK 8
  for (let i = 0; i < 4; i++) {
    folder = dirname(folder)
    const match = /^JAVA_VERSION="([^"]+)"/m.exec(readTextInContainer(inside, join(folder, 'release')))
    if (match) return match[1]
  }
  // "OpenJDK 64-Bit Server VM (17.0.15+6) for linux-amd64 JRE (17.0.15+6), built on …"
  return constantOf(() => openInContainer(inside, libjvm), 'JRE (', /JRE \(([\d._]+)/)
}

function jvmKeepsFramePointers(folder: string): RuntimeInfo['framePointers'] {
  // The variables add options as if they stood on the command line; nothing else of the environment is looked at.
  const options = wordsIfThere(folder, 'environ').filter((line) =>
    /^(JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|_JAVA_OPTIONS)=/.test(line),
  )
  const text = [...wordsIfThere(folder, 'cmdline'), ...options].join(' ')
  return text.includes('-XX:+PreserveFramePointer') ? 'likely' : 'unlikely'
}

/** node_version.h of the same installation where it is there (it is in the official images), else the program's strings. */
function nodeVersion(
  code: () => number | undefined,
  { inside, exe }: { inside: Inside; exe: string },
): string | undefined {
  const header = readTextInContainer(inside, join(dirname(exe), '../include/node/node_version.h'))
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => new RegExp(`#define NODE_${part}_VERSION (\\d+)`).exec(header)?.[1],
  )
  if (parts.every(Boolean)) return parts.join('.')
  // process.release.sourceUrl: ".../node-v24.21.0.tar.gz"; Debian's build has only NODE_VERSION: "v18.20.4"
  return constantOf(code, 'node-v', /node-v(\d+\.\d+\.\d+)/) ?? constantOf(code, '\0v', /\0v(\d+\.\d+\.\d+)\0/)
}

/** `libpython3.11.so.1.0` or `python3.11` has the series; the whole version is a string of the code. */
function pythonVersion(code: () => number | undefined, name: string): string | undefined {
  const series = /(\d+\.\d+)/.exec(name)?.[1]
  if (!series) return constantOf(code, '\x003.', /\0(3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)\+?\0/)
  const whole = new RegExp(`(?:^|[^\\d.])(${series.replace('.', '\\.')}\\.\\d+(?:(?:a|b|rc)\\d+)?)\\+?\\0`)
  return constantOf(code, `${series}.`, whole) ?? series
}
