// Where code comes from, judged by the file it is mapped from, its source file and the shape of its name.
// The patterns see names of any length from any file: none may go over the same text twice.

export type FrameKind = 'kernel' | 'native' | 'jit' | 'go' | 'java' | 'js' | 'python' | 'inlined' | 'thread' | 'unknown'

export interface FrameOrigin {
  readonly name: string
  /** Path of the mapping, '' where unknown. */
  readonly file: string
  /** Path of the source file, '' where unknown. */
  readonly source: string
}

/**
 * Kernel text as perf names it, and modules in brackets: `[kernel.kallsyms]_text`, `[ext4]`, `vmlinux`, `ext4.ko.xz`.
 * The bracketed names of user memory are not kernel: `[vdso]`, `[vsyscall]`, `[heap]`, `[stack]`, `[anon]`, `[jit]`.
 */
const kernelFile =
  /^\[(?!vdso|vsyscall|vvar|heap|stack|anon|jit|unknown|uprobes)[^\]]+\]|(^|\/)vmlinux[^/]*$|\.ko(\.(gz|xz|zst))?$/
/** Code made at run time: `/tmp/perf-4242.map`, `jitted-4242-1.so`, `//anon`, `/memfd:doublemapper (deleted)`. */
const jitFile = /^\[(jit|anon[^\]]*)\]$|^\/\/anon|\/perf-\d+\.map$|\bjitted-\d+-\d+\.so$|^\/?(dev\/zero|memfd:)/

/** `LazyCompile:~parse /app/x.js:3`, `JS:*parse`, `Builtin:…`: V8's --perf-basic-prof, see its perf-jit and log code. */
const v8Name =
  /^(JS|Function|LazyCompile|Eval|Script|RegExp|Builtin|BytecodeHandler|Stub|Handler|IC|LoadIC|StoreIC|KeyedLoadIC|KeyedStoreIC|CallIC):/
/** `Lcom/acme/Cart;::total`, `com.acme.Cart::total`, `java.util.HashMap.get`, `com/acme/Cart.total`. */
const javaName = /^L?([a-z_]\w*[./])+[A-Z][\w$]*;?(::|\.)[\w$<>]+|^(Interpreter|call_stub|StubRoutines)\b/
/** `py::handler:/app/web.py` (CPython's -X perf), `handler (web.py:12)` (py-spy). */
const pythonName = /^py::|\([^()]+\.py(:\d+)?\)$/
/** `net/http.(*conn).serve`, `runtime.mallocgc`, `main.main.func1`; not `memcpy.part.0`. */
const goName =
  /^[\w.~-]+(\/[\w.~%-]+)+\.[\w(]|\.\(\*\w+\)\.|^(main|runtime|sync|syscall|time|regexp|reflect|bytes|strings|strconv|fmt|io|os|net|sort|bufio|context|errors|math)\.[\w(]/

/** Inlining is not an origin; callers that know of it make `native` code `inlined`. */
export function frameKind({ name, file, source }: FrameOrigin): FrameKind {
  // Annotations of flamegraph.pl and async-profiler, in folded files.
  if (name.endsWith('_[k]')) return 'kernel'
  if (name.endsWith('_[i]')) return 'inlined'
  if (kernelFile.test(file)) return 'kernel'
  const language = languageOf(source) ?? languageOfName(name, file)
  if (language) return language
  if (jitFile.test(file) || name.endsWith('_[j]')) return 'jit'
  return file !== '' || source !== '' ? 'native' : 'unknown'
}

function languageOf(source: string): FrameKind | undefined {
  const dot = source.lastIndexOf('.')
  if (source.startsWith('node:')) return 'js'
  switch (dot < 0 ? '' : source.slice(dot + 1)) {
    case 'go':
      return 'go'
    case 'java':
    case 'kt':
    case 'scala':
    case 'groovy':
    case 'clj':
      return 'java'
    case 'js':
    case 'mjs':
    case 'cjs':
    case 'ts':
    case 'mts':
    case 'tsx':
    case 'jsx':
      return 'js'
    case 'py':
    case 'pyx':
      return 'python'
    default: // C, C++, Rust; and assembly, which Go has too: the name tells
      return undefined
  }
}

function languageOfName(name: string, file: string): FrameKind | undefined {
  if (v8Name.test(name)) return 'js'
  if (pythonName.test(name)) return 'python'
  // A shared library has C names even where they look like Go's; run-time code is never Go.
  const isJit = file !== '' && jitFile.test(file)
  if (isJit || file === '') {
    if (javaName.test(name)) return 'java'
  }
  if (!isJit && !/\.so(\.|$)/.test(file) && goName.test(name)) return 'go'
  return undefined
}

/** Short name of a mapping: `libc.so.6`, `[kernel]`, `[ext4]`, `[jit]`, '' where unknown. */
export function moduleName(file: string): string {
  if (file === '') return ''
  if (/^\[(guest\.)?kernel|(^|\/)vmlinux/.test(file)) return '[kernel]'
  if (jitFile.test(file)) return '[jit]'
  const path = file.endsWith(' (deleted)') ? file.slice(0, -' (deleted)'.length) : file
  const name = path.slice(path.lastIndexOf('/') + 1)
  const module = name.replace(/\.ko(\.(gz|xz|zst))?$/, '')
  return module === name ? name : `[${module}]`
}
