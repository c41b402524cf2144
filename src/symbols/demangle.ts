// From the names that linkers keep to those that people write, in the style of perf: without parameters and hashes.
import { demangleCpp } from './demangle-cpp.ts'
import { demangleRust } from './demangle-rust.ts'

/**
 * `_ZNSt6vectorIiSaIiEE9push_backERKi.isra.0` is `std::vector<int, std::allocator<int> >::push_back`.
 * Names of C stay as they are, with their `.part.0`; a `@plt` stays in any case.
 */
export function demangle(name: string): string {
  if (name.charCodeAt(0) !== 95 /* _ */) return name
  const at = name.indexOf('@')
  const mangled = at < 0 ? name : name.slice(0, at)
  const plain = demangleRust(mangled) ?? demangleCpp(mangled, { parameters: false })
  if (plain === undefined) return name
  return at < 0 ? plain : plain + name.slice(at)
}
