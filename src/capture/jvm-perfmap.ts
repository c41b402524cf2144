// The probe `jvm-perfmap`: lets a JVM write down where its compiled methods lie, so that samples of perf in them get
// their Java names. Nothing has to be switched on beforehand; JDK 17 and later.
//
//   -> Compiler.perfmap            writes /tmp/perf-7.map in the container, 7 being its PID there
//   0x00007f2a10e40020 0x0000000000000300 java.lang.String java.lang.String::hashCode()
import { setTimeout as sleep } from 'node:timers/promises'
import { mediaTypes } from '../model/capture.ts'
import { attachJvm } from './jvm-attach.ts'
import { hasJvmFile, readJvmFile, removeJvmFile } from './jvm-files.ts'
import type { Probe, ProbeRequest, ProbeYield } from './probe.ts'

/** The ring gives names to samples every 2 s, and once more when it is frozen; a map has to be there until then. */
const lingerMs = 3000
/** A full code cache of 240 MB has some 60 000 methods with 150 bytes each. */
const maxBytes = 64 * 1024 * 1024

/**
 * To run beside a recording with perf, as long: the map is written at the start and once more at the end, for methods
 * that were compiled meanwhile, and is removed again 3 s after that (unless the process had one of its own before).
 * Finding: `perf-PID.map` with the PID on the host, as the symbolizer takes maps that were copied from a machine.
 */
export const jvmPerfmap: Probe = { name: 'jvm-perfmap', run: runJvmPerfmap }

async function runJvmPerfmap(request: ProbeRequest): Promise<ProbeYield> {
  const jvm = attachJvm(request)
  const name = `perf-${jvm.process.innerPid}.map`
  const wasThere = hasJvmFile(jvm, name)
  try {
    await jvm.jcmd('Compiler.perfmap')
    await sleep(request.durationMs, undefined, { signal: request.signal }).catch(() => undefined) // ended early
    // Whatever ended it, names are wanted of what was recorded until then.
    await jvm.jcmd('Compiler.perfmap', { signal: new AbortController().signal })
    const bytes = readJvmFile(jvm, name, maxBytes)
    await sleep(lingerMs)
    const finding = { name: `perf-${jvm.process.pid}.map`, mediaType: mediaTypes.text, bytes }
    if (bytes.length > 0) return { outcome: 'ok', findings: [finding] }
    return { outcome: 'empty', message: 'the JVM has not compiled anything', findings: [] }
  } finally {
    if (!wasThere) removeJvmFile(jvm, name)
    jvm.close()
  }
}
