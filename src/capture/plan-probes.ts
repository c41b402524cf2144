// Every probe of a process under the name that the plan's table has for it.
import { nodeCpu, nodeHeap } from './node-profile.ts'
import type { ProbeSet } from './plan.ts'
import { perfMap } from './python-perf-map.ts'
import { pySpy } from './python-spy.ts'

export const allProbes: ProbeSet = { nodeCpu, nodeHeap, pySpy, perfMap }
