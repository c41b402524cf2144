// Moments as people read them to each other.

/** `2026-11-21 03:15:00Z`: UTC, so that what two people read to each other agrees. */
export const printTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`
