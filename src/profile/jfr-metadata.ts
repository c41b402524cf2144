// The types of a chunk: which fields each event has, in which order, and how to read or step over them.
//   metadata event: size, 0, start, duration, id, string table, then a tree of elements
//   element: name, attributes {key, value}, children; all texts are indexes into the string table
//   <class id="101" name="jdk.ExecutionSample" superType="jdk.jfr.Event">
//     <field class="22" name="stackTrace" constantPool="true"/>
import { Failure } from '../model/errors.ts'
import type { JfrInput } from './jfr-input.ts'

export type JfrKind =
  | 'byte'
  | 'boolean'
  | 'short'
  | 'char'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'string'
  | 'pool'
  | 'struct'

export interface JfrField {
  readonly name: string
  readonly kind: JfrKind
  readonly isArray: boolean
  /** Type that a pool key or a struct is of. */
  readonly typeId: number
  /** `jdk.jfr.Timespan` and such: what a number means. */
  readonly typeName: string
}

export interface JfrType {
  readonly id: number
  /** `jdk.ExecutionSample` */
  readonly name: string
  readonly isEvent: boolean
  readonly fields: readonly JfrField[]
}

const primitives: Record<string, JfrKind> = {
  byte: 'byte',
  boolean: 'boolean',
  short: 'short',
  char: 'char',
  int: 'int',
  long: 'long',
  float: 'float',
  double: 'double',
  'java.lang.String': 'string',
}

interface Element {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly Element[]
}

/** JFR's own trees are five deep: root, metadata, class, field, annotation. */
const maxDepth = 16

/**
 * Reads the metadata event at `input.at`; the types by id.
 * @throws Failure MALFORMED when it is no metadata event
 */
export function readMetadata(input: JfrInput): Map<number, JfrType> {
  const start = input.at
  const size = input.int()
  if (input.long() !== 0 || size <= 0) throw new Failure('MALFORMED', `There is no metadata at byte ${start}.`)
  input.long()
  input.long()
  input.long()
  const end = Math.min(start + size, input.bytes.length)
  const strings: string[] = []
  for (let left = input.length(); left > 0 && input.at < end; left--) strings.push(String(input.string() ?? ''))
  const root = readElement(input, strings, 0)
  const classes = root.children.flatMap((child) => (child.name === 'metadata' ? child.children : []))
  const names = new Map(classes.map(({ attributes }) => [attributes.get('id'), attributes.get('name') ?? '']))
  const simple = new Set(
    classes
      .filter(({ attributes }) => attributes.get('simpleType') === 'true')
      .map(({ attributes }) => attributes.get('id')),
  )
  const types = new Map<number, JfrType>()
  for (const { name, attributes, children } of classes) {
    const id = Number(attributes.get('id'))
    if (name !== 'class' || !Number.isSafeInteger(id)) continue
    const fields = children.filter((child) => child.name === 'field').map((field) => readField(field.attributes, names))
    types.set(id, {
      id,
      name: attributes.get('name') ?? '',
      isEvent: attributes.get('superType') === 'jdk.jfr.Event',
      fields: simple.has(String(id)) ? fields.slice(0, 1) : fields,
    })
  }
  dropEmptyStructs(types)
  return types
}

/**
 * Takes out fields of types that hold nothing: they take no bytes, so a file of a few types that hold each other many
 * times over would be read for ever.
 */
function dropEmptyStructs(types: Map<number, JfrType>): void {
  const takesBytes = new Set<number>()
  const isEmpty = ({ kind, isArray, typeId }: JfrField): boolean =>
    kind === 'struct' && !isArray && !takesBytes.has(typeId)
  for (let pass = 0; pass < maxDepth; pass++) {
    for (const { id, fields } of types.values()) if (!fields.every(isEmpty)) takesBytes.add(id)
  }
  for (const type of types.values())
    types.set(type.id, { ...type, fields: type.fields.filter((field) => !isEmpty(field)) })
}

function readField(attributes: ReadonlyMap<string, string>, names: ReadonlyMap<string | undefined, string>): JfrField {
  const typeId = attributes.get('class')
  const typeName = names.get(typeId) ?? ''
  return {
    name: attributes.get('name') ?? '',
    kind: attributes.get('constantPool') === 'true' ? 'pool' : (primitives[typeName] ?? 'struct'),
    isArray: Number(attributes.get('dimension')) > 0,
    typeId: Number(typeId),
    typeName,
  }
}

function readElement(input: JfrInput, strings: readonly string[], depth: number): Element {
  const name = strings[input.int()] ?? ''
  const attributes = new Map<string, string>()
  for (let left = input.length(); left > 0 && input.at < input.bytes.length; left--) {
    const key = strings[input.int()] ?? ''
    attributes.set(key, strings[input.int()] ?? '')
  }
  const children: Element[] = []
  for (let left = input.length(); left > 0 && input.at < input.bytes.length; left--) {
    if (depth >= maxDepth) throw new Failure('MALFORMED', `The metadata is nested deeper than ${maxDepth}.`)
    children.push(readElement(input, strings, depth + 1))
  }
  return { name, attributes, children }
}
