// What a Python interpreter tells perf by itself: a map of its trampolines (3.12, `-X perf`), or a jitdump (3.13,
// `-X perf_jit`), written to /tmp of its container. With one of them the stacks of the ring name Python functions.
//
//   /tmp/perf-17.map    7fbf8ceb6c29 b py::hot_inner:/app/worker.py        17 is the PID in its own namespace
//   /tmp/jit-17.dump    "JiTD" and records                                 tools/perf/Documentation/jitdump-specification.txt
import { printBytes } from '../lib/units.ts'
import { mediaTypes } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { readInside } from '../target/inside-root.ts'
import { readProcess } from '../target/process-identity.ts'
import { detectRuntime } from '../target/runtime.ts'
import { type Finding, type Probe, Skipped } from './probe.ts'
import { requirePython } from './python-spy.ts'

/** A map has some 60 bytes a function and a jitdump some 500: far more than any program has. */
const maxBytes = 32 * 1024 * 1024

export const perfMap: Probe = {
  name: 'python-perf-map',
  run: async (request) => {
    const pid = requirePython(request)
    const { version = '3', framePointers } = detectRuntime(pid)
    const process = readProcess(pid)
    if (!process) throw new Failure('TARGET_GONE', `process ${pid} has ended`)
    const inner = process.containerPid
    const map = lookInside(pid, `/tmp/perf-${inner}.map`)
    const dump = lookInside(pid, `/tmp/jit-${inner}.dump`)
    const names = map instanceof Uint8Array ? (new TextDecoder().decode(map).match(/ py::/g) ?? []).length : 0
    if (map !== 'too large' && names === 0 && !dump) {
      throw new Skipped(`${whatToDo(version)}; until then the CPU stacks show the interpreter alone`)
    }
    const findings: Finding[] = []
    const said: string[] = []
    if (names > 0) {
      findings.push({ name: `perf-${inner}.map`, mediaType: mediaTypes.text, bytes: map as Uint8Array })
      said.push(`Python ${version} writes a perf map with ${names} functions`)
      // The trampoline has no unwind tables, so without frame pointers a stack ends at the innermost function.
      if (framePointers === 'unlikely') said.push('it is built without frame pointers, so stacks show few of them')
    }
    if (dump instanceof Uint8Array) {
      findings.push({ name: `jit-${inner}.dump`, mediaType: 'application/vnd.linux.jitdump', bytes: dump })
      said.push(`Python ${version} writes a jitdump of ${printBytes(dump.length)}`)
    }
    const isCut = map === 'too large' || dump === 'too large'
    if (isCut) said.push(`a file of more than ${printBytes(maxBytes)} is not kept`)
    return { outcome: isCut ? 'partial' : 'ok', message: said.join('; '), findings }
  },
}

/** perf support came with 3.12, the jitdump with 3.13 (https://docs.python.org/3/howto/perf_profiling.html). */
function whatToDo(version: string): string {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < 3 || (major === 3 && minor < 12)) return `Python ${version} has no support for perf; 3.12 and later have`
  return `Python ${version} was not told to name its functions for perf: start it with -X perf or PYTHONPERFSUPPORT=1`
}

/** A file of the container; undefined when there is none, or not ours to read, or `too large` to keep. */
function lookInside(pid: number, path: string): Uint8Array | 'too large' | undefined {
  try {
    return readInside(pid, path, maxBytes)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EFBIG' ? 'too large' : undefined
  }
}
