// `spikecam note` against a real server: what is written, changed and taken back, and how a note is named.
import { expect, test } from 'vitest'
import { makeIncident } from '../../test/nouns.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer } from '../../test/running-server.ts'
import { readConfig } from '../config.ts'
import { noteNamed, runNote } from './note.ts'

const world = { isRoot: false, home: '/nobody', hostname: 'here' }
const id = 'inc-00000000000000000001'

test('notes are written, changed and taken back from the command line', async () => {
  await using server = await startTestServer()
  const agent = await PlayedAgent.connect(server.url)
  await agent.deliver({ type: 'incident', incident: makeIncident({ id }) })
  const run = async (...words: string[]) => {
    await runNote(
      readConfig(['note', id, '--server', server.url, '-o', 'name', '--as', 'ada', ...words], {}, { world }),
    )
    return (await server.client.get('/api/v1/incidents/{id}', { params: { id } })).incident.notes ?? []
  }
  await run('it was 2.3')
  const [first, second] = await run('rolled', 'back')
  expect([first, second]).toMatchObject([
    { text: 'it was 2.3', by: 'ada' },
    { text: 'rolled back', by: 'ada' },
  ])
  expect(await run('--edit', first!.id, 'it was 2.4')).toMatchObject([
    { id: first!.id, text: 'it was 2.4', by: 'ada', editedMs: expect.any(Number) },
    second,
  ])
  expect(await run('--remove', 'last')).toMatchObject([{ text: 'it was 2.4' }])
  await expect(run('--remove', second!.id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  for (const words of [
    ['--edit', 'last'],
    ['--remove', 'last', 'text'],
    ['--edit', 'last', '--remove', 'last'],
    [' '],
  ]) {
    await expect(run(...words)).rejects.toMatchObject({ code: 'USAGE' })
  }
  expect(await run('--remove', 'last')).toEqual([])
})

test('a note is named by its id, the beginning of one that is alone in it, or as the last', () => {
  const notes = ['not-01a', 'not-01b'].map((each, atMs) => ({ id: each, atMs, text: each }))
  expect([noteNamed(notes, 'not-01a'), noteNamed(notes, 'last')]).toEqual(notes)
  expect(() => noteNamed(notes, 'not-01')).toThrow('2 notes begin with not-01: not-01a, not-01b')
  expect(() => noteNamed(notes, 'not-02')).toThrow('there is: not-01a, not-01b')
  expect(() => noteNamed([], 'last')).toThrow('there is: none')
})
