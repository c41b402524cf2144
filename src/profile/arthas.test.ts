import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { arthasProfile, matchesArthasThreads, parseArthasThreads } from './arthas.ts'

const read = (name: string): Uint8Array => readFileSync(new URL(`../../test/fixtures/arthas/${name}`, import.meta.url))

test('arthas today: figures, locks, owners, threads of the VM, console around', () => {
  const { threads, losses } = parseArthasThreads(read('thread-n.txt'))
  expect(losses).toEqual([])
  expect(
    threads.map(({ name, javaId, cpuPercent, deltaMs, cpuMs }) => [name, javaId, cpuPercent, deltaMs, cpuMs]),
  ).toEqual([
    ['busy "quoted" #1', 29, 99.53, 1990, 3343],
    ['C1 CompilerThread0', undefined, 1.63, 32, 1170],
    ['dead-monitor-1', 25, 0, 0, 0],
    ['kafka-poller', 40, undefined, undefined, 12],
  ])
  expect(threads[2]).toMatchObject({
    state: 'BLOCKED',
    waitsFor: 'java.lang.Object@5d98adc7',
    ownedBy: { name: 'dead-monitor-2', javaId: 26 },
    isSuspended: true,
    isInNative: false,
    blocks: 1,
    ownedSynchronizers: ['java.util.concurrent.locks.ReentrantLock$NonfairSync@1a9c1d49'],
  })
  expect(threads[2]?.frames[0]?.locks?.map((lock) => `${lock.action} ${lock.object}`)).toEqual([
    'blocked on java.lang.Object@5d98adc7',
    'locked java.lang.Object@43c41786',
  ])
  expect(threads[3]).toMatchObject({ state: 'WAITING', isInNative: true })
})

test('arthas 3.0: a share only', () => {
  const { threads } = parseArthasThreads(read('thread-n-old.txt'))
  expect(threads.map(({ cpuPercent, state, frames }) => [cpuPercent, state, frames.length])).toEqual([
    [75, 'RUNNABLE', 3],
    [24, 'TIMED_WAITING', 1],
    [0, 'WAITING', 2],
  ])
})

test('profiles weigh stacks with the CPU of the interval', () => {
  const today = arthasProfile(parseArthasThreads(read('thread-n.txt')))
  expect(today.sampleTypes[today.defaultType]).toEqual({ type: 'cpu', unit: 'nanoseconds' })
  expect([...today.samples.values[1]!]).toEqual([1_990_000_000n, 32_000_000n, 0n, 0n])
  expect(today.labelSets[today.samples.labels[0]!]).toContainEqual({ key: 'comm', str: 'busy "quoted" #1' })
  const old = arthasProfile(parseArthasThreads(read('thread-n-old.txt')))
  expect(old.sampleTypes[1]).toEqual({ type: 'cpu', unit: 'percent' })
  expect([...old.samples.values[1]!]).toEqual([75n, 24n, 0n])
})

test('a thread whose first line cannot be read is counted, and its frames are nobody else’s', () => {
  const text = new TextDecoder().decode(read('thread-n.txt')).replace('cpuUsage=1.63%', 'cpuUsage=NaN%')
  const strange = text.replace(
    '"C1 CompilerThread0" [Internal] cpuUsage=NaN%',
    '"x" Id=9 cpuUsage=NaN%\n    at shop.Cart.total(Cart.java:17)',
  )
  const { threads, losses } = parseArthasThreads(new TextEncoder().encode(strange))
  const whole = parseArthasThreads(read('thread-n.txt')).threads
  expect(threads).toEqual([whole[0], ...whole.slice(2)])
  expect(losses).toEqual([{ what: 'threads whose first line could not be read', count: 1 }])
})

test('recognised by its header lines only', () => {
  expect(matchesArthasThreads(read('thread-n.txt'))).toBe(true)
  expect(matchesArthasThreads(read('thread-n-old.txt'))).toBe(true)
  expect(matchesArthasThreads(new TextEncoder().encode('"main" Id=1 RUNNABLE\n'))).toBe(false)
  expect(() => parseArthasThreads(new TextEncoder().encode('none'))).toThrow('Id=N')
})
