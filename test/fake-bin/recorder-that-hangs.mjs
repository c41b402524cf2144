// A recorder whose worker records and then waits for a file for ever: stands in for src/main.ts in a worker thread.
import { parentPort } from 'node:worker_threads'

const status = { recording: true, perfPids: [], samples: 0, lostSamples: 0, ringBytes: 0, eventFallback: false }
parentPort.postMessage({ type: 'status', status })
// Its place in the kernel: nothing that is sent to it is read.
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
