// Function names as people know them: runtimes write compiler tiers, descriptors and whole paths into theirs.
//
//   JS:*sortWork file:///app/sort.js:12:35                 sortWork sort.js:12        V8, --perf-basic-prof
//   JS:~parserOnIncoming node:_http_server:1167:26         parserOnIncoming node:_http_server:1167
//   RegExp.> src: '^(a+)+$' flags: 'i'                     RegExp /^(a+)+$/i
//   Lcom/acme/Cart;::total                                 com.acme.Cart.total        perf-map-agent
//   py::handle:/app/web.py                                 handle web.py              CPython, -X perf
//
// The same function in three tiers becomes one row, which is what a table of functions is for. Files keep the raw names.

/**
 * What V8 compiled, its tier and name, and where: `JS:+'f file:1:2`. Tiers: `~` interpreter, `^` baseline, `+` Maglev,
 * `*` optimised, a `'` behind it for code entered in the middle of a loop (src/logging/log.cc, src/objects/code-kind.cc).
 */
const v8Function = /^(?:JS|LazyCompile|Function|Script|Eval):[~^+*o]?'?(.*)$/s
const v8Place = /^(.*?)(?:^| )(\S+?):(\d+)(?::\d+)?$/s
const v8RegExp = /^RegExp(?:\.[<>])? src: '(.*)' flags: '(\w*)'$/s
const v8RegExpOld = /^RegExp:(.*)$/s
const javaDescriptor = /^L([\w/$]+);::(.+)$/
const pythonTrampoline = /^py::(.+):([^:]+)$/

export function displayName(name: string): string {
  const fn = v8Function.exec(name)
  if (fn) {
    const place = v8Place.exec(fn[1] as string)
    if (!place) return fn[1] || '(anonymous)'
    const [, text = '', file = '', line] = place
    const short = file.startsWith('node:') ? file : file.slice(file.lastIndexOf('/') + 1)
    return `${text || '(anonymous)'} ${short}:${line}`
  }
  const pattern = v8RegExp.exec(name)
  if (pattern) return `RegExp /${pattern[1]}/${pattern[2]}`
  const old = v8RegExpOld.exec(name)
  if (old) return `RegExp /${old[1]}/`
  const java = javaDescriptor.exec(name)
  if (java) return `${(java[1] as string).replaceAll('/', '.')}.${java[2]}`
  const python = pythonTrampoline.exec(name)
  if (python) return `${python[1]} ${(python[2] as string).split('/').at(-1)}`
  return name
}
