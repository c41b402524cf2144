// Every probe of a process under the name that the plan's table has for it.
import { type GoPprofOptions, goPprofProbe } from './go-pprof.ts'
import { jvmHeap } from './jvm-heap.ts'
import { jvmJfr } from './jvm-jfr.ts'
import { jvmPerfmap } from './jvm-perfmap.ts'
import { jvmThreads } from './jvm-threads.ts'
import type { OpenedInspectors } from './node-opened.ts'
import { nodeCpuProbe, nodeHeapProbe } from './node-profile.ts'
import type { ProbeSet } from './plan.ts'
import { perfMap } from './python-perf-map.ts'
import { pySpy } from './python-spy.ts'

export interface ProbeSetOptions extends GoPprofOptions {
  /** Record of the inspectors that were opened in Node programs. */
  readonly opened?: OpenedInspectors
}

export function createProbeSet({ opened, ...go }: ProbeSetOptions): ProbeSet {
  return {
    goPprof: goPprofProbe(go),
    jvmHeap,
    jvmJfr,
    jvmPerfmap,
    jvmThreads,
    nodeCpu: nodeCpuProbe(opened),
    nodeHeap: nodeHeapProbe(opened),
    perfMap,
    pySpy,
  }
}
