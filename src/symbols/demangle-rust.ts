// Rust names as people write them: the legacy form, which looks like C++ with a hash at the end, and v0.
//
//   _ZN4core3fmt5write17h0123456789abcdefE                core::fmt::write
//   _RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3new     <std::path::PathBuf>::new
import { RustV0Parser } from './rust-v0.ts'

/** @returns undefined when it is not a Rust name; hashes and suffixes of LLVM are left out, as perf does */
export function demangleRust(mangled: string): string | undefined {
  if (mangled.startsWith('_R')) return demangleV0(mangled)
  if (mangled.startsWith('_ZN')) return demangleLegacy(mangled)
  return undefined
}

function demangleV0(mangled: string): string | undefined {
  // What follows a dot or dollar was added by the compiler's back end: `.llvm.123`, `$got`.
  const end = mangled.search(/[.$]/)
  const symbol = end < 0 ? mangled.slice(2) : mangled.slice(2, end)
  return /^[A-Z]\w*$/.test(symbol) ? new RustV0Parser(symbol).symbol() : undefined
}

const hash = /^h[0-9a-f]{16}$/

/** `_ZN`, parts with their length before them, the last one a hash, `E`. */
function demangleLegacy(mangled: string): string | undefined {
  const parts: string[] = []
  let at = 3
  while (mangled[at] !== 'E') {
    const digits = /^\d{1,6}/.exec(mangled.slice(at, at + 6))?.[0]
    if (!digits) return undefined
    at += digits.length
    const part = mangled.slice(at, at + Number(digits))
    if (part.length !== Number(digits) || part.length === 0) return undefined
    parts.push(part)
    at += part.length
  }
  const suffix = mangled.slice(at + 1)
  if (suffix !== '' && !suffix.startsWith('.')) return undefined
  const last = parts.pop()
  // A hash of one repeated digit or so is a C++ name that happens to look like one.
  if (last === undefined || parts.length === 0 || !hash.test(last) || new Set(last.slice(1)).size < 5) return undefined
  const names = parts.map(unescapeLegacy)
  return names.includes(undefined) ? undefined : names.join('::')
}

/** Legacy escapes (rustc's symbol_names/legacy.rs). */
const escapes: Readonly<Record<string, string>> = {
  SP: '@',
  BP: '*',
  RF: '&',
  LT: '<',
  GT: '>',
  LP: '(',
  RP: ')',
  C: ',',
}

/** `_$LT$impl$u20$core..fmt..Write$GT$` is `<impl core::fmt::Write>`. */
function unescapeLegacy(part: string): string | undefined {
  if (!/^[\w.$:]+$/.test(part)) return undefined
  let isKnown = true
  const text = part
    .replace(/^_\$/, '$')
    .replaceAll('..', '::')
    .replace(/\$(\w*)\$/g, (_, code: string) => {
      const plain = escapes[code]
      if (plain) return plain
      const point = /^u[0-9a-f]{1,6}$/.test(code) ? Number.parseInt(code.slice(1), 16) : -1
      if (point >= 0x20 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)) return String.fromCodePoint(point)
      isKnown = false
      return ''
    })
  return isKnown ? text : undefined
}
