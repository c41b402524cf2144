// From locations to what a person sees: one row per function and module, shared by tree, top and diff.
import { displayName } from './display-name.ts'
import { type FrameKind, frameKind, moduleName } from './frame-kind.ts'
import type { LocationTable, Profile } from './profile.ts'

/** What a node of a tree stands for: a function in a module. Rows are shared by all nodes of the same frame. */
export interface FrameKeys {
  readonly length: number
  readonly name: readonly string[]
  /** File name of the mapping without its folder, `[kernel]` for kernel code, '' where unknown. */
  readonly module: readonly string[]
  /** For colour: where the code comes from. */
  readonly kind: readonly FrameKind[]
}

/** Frames of location i are rows[offsets[i] .. offsets[i+1]], innermost inlined function first; never none. */
export interface LocationFrames {
  readonly keys: FrameKeys
  readonly offsets: Uint32Array
  readonly rows: Int32Array
}

/** `display`: as people read them, with one row for all compiler tiers of a function; `raw`: as the runtime wrote them. */
export type NameStyle = 'display' | 'raw'

/** Selections share their tables with the whole profile, so a viewer that narrows the time asks for the same again. */
const known = {
  display: new WeakMap<LocationTable, LocationFrames>(),
  raw: new WeakMap<LocationTable, LocationFrames>(),
}

/** A location without symbols is named after its module, as pprof does: `[libc.so.6]`, or `[unknown]`. */
export function framesOf(profile: Profile, style: NameStyle = 'display'): LocationFrames {
  let frames = known[style].get(profile.locations)
  if (!frames) {
    frames = makeFrames(profile, style === 'display' ? displayName : (name) => name)
    known[style].set(profile.locations, frames)
  }
  return frames
}

function makeFrames(
  { locations, lines, functions, strings, mappings }: Profile,
  nameOf: (name: string) => string,
): LocationFrames {
  const table = new FrameTable()
  /** Rows that were seen as a real call, not only inlined into another function. */
  const wasCalled: boolean[] = []
  const modules = mappings.map(({ file }) => moduleName(file))
  const offsets = new Uint32Array(locations.length + 1)
  const rows: number[] = []
  /** From mapping + 1 to the row of what has no name in it. */
  const unnamed = new Int32Array(mappings.length + 1).fill(-1)
  /** From function to its row, per module: one lookup by number for the common case of a function seen before. */
  const byFunction = new Map<number, number>()
  for (let i = 0; i < locations.length; i++) {
    const mapping = locations.mapping[i]!
    const file = mappings[mapping]?.file ?? ''
    const module = modules[mapping] ?? ''
    const first = locations.lineOffsets[i]!
    const end = locations.lineOffsets[i + 1]!
    if (first === end) {
      let row = unnamed[mapping + 1] as number
      if (row < 0) {
        const name = module === '' ? '[unknown]' : module.startsWith('[') ? module : `[${module}]`
        row = table.intern({ name, module, kind: () => frameKind({ name: '', file, source: '' }) })
        wasCalled[row] = true
        unnamed[mapping + 1] = row
      }
      rows.push(row)
    }
    for (let line = first; line < end; line++) {
      const fn = lines.function[line]!
      const key = fn * (mappings.length + 1) + mapping + 1
      let row = byFunction.get(key)
      if (row === undefined) {
        const name = strings.get(functions.name[fn]!) || strings.get(functions.systemName[fn]!) || '[unknown]'
        const source = strings.get(functions.filename[fn]!)
        row = table.intern({ name: nameOf(name), module, kind: () => frameKind({ name, file, source }) })
        byFunction.set(key, row)
      }
      if (line === end - 1) wasCalled[row] = true
      rows.push(row)
    }
    offsets[i + 1] = rows.length
  }
  // For native code inlining is worth a colour of its own; elsewhere the language says more.
  const keys = table.rows()
  const kind = keys.kind.map((is, row): FrameKind => (is === 'native' && !wasCalled[row] ? 'inlined' : is))
  return { keys: { ...keys, kind }, offsets, rows: Int32Array.from(rows) }
}

/** Rows of name and module. */
export class FrameTable {
  private readonly names: string[] = []
  private readonly modules: string[] = []
  private readonly kinds: FrameKind[] = []
  private readonly ids = new Map<string, number>()

  intern({ name, module, kind }: { name: string; module: string; kind: () => FrameKind }): number {
    const key = `${module}\n${name}`
    let id = this.ids.get(key)
    if (id === undefined) {
      id = this.names.push(name) - 1
      this.modules.push(module)
      this.kinds.push(kind())
      this.ids.set(key, id)
    }
    return id
  }

  rows(): FrameKeys {
    return { length: this.names.length, name: this.names, module: this.modules, kind: this.kinds }
  }
}
