// The text of a .proto as tables: enough of proto3 for the container runtime's API. A code generator, or a library that
// brings one along, costs an agent 12 to 24 MB of memory for six calls.
//
//   enum ContainerState { CONTAINER_CREATED = 0; CONTAINER_RUNNING = 1; }
//   message Container { string id = 1; ContainerState state = 6; map<string, string> labels = 8; }
//   service RuntimeService { rpc Version(VersionRequest) returns (VersionResponse); }

export interface ProtoField {
  readonly name: string
  readonly number: number
  /** A scalar's name, or that of a message or enum. */
  readonly type: string
  readonly repeated: boolean
  /** map<string, string>, the only kind of map that is known here. */
  readonly isMap: boolean
}

export interface ProtoMethod {
  /** `/runtime.v1.RuntimeService/Version` */
  readonly path: string
  readonly request: string
  readonly response: string
  readonly isStream: boolean
}

export interface ProtoSchema {
  readonly messages: ReadonlyMap<string, readonly ProtoField[]>
  readonly enums: ReadonlyMap<string, readonly { readonly name: string; readonly number: number }[]>
  readonly methods: ReadonlyMap<string, ProtoMethod>
}

/**
 * Reads the text of a .proto with flat messages, enums and services.
 * @throws Error at a word it does not know: the text is part of this program, so that is a bug
 */
export function parseProto(text: string): ProtoSchema {
  const words = text.replace(/\/\/.*$/gm, '').match(/"[^"]*"|[\w.]+|[{}()<>,;=]/g) ?? []
  const messages = new Map<string, ProtoField[]>()
  const enums = new Map<string, { name: string; number: number }[]>()
  const methods = new Map<string, ProtoMethod>()
  let at = 0
  let packageName = ''
  const next = (): string => words[at++] ?? ''
  const expect = (word: string): void => {
    const found = next()
    if (found !== word) throw new Error(`.proto: expected ${word}, found ${found} after ${words.slice(at - 6, at - 1)}`)
  }
  const skip = (word: string): boolean => words[at] === word && at++ >= 0

  const readField = (): ProtoField => {
    const repeated = skip('repeated')
    let type = next()
    const isMap = type === 'map'
    if (isMap) {
      for (const word of ['<', 'string', ',', 'string', '>']) expect(word)
      type = 'string'
    }
    const name = next().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
    expect('=')
    const number = Number(next())
    expect(';')
    return { name, number, type, repeated, isMap }
  }
  const readMethod = (service: string): void => {
    const name = next()
    expect('(')
    const request = next()
    for (const word of [')', 'returns', '(']) expect(word)
    const isStream = skip('stream')
    const response = next()
    expect(')')
    expect(';')
    methods.set(name, { path: `/${packageName}.${service}/${name}`, request, response, isStream })
  }

  while (at < words.length) {
    const word = next()
    if (word === 'syntax') at += 3
    else if (word === 'package') {
      packageName = next()
      expect(';')
    } else if (word === 'message' || word === 'enum' || word === 'service') {
      const name = next()
      expect('{')
      const fields: ProtoField[] = []
      const values: { name: string; number: number }[] = []
      while (!skip('}')) {
        if (word === 'message') fields.push(readField())
        else if (word === 'service') {
          expect('rpc')
          readMethod(name)
        } else {
          const value = next()
          expect('=')
          values.push({ name: value, number: Number(next()) })
          expect(';')
        }
      }
      if (word === 'message') messages.set(name, fields)
      if (word === 'enum') enums.set(name, values)
    } else throw new Error(`.proto: unexpected ${word}`)
  }
  return { messages, enums, methods }
}
