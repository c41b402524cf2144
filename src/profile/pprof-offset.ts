// How a sample's time travels in a pprof, which has no field for it: as a numeric label.
// A sample taken 1250 ms after the profile's start has the label offset_ms = 1250 with unit milliseconds.
// Whole milliseconds: profile.proto's numbers are integers, and sampling at 49 to 99 Hz is a hundred times coarser.

export const offsetLabel = { key: 'offset_ms', unit: 'milliseconds' } as const
