// Names of files in a header: whatever a node or a pod is called, it is one header and one name.
import { expect, test } from 'vitest'
import { attachment } from './file-answer.ts'

test.each([
  ['cart-0.pb.gz', 'attachment; filename="cart-0.pb.gz"'],
  ['café.svg', `attachment; filename="caf_.svg"; filename*=UTF-8''caf%C3%A9.svg`],
  ['a"\r\nset-cookie: x', `attachment; filename="a___set-cookie__x"; filename*=UTF-8''a%22%0D%0Aset-cookie%3A%20x`],
  ['../../etc/passwd', `attachment; filename=".._.._etc_passwd"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd`],
  // Cut in the midst of an emoji.
  ['x\ud83d', `attachment; filename="x_"; filename*=UTF-8''x%EF%BF%BD`],
])('%j', (name, header) => {
  expect(attachment(name)).toBe(header)
  expect(new Headers({ 'content-disposition': attachment(name) }).get('content-disposition')).toBe(header)
})
