import { expect, test } from 'vitest'
import { makeArtifact } from '../../test/nouns.ts'
import type { Artifact } from '../model/capture.ts'
import { mediaTypes } from '../model/capture.ts'
import { fileToDraw, shortName } from './evidence-file.ts'

const made = (change: Partial<Artifact> & { id: string }): Artifact =>
  makeArtifact(new Uint8Array(1), { captureId: 'cap-1', ...change })
const stacks = made({ id: 'art-1', probe: 'ring', mediaType: mediaTypes.pprof })
const heap = made({ id: 'art-2', probe: 'node-heap', mediaType: mediaTypes.heapprofile })
const context = made({ id: 'art-3', probe: 'context', mediaType: mediaTypes.context })

test('stacks are drawn unless another file is wanted; without them what can be drawn', () => {
  expect(fileToDraw([heap, context, stacks], undefined)).toBe(stacks)
  expect(fileToDraw([heap, context, stacks], heap.id)).toBe(heap)
  expect(fileToDraw([heap, context, stacks], context.id)).toBe(stacks)
  expect(fileToDraw([context, heap], undefined)).toBe(heap)
  expect(fileToDraw([context], undefined)).toBeUndefined()
  expect(fileToDraw([{ ...heap, evictedMs: 5 }], heap.id)).toBeUndefined()
})

test('files are called by what is in them', () => {
  const nameOf = (name: string): string => shortName({ ...heap, name })
  expect(nameOf('vm1.20261121_031500_UTC.pid_7.heap.pb.gz')).toBe('heap.pb.gz')
  expect(nameOf('vm1.20261121_031500_UTC.node.99hz.perf.data')).toBe('99hz.perf.data')
  expect(nameOf('vm1.20261121_031500_UTC.pid_7.heapprofile')).toBe('heapprofile')
  expect(nameOf('stacks/2026-11-21/shop/cart-0-app-03-15-00.log')).toBe('cart-0-app-03-15-00.log')
  expect(nameOf('anything.txt')).toBe('anything.txt')
})
