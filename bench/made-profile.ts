// Profiles as large services give them: stacks are walks down one call tree in which few ways are hot, and ids count up
// in the order of first appearance, as Go's runtime and pprof write them.
import { ProfileBuilder } from '../src/profile/builder.ts'
import { encodePprof } from '../src/profile/pprof-encode.ts'

export interface MadeProfileOptions {
  readonly samples: number
  readonly functions: number
  /** Depth of stacks, smallest and largest. */
  readonly depth: readonly [number, number]
  /** Another one takes other ways down the same tree. */
  readonly seed: number
}

/** The same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** Places in code per function: the calls that it makes. */
const sites = 5

/** @returns an uncompressed pprof of Go's shape: samples/count and cpu/nanoseconds */
export function makePprof({ samples, functions, depth: [least, most], seed }: MadeProfileOptions): Uint8Array {
  const random = randomFrom(seed)
  const builder = new ProfileBuilder([
    { type: 'samples', unit: 'count' },
    { type: 'cpu', unit: 'nanoseconds' },
  ])
  const mapping = builder.internMapping({
    start: 0x400000n,
    limit: 0x4000000n,
    file: '/usr/bin/service',
    hasFunctions: true,
  })
  const locations = new Map<number, number>()
  const locate = (site: number): number => {
    let location = locations.get(site)
    if (location === undefined) {
      const fn = Math.floor(site / sites)
      location = builder.internLocation({
        mapping,
        address: BigInt(0x400000 + site * 16),
        lines: [
          {
            function: builder.internFunction({
              name: `github.com/acme/service/internal/pkg${fn % 100}.(*Type${fn % 1000}).Method${fn}`,
              filename: `/src/service/internal/pkg${fn % 100}/file${fn % 500}.go`,
              startLine: fn % 1000,
            }),
            line: (fn % 1000) + (site % sites) * 7,
          },
        ],
      })
      locations.set(site, location)
    }
    return location
  }
  // The callee of a place depends on the place alone, so that all seeds walk one tree.
  const callee = (site: number, choice: number): number => {
    const mixed = Math.imul(site * 31 + choice + 1, 0x85ebca6b)
    return ((mixed ^ (mixed >>> 15)) >>> 0) % (functions * sites)
  }
  for (let i = 0; i < samples; i++) {
    const depth = least + Math.floor(random() * (most - least + 1))
    const stack: number[] = []
    for (let level = 0, site = 0; level < depth; level++) {
      stack.push(locate(site))
      // Seven in eight calls go the hot way.
      site = callee(site, random() < 0.875 ? 0 : 1 + Math.floor(random() * 5))
    }
    builder.addSample(builder.internStack(stack.reverse()), [1, 10_000_000 * (1 + Math.floor(random() * 3))])
  }
  builder.timeNanos = 1_700_000_000_000_000_000n + BigInt(seed) * 10_000_000_000n
  builder.durationNanos = 10_000_000_000n
  builder.periodType = { type: 'cpu', unit: 'nanoseconds' }
  builder.period = 10_000_000n
  return encodePprof(builder.build())
}
