// The probe `jvm-heap`: what fills the heap, by class; and the heap itself, only when somebody says why.
//
//   -> GC.class_histogram -all       -all: without it the JVM collects first, which stops the program for longer and
//                                    takes away what is being looked for
//   -> GC.heap_dump -all -gz=1 /tmp/spikecam-01k….hprof
import { statfsSync } from 'node:fs'
import { printBytes } from '../lib/units.ts'
import { mediaTypes } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { classHistogramProfile, parseClassHistogram } from '../profile/class-histogram.ts'
import { gzip } from '../profile/gzip.ts'
import { encodePprof } from '../profile/pprof-encode.ts'
import { type AttachedJvm, attachJvm } from './jvm-attach.ts'
import { newFileName, readJvmFile, removeForgotten, removeJvmFile } from './jvm-files.ts'
import type { Finding, Probe, ProbeRequest, ProbeYield } from './probe.ts'

/** To count the objects of 32 GB takes some 10 s of one core. */
const histogramDeadlineMs = 60_000
/** The JVM writes some 200 MB/s; the limit below is far under it. */
const dumpDeadlineMs = 120_000
/** Headers, class and string tables come on top of the objects; dumps of small and large heaps had 1.1 to 1.4 of them. */
const dumpPerHeap = 1.5
/** It goes through the agent's memory, a few times smaller once compressed. */
const maxHeapBytes = 1024 ** 3
const maxDumpBytes = 512 * 1024 ** 2
/** As for our own data: leave a tenth of the disk, and 2 GiB, to whom it belongs. */
const keepShare = 0.1
const keepBytes = 2 * 1024 ** 3
/** TMPFS_MAGIC and RAMFS_MAGIC of linux/magic.h: what is written there is memory of the container, up to its limit. */
const memoryFileSystems: readonly number[] = [0x01021994, 0x858458f6]

/**
 * Kind `heap`. Findings: `heap-histogram.txt` and `heap.pb.gz` (a sample per class); with option `force` also
 * `heap.hprof.gz`, if the disk of the container has room: a dump stops the program until it is written, and holds all
 * of its data, secrets included. Where that is refused the rest is there and the outcome is `partial`.
 */
export const jvmHeap: Probe = { name: 'jvm-heap', run: runJvmHeap }

async function runJvmHeap(request: ProbeRequest): Promise<ProbeYield> {
  const jvm = attachJvm(request)
  try {
    removeForgotten(jvm)
    const text = await jvm.jcmd('GC.class_histogram -all', { deadlineMs: histogramDeadlineMs })
    const histogram = parseClassHistogram(text)
    const findings: Finding[] = [
      { name: 'heap-histogram.txt', mediaType: mediaTypes.text, bytes: text },
      {
        name: 'heap.pb.gz',
        mediaType: mediaTypes.pprof,
        bytes: await gzip(encodePprof(classHistogramProfile(histogram))),
      },
    ]
    const [first] = histogram.classes
    const summary = `${printBytes(histogram.sizeBytes)} in ${histogram.instances} objects, garbage included; most: ${first?.name} ${printBytes(first?.sizeBytes ?? 0)}`
    if (request.options.force === undefined) {
      const message = `${summary}. No dump of the heap, which stops the program and holds all of its data: --force REASON takes one`
      return { outcome: 'ok', message, findings }
    }
    const refusal = whyNoRoom(jvm, histogram.sizeBytes)
    if (refusal) return { outcome: 'partial', message: `${summary}. No dump of the heap: ${refusal}`, findings }
    return { outcome: 'ok', message: summary, findings: [...findings, await dumpHeap(jvm)] }
  } finally {
    jvm.close()
  }
}

/** @returns why the dump must not be written, and what would change that */
function whyNoRoom({ tmp }: AttachedJvm, heapBytes: number): string | undefined {
  if (heapBytes > maxHeapBytes) {
    return `the heap holds ${printBytes(heapBytes)}, and at most ${printBytes(maxHeapBytes)} go through the agent: run jcmd GC.heap_dump in the container`
  }
  const { type, bsize, blocks, bavail } = statfsSync(tmp)
  if (memoryFileSystems.includes(type)) {
    return '/tmp of the container lies in memory, and a dump there counts towards its limit: mount an emptyDir on disk at /tmp'
  }
  const needed = heapBytes * dumpPerHeap + Math.max(keepBytes, blocks * bsize * keepShare)
  if (bavail * bsize >= needed) return undefined
  return `/tmp of the container has ${printBytes(bavail * bsize)} free, and ${printBytes(needed)} are wanted, of which most is to stay free: free some`
}

async function dumpHeap(jvm: AttachedJvm): Promise<Finding> {
  const name = newFileName('.hprof')
  // Once begun it has to be waited for: the JVM goes on writing whether anybody listens or not.
  const options = { deadlineMs: dumpDeadlineMs, signal: new AbortController().signal }
  try {
    let isCompressed = true
    await jvm.jcmd(`GC.heap_dump -all -gz=1 /tmp/${name}`, options).catch((error: unknown) => {
      // -gz came with JDK 15; what is older takes it for the file name, and the file name for an argument too many.
      if (!(error instanceof Failure) || !/Unknown argument/.test(error.message)) throw error
      isCompressed = false
      return jvm.jcmd(`GC.heap_dump -all /tmp/${name}`, options)
    })
    const bytes = readJvmFile(jvm, name, isCompressed ? maxDumpBytes : maxHeapBytes * dumpPerHeap)
    return { name: 'heap.hprof.gz', mediaType: mediaTypes.hprof, bytes: isCompressed ? bytes : await gzip(bytes) }
  } finally {
    removeJvmFile(jvm, name)
  }
}
