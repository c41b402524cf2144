import { expect, test } from 'vitest'
import { parseTcp } from './tcp-sockets.ts'

test('addresses of sockets, IPv4 written in IPv6 too', () => {
  const rest = '00:00000000 00000000  1000        0 812345 1 0000000000000000 100 0 0 10 0'
  const lines = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    `   0: 0100007F:2409 00000000:0000 0A 00000000:00000003 ${rest}`,
    `   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000200007F:C350 01 00000000:00000000 ${rest}`,
    `   2: B80D01200000000000000000010000FE:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 ${rest}`,
    'nonsense',
  ]
  expect(parseTcp(lines.join('\n'))).toEqual([
    {
      local: { address: '127.0.0.1', port: 9225 },
      remote: { address: '0.0.0.0', port: 0 },
      state: 'LISTEN',
      received: 3,
      inode: 812_345,
    },
    {
      local: { address: '127.0.0.1', port: 8080 },
      remote: { address: '127.0.0.2', port: 50_000 },
      state: 'ESTAB',
      received: 0,
      inode: 812_345,
    },
    expect.objectContaining({ local: { address: '2001:db8::fe00:1', port: 8080 } }),
  ])
})
