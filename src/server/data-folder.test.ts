// What can be wrong with the folder or the address before the server runs, and what it finds after a crash.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { machineProfile, spikeDocuments } from '../../test/machine-profile.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer, until } from '../../test/running-server.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { uploadBytes } from '../agent/upload.ts'

const folder = temporaryFolder()

test('a port that is taken', async () => {
  await using server = await startTestServer()
  const port = Number(new URL(server.url).port)
  const dataDir = join(folder, 'second')
  const second = startTestServer({ listen: { host: '127.0.0.1', port }, dataDir })
  await expect(second).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: `another program listens on 127.0.0.1:${port}`,
  })
  // And it lets go of the folder.
  await (await startTestServer({ dataDir })).close()
})

test('an address that is not of this machine', async () => {
  const server = startTestServer({
    listen: { host: '192.0.2.1', port: 0 },
    token: 'x',
    dataDir: join(folder, 'address'),
  })
  await expect(server).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('192.0.2.1:0') })
})

test('a folder that a newer version wrote', async () => {
  const dataDir = join(folder, 'newer')
  await (await startTestServer({ dataDir })).close()
  const instance = await DuckDBInstance.create(join(dataDir, 'catalog.duckdb'))
  const connection = await instance.connect()
  await connection.run(`UPDATE meta SET value = '2000' WHERE key = 'schema'`)
  connection.closeSync()
  instance.closeSync()
  await expect(startTestServer({ dataDir })).rejects.toMatchObject({
    code: 'DATA_TOO_NEW',
    message: expect.stringContaining('schema 2000'),
  })
})

test('a folder that another process uses', async () => {
  const dataDir = join(folder, 'used')
  await (await startTestServer({ dataDir })).close()
  const script = `
    const { DuckDBInstance } = await import('@duckdb/node-api')
    globalThis.kept = await DuckDBInstance.create(process.argv[1])
    process.stdout.write('open')
    setInterval(() => undefined, 1000)`
  const path = join(dataDir, 'catalog.duckdb')
  const other = spawn(process.execPath, ['--input-type=module', '-e', script, path], { cwd: import.meta.dirname })
  await once(other.stdout, 'data')
  await expect(startTestServer({ dataDir })).rejects.toMatchObject({
    code: 'DATA_IN_USE',
    message: expect.stringContaining(`process ${other.pid}`),
  })
  other.kill('SIGKILL')
  await once(other, 'exit')
  await (await startTestServer({ dataDir })).close()
})

test('a folder that cannot be: a file is in its place', async () => {
  writeFileSync(join(folder, 'file'), '')
  for (const dataDir of [join(folder, 'file'), join(folder, 'file', 'below')]) {
    await expect(startTestServer({ dataDir })).rejects.toMatchObject({ code: 'DATA_NOT_WRITABLE' })
  }
})

// Not even root writes below /proc, which is the one read-only file system that is on every machine.
test.skipIf(!existsSync('/proc/self'))('a folder that nobody can make', async () => {
  await expect(startTestServer({ dataDir: '/proc/spikecam' })).rejects.toMatchObject({ code: 'DATA_NOT_WRITABLE' })
})

test('a restart finds everything, and reports bytes that are gone', async () => {
  const dataDir = join(folder, 'restart')
  const bytes = machineProfile()
  const { incident, capture, artifact } = spikeDocuments(bytes)
  const first = await startTestServer({ dataDir })
  const agent = await PlayedAgent.connect(first.url)
  await agent.deliver({ type: 'incident', incident })
  await uploadBytes(first.url, { bytes, sha256: artifact.sha256 })
  await agent.deliver({ type: 'artifact', artifact })
  await agent.deliver({ type: 'capture', capture: { ...capture, state: 'complete' } })
  await first.close()

  const second = await startTestServer({ dataDir })
  const params = { id: incident.id }
  const found = await until(
    () => second.client.get('/api/v1/incidents/{id}', { params }),
    (answer) => answer.incident.top.length > 0,
  )
  expect(found.incident).toMatchObject({ state: 'complete', top: [{ function: 'evilRegex' }, {}, {}, {}] })
  await second.close()

  rmSync(join(dataDir, 'blobs', artifact.sha256.slice(0, 2)), { recursive: true })
  const third = await startTestServer({ dataDir })
  expect(third.logged.find(({ msg }) => msg === '1 artifacts have lost their bytes')).toMatchObject({
    artifacts: [artifact.id],
  })
  const lost = third.client.bytes('/api/v1/artifacts/{id}/content', { params: { id: artifact.id } })
  await expect(lost).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'the bytes of node-1_cpu.pb.gz are lost' })
  await third.close()
})
