// The context of a target in the lines that people read.
import { expect, test } from 'vitest'
import { someContext } from '../../test/nouns.ts'
import { contextFacts } from './context-text.ts'

test('what holds a container back stands out', () => {
  expect(contextFacts(someContext).map(({ name, text, isBad }) => `${isBad ? '!' : ' '} ${name}: ${text}`)).toEqual([
    '! CPU: 0.50 cores, limit 0.50 cores',
    '! throttled: in 90 % of its periods, 420 ms of CPU time',
    '! memory: 120.0 MB of 128.0 MB (93.8 %), 10.0 MB more of cache; hit its limit 3 times; 1 killed for it',
    '! waiting: for CPU 62 % of the last 10 s',
    '  processes: 2 with 31 threads',
    '! sockets: listens on 8080 (12 wait to be accepted); 40 ESTAB',
    '  node: 1.20 of 2 CPUs busy, load 1.5 0.8 0.4, 6.0 GB of 8.0 GB memory available',
  ])
})
