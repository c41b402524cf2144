// The two limits of the disk: what must stay free, and what evidence may take.
import { expect, test } from 'vitest'
import type { HeldArtifact } from './catalog.ts'
import { createDiskGuard } from './disk-guard.ts'
import { planEviction } from './retention.ts'

const gib = 1024 ** 3
const guardAt = (freeBytes: number, totalBytes: number) =>
  createDiskGuard('/data', { measure: async () => ({ freeBytes, totalBytes }) })

test('on a large disk 2 GiB must stay free, on a small one a tenth', async () => {
  await guardAt(3 * gib, 1000 * gib).require(gib)
  await expect(guardAt(3 * gib, 1000 * gib).require(gib + 1)).rejects.toMatchObject({ code: 'DISK_FULL' })
  await guardAt(gib, 10 * gib).require(0)
  await expect(guardAt(gib, 10 * gib).require(1)).rejects.toMatchObject({
    code: 'DISK_FULL',
    message: 'disk: 1.1 GB of 10.7 GB are free at /data, 1.1 GB must stay free after writing 1 B',
    details: { guard: 'disk' },
  })
})

test('the disk that is really there can be measured', async () => {
  const space = await createDiskGuard('/').space()
  expect(space.totalBytes).toBeGreaterThan(space.freeBytes)
  expect(space.freeBytes).toBeGreaterThan(0)
})

const held = (id: string, sizeBytes: number, change: Partial<HeldArtifact> = {}): HeldArtifact => ({
  id,
  sha256: id,
  sizeBytes,
  createdMs: 0,
  pinned: false,
  ...change,
})

test('nothing is dropped within the budget', () => {
  expect(planEviction([held('a', 60)], 60, { budgetBytes: 60 })).toEqual({
    artifactIds: [],
    sha256s: [],
    freedBytes: 0,
    overBytes: 0,
  })
})

test('the oldest go first, only as many as needed, pinned ones never', () => {
  const artifacts = [held('a', 30), held('p', 30, { pinned: true }), held('b', 30), held('c', 30)]
  expect(planEviction(artifacts, 120, { budgetBytes: 60 })).toEqual({
    artifactIds: ['a', 'b'],
    sha256s: ['a', 'b'],
    freedBytes: 60,
    overBytes: 0,
  })
  expect(planEviction(artifacts, 120, { budgetBytes: 10 }).overBytes).toBe(20)
})

test('bytes that two artifacts share are freed with the second, and not at all when one is pinned', () => {
  const shared = [held('a', 50, { sha256: 'x' }), held('b', 50, { sha256: 'x' }), held('c', 50)]
  expect(planEviction(shared, 100, { budgetBytes: 60 })).toMatchObject({
    artifactIds: ['a', 'b'],
    sha256s: ['x'],
    freedBytes: 50,
  })
  const pinned = [held('a', 50, { sha256: 'x' }), held('b', 50, { sha256: 'x', pinned: true }), held('c', 50)]
  expect(planEviction(pinned, 100, { budgetBytes: 60 })).toMatchObject({
    artifactIds: ['c'],
    sha256s: ['c'],
    overBytes: 0,
  })
})

test('what is too old goes whatever there is room for, pinned ones do not', () => {
  const artifacts = [held('a', 30), held('p', 30, { pinned: true }), held('b', 30, { createdMs: 50 }), held('c', 30)]
  const ordered = artifacts.toSorted((a, b) => a.createdMs - b.createdMs)
  const limits = { budgetBytes: 1000, oldestMs: 50 }
  expect(planEviction(ordered, 120, limits)).toMatchObject({ artifactIds: ['a', 'c'], freedBytes: 60 })
  // Both at once: 60 bytes are left after the old ones went, and one more has to go.
  expect(planEviction(ordered, 120, { ...limits, budgetBytes: 59 })).toMatchObject({ artifactIds: ['a', 'c', 'b'] })
})
