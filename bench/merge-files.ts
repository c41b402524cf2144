// Our side of bench/merge.ts, a process of its own as its peer is: merges pprof files into one. ARGS: OUT FILE …
import { readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import { ProfileMerger } from '../src/profile/merge.ts'
import { decodePprof } from '../src/profile/pprof-decode.ts'
import { encodePprof } from '../src/profile/pprof-encode.ts'

const [out = '', ...files] = process.argv.slice(2)
const merger = new ProfileMerger()
for (const file of files) merger.add(decodePprof(unpack(readFileSync(file))), file)
writeFileSync(out, gzipSync(encodePprof(merger.build())))

/** The last four bytes of a gzip file are the size of what is in it: memory for all of it is taken at once. */
function unpack(bytes: Buffer): Buffer {
  return gunzipSync(bytes, { chunkSize: Math.min(Math.max(bytes.readUInt32LE(bytes.length - 4), 64), 2 ** 24) })
}
