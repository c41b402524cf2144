// Real Pythons for tests: the interpreters of this machine, one of each series, and a program that burns in a function with
// a name while another thread sleeps.
import { spawnSync } from 'node:child_process'

export interface Python {
  readonly path: string
  /** 12 of 3.12 */
  readonly minor: number
  /** Its modules, without which it does not start. */
  readonly library: string
}

const question = 'import sys, sysconfig; print(sys.executable, sys.version_info[1], sysconfig.get_path("stdlib"))'

function findPyenv(version: string): string {
  const { stdout, status } = spawnSync('pyenv', ['versions', '--bare'], { encoding: 'utf8' })
  return status === 0 ? (stdout.split('\n').find((name) => name.startsWith(`${version}.`)) ?? 'system') : 'system'
}

/** Newest first; a version manager may hold several. */
export function findPythons(): Python[] {
  const found = new Map<number, Python>()
  for (const version of ['3.13', '3.12', '3.11', '3']) {
    const env = { ...process.env, PYENV_VERSION: findPyenv(version) }
    const { status, stdout } = spawnSync(`python${version}`, ['-c', question], { env, encoding: 'utf8' })
    const [path, minor, library] = status === 0 ? stdout.trim().split(' ') : []
    if (path && minor && library && !found.has(Number(minor))) {
      found.set(Number(minor), { path, minor: Number(minor), library })
    }
  }
  return [...found.values()]
}

/** Ready once it has burned: by then the functions are in what it writes for perf. */
export const burningPython = `
import threading, time
def hot_inner(n):
    x = 0
    for i in range(n): x += i * i
    return x
def handle_parse():
    hot_inner(10000)
    print("ready", flush=True)
    while True: hot_inner(10000)
threading.Thread(target=time.sleep, args=(600,), name="sleeper", daemon=True).start()
handle_parse()`

export const hasPySpy = (): boolean => spawnSync('py-spy', ['--version'], { stdio: 'ignore' }).status === 0
