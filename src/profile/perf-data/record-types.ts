// Numbers of perf records, from include/uapi/linux/perf_event.h (below 64, written by the kernel) and
// tools/lib/perf/include/perf/event.h (64 and above, written by the perf tool), Linux 6.18.

export const MMAP = 1
export const LOST = 2
export const COMM = 3
export const EXIT = 4
export const THROTTLE = 5
export const FORK = 7
export const SAMPLE = 9
export const MMAP2 = 10
export const LOST_SAMPLES = 13
export const KSYMBOL = 17
export const CGROUP = 19
/** First number of the tool's own records; they have no time and no trailer. */
export const firstToolRecord = 64
export const HEADER_ATTR = 64
export const TRACING_DATA = 66
export const BUILD_ID = 67
export const FINISHED_ROUND = 68
export const AUXTRACE = 71
export const EVENT_UPDATE = 78
export const HEADER_FEATURE = 80
export const COMPRESSED = 81
export const COMPRESSED2 = 83

/** Bits of `misc` (perf_event.h, PERF_RECORD_MISC_*). */
export const misc = {
  cpuMode: 0b111,
  kernel: 1,
  user: 2,
  /** On MMAP*: a mapping that is not executable. */
  mmapData: 1 << 13,
  /** On COMM: caused by execve. */
  commExec: 1 << 13,
  /** On FORK: written by perf for a process that ran already; its mappings follow, nothing is inherited. */
  forkExec: 1 << 13,
  /** On MMAP2: the 24 bytes after pgoff hold a build-id in place of device and inode. */
  mmapBuildId: 1 << 14,
  /** On BUILD_ID: the byte after the id holds its length. */
  buildIdSize: 1 << 15,
} as const
