import { expect, test } from 'vitest'
import { readYamlDocument } from './yaml-document.ts'

const read = (text: string) => readYamlDocument('the rules rules.yaml', async () => text)

test('a document is what it says; an empty file is none', async () => {
  expect(await read('rules: [{ name: a, limits: { cooldown: 10m } }]')).toEqual({
    rules: [{ name: 'a', limits: { cooldown: '10m' } }],
  })
  expect(await read('# nothing yet\n')).toBeNull()
})

test('what is wrong says in which file, and where in it', async () => {
  await expect(read('rules:\n  - name: a: b\n')).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    message:
      'the rules rules.yaml is not YAML: Nested mappings are not allowed in compact mappings at line 2, column 11',
  })
  const missing = readYamlDocument('the rules rules.yaml', () => Promise.reject(new Error('ENOENT: no such file')))
  await expect(missing).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    message: 'the rules rules.yaml cannot be read: ENOENT: no such file',
  })
})

test('a file that would fill the memory by naming itself is refused', async () => {
  const rows = Array.from(
    { length: 12 },
    (_, i) =>
      `a${i}: &a${i} [${Array(9)
        .fill(i ? `*a${i - 1}` : 'x')
        .join(', ')}]`,
  )
  await expect(read(rows.join('\n'))).rejects.toMatchObject({ code: 'BAD_CONFIG' })
})
