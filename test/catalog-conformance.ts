// What every backing of the catalog must do; each backing's own test runs this list against itself.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AlertRecord } from '../src/model/alert.ts'
import type { LedgerEntry } from '../src/model/ledger.ts'
import type { Notice } from '../src/model/notice.ts'
import type { Catalog } from '../src/store/catalog.ts'
import { cart, makeArtifact, makeCapture, makeIncident, someMs, someTarget, someTrigger } from './nouns.ts'

/** @param open a new, empty catalog */
export function describeCatalog(name: string, open: () => Promise<Catalog>): void {
  describe(name, () => {
    let catalog: Catalog
    beforeAll(async () => {
      catalog = await open()
    })
    afterAll(() => catalog.close())

    test('a document is created, changed from what was stored, and left alone', async () => {
      const id = 'inc-change'
      expect(await catalog.incident(id)).toBeUndefined()
      expect(await catalog.updateIncident(id, (old) => (old ? undefined : makeIncident({ id })))).toEqual(
        makeIncident({ id }),
      )
      await catalog.updateIncident(id, (old) => old && { ...old, endedMs: someMs + 6000 })
      expect(await catalog.incident(id)).toEqual(makeIncident({ id, endedMs: someMs + 6000 }))
      const left = await catalog.updateIncident(id, () => undefined)
      expect(left).toEqual(makeIncident({ id, endedMs: someMs + 6000 }))
      expect(await catalog.updateIncident('inc-none', () => undefined)).toBeUndefined()
      expect(await catalog.incident('inc-none')).toBeUndefined()
    })

    test('a change that throws changes nothing, and the next one goes on', async () => {
      const id = 'inc-throws'
      await catalog.updateIncident(id, () => makeIncident({ id }))
      const failing = catalog.updateIncident(id, () => {
        throw new Error('no')
      })
      await expect(failing).rejects.toThrow('no')
      await catalog.updateIncident(id, (old) => old && { ...old, message: 'still here' })
      expect(await catalog.incident(id)).toEqual(makeIncident({ id, message: 'still here' }))
    })

    test('changes at the same time lose none', async () => {
      const id = 'cap-counter'
      await catalog.updateCapture(id, () => makeCapture({ id, ringHz: 0 }))
      await Promise.all(
        Array.from({ length: 20 }, () =>
          catalog.updateCapture(id, (old) => old && { ...old, ringHz: (old.ringHz ?? 0) + 1 }),
        ),
      )
      expect((await catalog.capture(id))?.ringHz).toBe(20)
    })

    test('lists are newest first, filtered, and paged without gap or repeat', async () => {
      const target = { ...someTarget, namespace: 'paged', pod: 'cart-0' }
      // Three at the same moment: the id decides.
      const times = [5, 4, 3, 3, 3, 2, 1]
      for (const [index, time] of times.entries()) {
        const id = `inc-page-${index}`
        const noticedMs = someMs + time
        await catalog.updateIncident(id, () =>
          makeIncident({ id, noticedMs, target, state: index === 0 ? 'complete' : 'capturing' }),
        )
      }
      const seen: string[] = []
      let after: { atMs: number; id: string } | undefined
      for (;;) {
        const page = await catalog.listIncidents({ limit: 2, after, namespace: 'paged' })
        seen.push(...page.map(({ id }) => id))
        const last = page.at(-1)
        if (!last) break
        after = { atMs: last.noticedMs, id: last.id }
      }
      expect(seen).toEqual([0, 1, 4, 3, 2, 5, 6].map((index) => `inc-page-${index}`))
      const filtered = await catalog.listIncidents({ limit: 10, pod: 'cart-0', state: 'complete', node: 'node-1' })
      expect(filtered.map(({ id }) => id)).toEqual(['inc-page-0'])
      expect(await catalog.listIncidents({ limit: 10, node: 'node-2' })).toEqual([])
    })

    test('what was there at a time: from the onset to the end, or to its evidence', async () => {
      const target = { ...someTarget, namespace: 'history', pod: 'cart-0' }
      const at = (second: number): number => someMs + second * 1000
      const incidents = [
        { id: 'inc-late', onsetMs: at(100), noticedMs: at(101), evidenceMs: at(115), endedMs: at(130) },
        { id: 'inc-early', onsetMs: at(10), noticedMs: at(11), evidenceMs: at(25), endedMs: at(16) },
        { id: 'inc-bare', onsetMs: at(5), noticedMs: at(6) },
      ]
      for (const each of incidents) await catalog.updateIncident(each.id, () => makeIncident({ ...each, target }))
      const found = async (from?: number, to?: number): Promise<string[]> => {
        const range = { fromMs: from === undefined ? undefined : at(from), toMs: to === undefined ? undefined : at(to) }
        return (await catalog.listIncidents({ limit: 10, namespace: 'history', ...range })).map(({ id }) => id)
      }
      expect(await found()).toEqual(['inc-late', 'inc-early', 'inc-bare'])
      expect(await found(20, 22)).toEqual(['inc-early'])
      expect(await found(26, 99)).toEqual([])
      expect(await found(120)).toEqual(['inc-late'])
      expect(await found(undefined, 7)).toEqual(['inc-bare'])
      expect(await found(6, 12)).toEqual(['inc-early', 'inc-bare'])
    })

    test('words of a text are found in what a list shows, each of them, whatever their case', async () => {
      const own = {
        ...cart,
        namespace: 'texts',
        workload: 'statefulset/Basket',
        cmdline: 'java -jar /srv/basket.jar',
        pid: 77,
      }
      const regex = { function: 'Evil::Régex<%_>', selfShare: 0.9, totalShare: 0.9 }
      await catalog.updateIncident('inc-text-a', () =>
        makeIncident({
          id: 'inc-text-a',
          node: 'Blade-7',
          target: own,
          noticedMs: someMs + 700,
          top: [{ function: 'main', selfShare: 0.1, totalShare: 1 }, regex],
          threads: [{ pid: 77, tid: 78, name: 'http-worker', share: 1 }],
          alerts: [{ id: 'alr-1', name: 'CpuHigh', receivedMs: someMs, rule: 'basket-cpu' }],
          notes: [{ id: 'not-1', atMs: someMs, text: 'see OPS-812' }],
        }),
      )
      await catalog.updateIncident('inc-text-b', () =>
        makeIncident({ id: 'inc-text-b', target: { ...someTarget, namespace: 'texts' }, state: 'failed' }),
      )
      const found = async (text: string, state?: string): Promise<string[]> =>
        (await catalog.listIncidents({ limit: 10, namespace: 'texts', text, state })).map(({ id }) => id)
      for (const text of [
        'blade-7',
        'texts/cart-0/app',
        'statefulset/basket',
        'basket.jar (pid 77)',
        'cpuhigh',
        'basket-cpu',
        'evil::régex<%_>',
        'RÉGEX',
        'worker',
        'ops-812',
        'inc-text-a',
        '  main   Cart-0 ',
      ]) {
        expect(await found(text), text).toEqual(['inc-text-a'])
      }
      expect(await found('texts')).toEqual(['inc-text-a', 'inc-text-b'])
      expect(await found('cpu-level')).toEqual(['inc-text-a', 'inc-text-b'])
      expect(await found('texts', 'failed')).toEqual(['inc-text-b'])
      // What is no word of theirs: keys of documents, patterns, a word that only the other has.
      for (const text of ['selfShare', '%', 'm_in', '.*', 'main pid 4242']) {
        expect(await found(text), text).toEqual(text === '%' ? ['inc-text-a'] : [])
      }
    })

    test('captures are found by incident and state', async () => {
      for (const [index, state] of (['recording', 'uploading', 'complete'] as const).entries()) {
        const id = `cap-state-${index}`
        await catalog.updateCapture(id, () => makeCapture({ id, state, incidentId: 'inc-states', requestedMs: index }))
      }
      const found = await catalog.listCaptures({
        limit: 10,
        incidentId: 'inc-states',
        states: ['recording', 'uploading'],
      })
      expect(found.map(({ id }) => id)).toEqual(['cap-state-1', 'cap-state-0'])
      expect(await catalog.listCaptures({ limit: 10, incidentId: 'inc-states', states: [] })).toEqual([])
    })

    test('an artifact never changes, and is found by its capture, oldest first', async () => {
      const bytes = new Uint8Array([1, 2, 3])
      const first = makeArtifact(bytes, { id: 'art-a', captureId: 'cap-arts', createdMs: 2 })
      const second = makeArtifact(bytes, { id: 'art-b', captureId: 'cap-arts', createdMs: 1 })
      await catalog.putArtifact(first)
      await catalog.putArtifact(second)
      await catalog.putArtifact({ ...first, name: 'other' })
      expect(await catalog.artifact('art-a')).toEqual(first)
      expect(await catalog.artifactsOf(['cap-arts', 'cap-none'])).toEqual([second, first])
      expect(await catalog.artifactsOf([])).toEqual([])
    })

    test('evicted artifacts stay known; pins of the incident are seen', async () => {
      const bytes = new Uint8Array([9])
      await catalog.updateIncident('inc-pin', () => makeIncident({ id: 'inc-pin' }))
      await catalog.updateCapture('cap-pin', () => makeCapture({ id: 'cap-pin', incidentId: 'inc-pin' }))
      await catalog.putArtifact(makeArtifact(bytes, { id: 'art-pin', captureId: 'cap-pin', createdMs: 10 }))
      await catalog.putArtifact(makeArtifact(bytes, { id: 'art-old', captureId: 'cap-lost', createdMs: 0 }))
      const held = async () =>
        (await catalog.heldArtifacts())
          .filter(({ id }) => id === 'art-pin' || id === 'art-old')
          .map(({ id, pinned }) => [id, pinned])
      expect(await held()).toEqual([
        ['art-old', false],
        ['art-pin', false],
      ])
      await catalog.updateIncident('inc-pin', (old) => old && { ...old, pin: { atMs: someMs, by: 'ada' } })
      await catalog.markEvicted(['art-old'], someMs)
      expect(await held()).toEqual([['art-pin', true]])
      expect((await catalog.artifact('art-old'))?.evictedMs).toBe(someMs)
      // A pin survives the next change of the document.
      await catalog.updateIncident('inc-pin', (old) => old && { ...old, state: 'complete' })
      expect(await held()).toEqual([['art-pin', true]])
      await catalog.updateIncident('inc-pin', (old) => old && { ...old, pin: undefined })
      expect(await held()).toEqual([['art-pin', false]])
    })

    test('series keep their gaps and are replaced as a whole', async () => {
      const series = { name: 'cart', startMs: someMs, stepMs: 200, cores: [0.1, null, 1.25] }
      await catalog.putSeries('cap-series', [series, { ...series, name: 'node' }])
      await catalog.putSeries('cap-series', [series])
      await catalog.putSeries('cap-empty', [{ ...series, cores: [null] }])
      expect(await catalog.seriesOf(['cap-series'])).toEqual([series])
      expect(await catalog.seriesOf(['cap-empty'])).toEqual([{ ...series, cores: [null] }])
      await catalog.putSeries('cap-empty', [{ ...series, cores: [] }])
      expect(await catalog.seriesOf(['cap-empty'])).toEqual([{ ...series, cores: [] }])
      expect(await catalog.seriesOf([])).toEqual([])
    })

    test('the ledger keeps refused attempts too', async () => {
      const entry = { id: 'trg-1', atMs: 1, node: 'node-1', target: someTarget, trigger: someTrigger, kind: 'cpu' }
      const refused = { ...entry, id: 'trg-2', atMs: 2, outcome: 'refused' as const, guard: 'per-node', message: 'no' }
      await catalog.addToLedger({ ...entry, outcome: 'accepted', captureId: 'cap-1' })
      await catalog.addToLedger(refused)
      expect(await catalog.listLedger({ limit: 1 })).toEqual([refused])
      const older = await catalog.listLedger({ limit: 5, after: { atMs: 2, id: 'trg-2' } })
      expect(older.map(({ id }) => id)).toEqual(['trg-1'])
    })

    test('what the ledger says of alerts and of new captures is written with them', async () => {
      const row = (id: string): LedgerEntry => ({
        id,
        atMs: someMs,
        node: 'node-1',
        target: someTarget,
        trigger: someTrigger,
        kind: 'cpu',
        outcome: 'refused',
      })
      const alert: AlertRecord = {
        id: 'alr-1',
        receivedMs: someMs,
        state: 'open',
        decisions: [],
        alert: {
          source: 'alertmanager',
          status: 'firing',
          name: 'cpu',
          series: 's',
          group: 'g',
          labels: {},
          context: {},
          annotations: {},
        },
      }
      const rows = Array.from({ length: 450 }, (_, i) => row(`trg-batch-${String(i).padStart(3, '0')}`))
      await catalog.saveAlerts([alert], rows)
      await catalog.saveAlerts([{ ...alert, state: 'resolved' }])
      const ids = (await catalog.listLedger({ limit: 1000 })).map(({ id }) => id)
      expect(ids.filter((id) => id.startsWith('trg-batch'))).toEqual(rows.map(({ id }) => id).reverse())
      expect(await catalog.alert('alr-1')).toMatchObject({ state: 'resolved' })
      const keep = (id: string) =>
        catalog.updateCapture(
          id,
          () => makeCapture({ id }),
          (first) => row(`trg-of-${first.id}`),
        )
      await keep('cap-in-ledger')
      await keep('cap-in-ledger')
      expect((await catalog.listLedger({ limit: 1000 })).filter(({ id }) => id.startsWith('trg-of'))).toHaveLength(1)
    })

    test('notices are written once for each incident and receiver, and found by what is to be done with them', async () => {
      const make = (id: string, state: Notice['state'], atMs: number): Notice => {
        return { id, incidentId: 'inc-told', receiver: 'oncall', about: 'shop/cart', state, atMs, attempts: 0 }
      }
      for (const [index, state] of (['waiting', 'sending', 'sent', 'failed'] as const).entries()) {
        await catalog.updateNotice(`n-${index}`, (old) => (old ? undefined : make(`n-${index}`, state, index)))
      }
      const known = await catalog.updateNotice('n-2', (old) => (old ? undefined : make('n-2', 'waiting', 9)))
      expect(known).toEqual(make('n-2', 'sent', 2))
      const ids = async (filter: object) => (await catalog.listNotices({ limit: 9, ...filter })).map(({ id }) => id)
      expect(await ids({ states: ['waiting', 'sending'] })).toEqual(['n-1', 'n-0'])
      expect(await ids({ incidentId: 'inc-told', limit: 1 })).toEqual(['n-3'])
      expect(await ids({ incidentId: 'inc-other' })).toEqual([])
      expect((await catalog.counts()).notices).toEqual({ waiting: 1, sending: 1, sent: 1, failed: 1 })
    })

    test('counts add up', async () => {
      const counts = await catalog.counts()
      expect(counts.incidents).toBe((await catalog.listIncidents({ limit: 500 })).length)
      expect(counts.captures.recording).toBe((await catalog.listCaptures({ limit: 500, states: ['recording'] })).length)
      expect(counts.artifacts - counts.evicted).toBe((await catalog.heldArtifacts()).length)
      expect(await catalog.sizeBytes()).toBeGreaterThan(0)
    })

    test('odd text comes back as it was', async () => {
      const id = `inc-'"; DROP TABLE incidents; -- \u{1F525}`
      const incident = makeIncident({ id, message: '\u0001 \\ \n "quoted" é \u{1F525}' })
      await catalog.updateIncident(id, () => incident)
      expect(await catalog.incident(id)).toEqual(incident)
    })
  })
}
