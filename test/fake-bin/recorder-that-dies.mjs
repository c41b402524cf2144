// A recorder worker that says it records and dies at the first call.
import { parentPort } from 'node:worker_threads'

const status = { recording: true, eventFallback: false, perfPids: [], samples: 1, lostSamples: 0, ringBytes: 0 }
parentPort.postMessage({ type: 'status', status })
parentPort.on('message', () => {
  throw new Error('worn out')
})
