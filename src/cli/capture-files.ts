// The files of one capture in a folder: what the agent brought, and the stacks of the target alone as picture, pprof and
// perf script text.
//
//   vm1.20261121_031500_UTC.container_shop_cart-0_app.{flamegraph.svg,pb.gz,perf-script.txt.gz}
//   vm1.20261121_031500_UTC.node.99hz.perf.data          raw, of the whole node
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Client } from '../api/client.ts'
import type { CaptureDetail } from '../api/shapes.ts'
import { printBytes } from '../lib/units.ts'
import { fileStem, scopeOf } from '../model/file-name.ts'
import { printPerfScript } from '../profile/perf-script-print.ts'
import { decodePprof } from '../profile/pprof-decode.ts'
import { downloadAll } from './download.ts'
import { note, writeBytes } from './output.ts'

/** @param hasStacks whether there are samples of the target to draw */
export async function saveCapture(
  client: Client,
  detail: CaptureDetail,
  { folder, hasStacks }: { folder: string; hasStacks: boolean },
): Promise<void> {
  const { capture, artifacts } = detail
  await downloadAll(client, artifacts, folder)
  if (!hasStacks || capture.incidentId === undefined) return
  const stem = fileStem(capture.node, capture.requestedMs, scopeOf(capture.target))
  const save = async (end: string, bytes: Uint8Array): Promise<void> => {
    const path = join(folder, `${stem}.${end}`)
    await writeBytes(path, bytes)
    note(`${path}  ${printBytes(bytes.length)}`)
  }
  const view = { params: { id: capture.incidentId }, query: { phase: 'all', capture: capture.id } } as const
  const read = async (response: Promise<Response>): Promise<Uint8Array> =>
    new Uint8Array(await (await response).arrayBuffer())
  const pprof = await read(client.bytes('/api/v1/incidents/{id}/pprof', view))
  // Of a whole node the agent brought this file already.
  if (capture.target.kind !== 'node') await save('pb.gz', pprof)
  await save('flamegraph.svg', await read(client.bytes('/api/v1/incidents/{id}/flame.svg', view)))
  await save('perf-script.txt.gz', gzipSync(printPerfScript(decodePprof(gunzipSync(pprof)))))
}
