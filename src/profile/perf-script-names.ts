// What the names of events in perf script text mean: the reader counts samples by them, the writer knows how it will.

/** What counts of samples are called as an event: several samples in one line. */
export const countsEvent = 'samples'
/** What CPU time is called as an event. */
export const clockEvent = 'cpu-clock'

/** `cpu-clock:ppp` is cpu-clock; modifiers are letters of perf-list(1), group names of tracepoints are longer words. */
export const plainName = (event: string): string => event.replace(/:[ukhIGHpPSDWebR]{1,8}$/, '')

export const isClock = (event: string): boolean => /^(cpu|task)-clock$/.test(plainName(event))

/** Where there are such, only theirs are samples of CPU time. */
export const isCpu = (event: string): boolean =>
  isClock(event) || /^(cpu-?)?cycles$|^cpu\/.*cycles/.test(plainName(event))
