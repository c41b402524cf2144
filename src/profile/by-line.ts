// Functions taken apart by source line, for tables and pictures that say where in a function the time went:
//   parse  ->  parse cart.c:42, parse cart.c:57
import { highWordOf, lowWord } from './interned-tables.ts'
import type { Profile } from './profile.ts'
import { RowInterner } from './row-interner.ts'
import { TextNumbers } from './string-table.ts'

/** The same profile, its functions named after their lines too where they are known. Shares all other tables. */
export function splitByLine(profile: Profile): Profile {
  const { functions, lines, strings, locations } = profile
  const texts = new TextNumbers(Array.from({ length: strings.length }, (_, i) => strings.get(i)))
  const rows = new RowInterner()
  /** Per new function: the one that it is a part of, and its name. */
  const parts: { fn: number; name: number }[] = []
  const ofLine = Int32Array.from(lines.function, (fn, row) => {
    const line = lines.line[row] as number
    const part = rows.internList([fn, lowWord(line), highWordOf(line)])
    if (part === parts.length) {
      const name = functions.name[fn] as number
      const file = fileName(strings.get(functions.filename[fn] as number))
      parts.push({
        fn,
        name: line > 0 ? texts.intern(`${strings.get(name)} ${file === '' ? 'line ' : `${file}:`}${line}`) : name,
      })
    }
    return part
  })
  const pick = (column: Int32Array): Int32Array => Int32Array.from(parts, ({ fn }) => column[fn] as number)
  return {
    ...profile,
    strings: texts.toTable(),
    functions: {
      length: parts.length,
      name: Int32Array.from(parts, ({ name }) => name),
      systemName: pick(functions.systemName),
      filename: pick(functions.filename),
      startLine: Float64Array.from(parts, ({ fn }) => functions.startLine[fn] as number),
    },
    lines: { ...lines, function: ofLine },
    // Another object, for what is known of these is kept by it.
    locations: { ...locations },
  }
}

const fileName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
