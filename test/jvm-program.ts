// Real Java programs for tests and benches: the JDKs of this machine, a small runtime made of one, and Workload.java.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'

export interface Jdk {
  /** 17 */
  readonly major: number
  /** `17.0.15` */
  readonly version: string
  readonly home: string
}

const source = resolve(import.meta.dirname, 'fixtures/jvm/Workload.java')
/** Where Debian and others put them, and scripts/setup.sh those that Debian has not. */
const homes = ['/usr/lib/jvm', '/usr/local/lib/jvm']

/** JDKs with a compiler and jlink, oldest first, one of each major version. */
export const findJdks = (): Jdk[] => findHomes(['javac', 'jlink'])

/** Whatever runs Java, with a compiler or without, likewise. */
export const findJavas = (): Jdk[] => findHomes(['java'])

function findHomes(programs: readonly string[]): Jdk[] {
  const found = new Map<number, Jdk>()
  const places = homes.filter((folder) => existsSync(folder))
  for (const home of places.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))) {
    if (!programs.every((name) => existsSync(join(home, 'bin', name))) || !existsSync(join(home, 'release'))) continue
    const version = /^JAVA_VERSION="([^"]+)"/m.exec(readFileSync(join(home, 'release'), 'utf8'))?.[1]
    const major = Number(version?.split('.')[0])
    if (version && major >= 11) found.set(major, { major, version, home: realpathSync(home) })
  }
  return [...found.values()].sort((a, b) => a.major - b.major)
}

/** Compiles Workload.java. @param folder takes the classes */
export function compileWorkload({ home }: Jdk, folder: string): void {
  execFileSync(join(home, 'bin/javac'), ['--release', '11', '-d', folder, source])
}

/** A runtime without any tool, as people put it into small images. */
export function linkRuntime({ home }: Jdk, folder: string): void {
  const modules = ['--add-modules', 'java.base,jdk.jfr']
  execFileSync(join(home, 'bin/jlink'), [...modules, '--no-header-files', '--no-man-pages', '--output', folder])
}

export interface JavaProgram {
  readonly pid: number
  readonly child: ChildProcess
  /** Everything written to stdout so far. */
  output(): string
  stop(): Promise<void>
}

export interface StartJava {
  readonly jdk: Jdk
  /** Where the classes are. */
  readonly classes: string
  readonly options?: readonly string[]
  readonly idleThreads?: number
  /** In front of the command, such as `unshare`. */
  readonly under?: readonly string[]
}

/** Starts Workload and waits until it is ready. Its burning thread is called `hot`. */
export async function startJava({
  jdk,
  classes,
  options = [],
  idleThreads = 0,
  under = [],
}: StartJava): Promise<JavaProgram> {
  const words = [
    ...under,
    join(jdk.home, 'bin/java'),
    '-Xmx64m',
    ...options,
    '-cp',
    classes,
    'Workload',
    'hot',
    String(idleThreads),
  ]
  const child = spawn(words[0] as string, words.slice(1), { cwd: classes, stdio: ['pipe', 'pipe', 'inherit'] })
  let text = ''
  const ready = new Promise<void>((done, fail) => {
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (/^ready$/m.test(text)) done()
    })
    child.once('exit', (code) => fail(new Error(`java ended with ${code}: ${text}`)))
  })
  child.stdin.end('\n')
  await ready
  return {
    pid: child.pid as number,
    child,
    output: () => text,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}
