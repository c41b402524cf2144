import { expect, test } from 'vitest'
import { stableMethodName } from './java-frame.ts'

test('names of hidden classes without what differs from run to run, as each JDK writes them', () => {
  const names = [
    'Dumpee$$Lambda$82/0x00000001000efc40.run',
    'Dumpee$$Lambda$1/791452441.run',
    'Dumpee$$Lambda/0x000000007014.run',
    'Dumpee$$Lambda+0x0000000100003440.run',
  ]
  expect(names.map(stableMethodName)).toEqual(Array(4).fill('Dumpee$$Lambda.run'))
  expect(stableMethodName('shop.Cart.total')).toBe('shop.Cart.total')
})
