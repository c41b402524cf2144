// Documents that people write in YAML, such as rules and the configuration: from the file to plain values, with the
// same words for what can go wrong. Who reads files gives them in.
//
//   listen: 0.0.0.0:7575
//   rules: /etc/spikecam/rules.yaml
import { parse } from 'yaml'
import { Failure } from './errors.ts'

/**
 * @param what for people, with the path: `the rules /etc/spikecam/rules.yaml`
 * @param read the text of the file
 * @throws Failure BAD_CONFIG when it cannot be read, or is not YAML, saying where
 */
export async function readYamlDocument(what: string, read: () => Promise<string>): Promise<unknown> {
  const text = await read().catch((cause: Error) => {
    throw new Failure('BAD_CONFIG', `${what} cannot be read: ${cause.message}`, { cause })
  })
  try {
    return parse(text)
  } catch (cause) {
    // `Nested mappings are not allowed in compact mappings at line 2, column 8:`, and then the lines themselves.
    const [why] = (cause as Error).message.split('\n')
    throw new Failure('BAD_CONFIG', `${what} is not YAML: ${why?.replace(/:$/, '')}`, { cause })
  }
}
