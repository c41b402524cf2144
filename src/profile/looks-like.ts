// Names what a file is that is not a profile, so that a person sees which file they took by mistake.

/** Magic numbers at the start, as hexadecimal; longest first where one begins with another. */
const magics: readonly (readonly [hex: string, what: string])[] = [
  ['7f454c46', 'an ELF file (a program, library or core dump)'],
  ['d4c3b2a1', 'a packet capture (pcap)'],
  ['a1b2c3d4', 'a packet capture (pcap)'],
  ['4d3cb2a1', 'a packet capture (pcap)'],
  ['a1b23c4d', 'a packet capture (pcap)'],
  ['0a0d0d0a', 'a packet capture (pcapng)'],
  ['89504e470d0a1a0a', 'a PNG picture'],
  ['ffd8ff', 'a JPEG picture'],
  ['47494638', 'a GIF picture'],
  ['25504446', 'a PDF document'],
  ['504b0304', 'a zip or jar file'],
  ['fd377a585a00', 'an xz file; unpack it first'],
  ['425a68', 'a bzip2 file; unpack it first'],
  ['04224d18', 'an lz4 file; unpack it first'],
  ['1f9d', 'a compress (.Z) file; unpack it first'],
  ['cafebabe', 'a Java class or a Mach-O program'],
  ['cffaedfe', 'a Mach-O program'],
  ['4d5a', 'a Windows program'],
  ['0061736d', 'a WebAssembly module'],
  ['53514c69746520666f726d6174203300', 'an SQLite database'],
  ['4a4156412050524f46494c4520', 'a Java heap dump (hprof)'],
  ['4454694a', 'a jitdump of perf; it has symbols, no samples'],
  ['4a695444', 'a jitdump of perf; it has symbols, no samples'],
  ['50617261', 'Parquet data'],
  // Words of 64 bits: 0, how many follow (3), version 0.
  [
    '00000000000000000300000000000000',
    'a CPU profile of gperftools; `google-pprof --collapsed PROGRAM FILE` prints what is read',
  ],
]

/** First words of text files, and what of the same tool is read here. */
const texts: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^0SECTION /, 'a javacore of OpenJ9; thread dumps of HotSpot are read (jstack, jcmd PID Thread.print)'],
  [/^Thread \d+: \(state = /m, 'what `jhsdb jstack` prints; `jcmd PID Thread.print` prints what is read'],
  [
    /^\s*\{\s*"threads"\s*:\s*\[\s*\{\s*"threadName"/,
    "a thread dump of Spring Boot as JSON; `curl -H 'Accept: text/plain' URL` gets it as text, which is read",
  ],
  [/^Thread \d+ \(.*\):\n#0 /m, 'stacks that gdb printed; `perf record -g` and `perf script` make what is read'],
  [
    /^Process \d+: [\s\S]{1,2000}?\nPython v\d/,
    'what `py-spy dump` prints; `py-spy record -f raw` writes what is read',
  ],
  [/^# Samples: .* of event/m, 'a report of perf; `perf script` prints the samples themselves'],
  [/^# callgrind format|^creator: callgrind/m, 'a callgrind file; open it with KCachegrind'],
  [/^go 1\.\d+ trace\0/, 'a Go execution trace; open it with `go tool trace`'],
  [/^JAVA PROFILE/, 'a Java heap dump (hprof); open it with Eclipse MAT or VisualVM'],
  [/^\s*<!doctype html|^\s*<html/i, 'an HTML page (an error page of a server?)'],
  [/^\s*<\?xml[\s\S]*<svg|^\s*<svg/i, 'an SVG picture; the stacks in it are only drawn'],
  [/^\s*<\?xml/i, 'an XML file'],
  [/^[0-9a-f]{16} [a-zA-Z] \S+/m, 'a symbol table (kallsyms or nm)'],
  [/^[0-9a-f]+-[0-9a-f]+ [r-][w-][x-][ps] /m, 'a memory map (/proc/PID/maps)'],
  [
    /^[0-9a-f]+ [0-9a-f]+ \S.*\n[0-9a-f]+ [0-9a-f]+ \S/,
    'a map of compiled code (perf-PID.map); it has symbols, no samples',
  ],
  [
    /^Could not enable CPU profiling|^404 page not found|^Internal Server Error/m,
    'the error message of an HTTP server',
  ],
]

/** `an ELF file (…)`, `JSON with the keys a, b`, `text that begins with "…"`, `binary data that begins with 00 01`. */
export function describeUnknown(head: Uint8Array): string {
  if (head.length === 0) return 'an empty file'
  const start = Array.from(head.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')
  const magic = magics.find(([hex]) => start.startsWith(hex))
  if (magic) return magic[1]
  const text = new TextDecoder().decode(head.subarray(0, 4096))
  const known = texts.find(([pattern]) => pattern.test(text))
  if (known) return known[1]
  if (isTar(head)) return 'a tar archive; unpack it first'
  if (/^\s*[{[]/.test(text)) return describeJson(text)
  // Control characters other than tab, line ends and escape do not occur in text.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\0-\x08\x0e-\x1a\ufffd]/.test(text))
    return `binary data that begins with ${start.slice(0, 16).replace(/../g, '$& ').trim()}`
  const line =
    text
      .split('\n')
      .find((candidate) => candidate.trim() !== '')
      ?.trim() ?? ''
  return line === '' ? 'an empty text' : `text that begins with ${JSON.stringify(line.slice(0, 60))}`
}

/** POSIX.1-1988: `ustar` at byte 257. */
function isTar(head: Uint8Array): boolean {
  return new TextDecoder().decode(head.subarray(257, 262)) === 'ustar'
}

function describeJson(text: string): string {
  if (/"traceEvents"|"ph"\s*:/.test(text)) return 'a Chrome trace; load it in Perfetto'
  if (/"meta"[\s\S]*"(interval|processType|preprocessedProfileVersion)"/.test(text)) {
    return 'a profile of the Firefox Profiler; load it at profiler.firefox.com'
  }
  const keys = [...text.matchAll(/"([^"\\]{1,40})"\s*:/g)].map((match) => match[1]).slice(0, 5)
  return keys.length > 0 ? `JSON with the keys ${keys.join(', ')}` : 'JSON without keys'
}
