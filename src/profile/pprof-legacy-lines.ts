// Two kinds of lines that stand between the samples of older pprof text: names and mappings.
import type { Mapping } from './profile.ts'

export interface LegacySymbol {
  readonly address: bigint
  readonly name: string
  readonly file: string
  readonly line: number
}

/** `#	0x66cd38	main.alloc+0x38	/home/app/main.go:10`; other comments give undefined. */
export function parseSymbol(text: string): LegacySymbol | undefined {
  // Columns are aligned by one or more tabs.
  const [mark, address = '', name = '', place = '', ...more] = text.split('\t').filter((part) => part !== '')
  const colon = place.lastIndexOf(':')
  if (mark !== '#' || more.length > 0 || !/^0x[0-9a-f]{1,16}$/.test(address) || colon < 0) return undefined
  const line = place.slice(colon + 1)
  if (!/^\d{1,10}$/.test(line)) return undefined
  return {
    address: BigInt(address),
    name: name.replace(/\+0x[0-9a-f]+$/, ''),
    file: place.slice(0, colon),
    line: Number(line),
  }
}

/** `00400000-0040b000 r-xp 00000000 08:01 1234 /bin/app` (proc(5), maps); code only. */
export function parseMapping(text: string): Mapping | undefined {
  const match =
    /^\s*(?:0x)?([0-9a-f]{1,16})-(?:0x)?([0-9a-f]{1,16})\s+([-rwxps]+)\s+([0-9a-f]{1,16})\s+[0-9a-f]+:[0-9a-f]+\s+\d+(?:\s+(\S.*))?$/i.exec(
      text,
    )
  if (!match?.[3]?.includes('x')) return undefined
  return {
    start: BigInt(`0x${match[1]}`),
    limit: BigInt(`0x${match[2]}`),
    offset: BigInt(`0x${match[4]}`),
    file: match[5] ?? '',
    buildId: '',
    hasFunctions: false,
    hasFilenames: false,
    hasLineNumbers: false,
    hasInlineFrames: false,
  }
}
