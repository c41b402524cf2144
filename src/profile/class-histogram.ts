// What fills the heap of a JVM, by class: `jcmd GC.class_histogram`, the attach command inspectheap, jmap -histo.
//
//    num     #instances         #bytes  class name (module)
//   -------------------------------------------------------
//      1:          1417        3645328  [I (java.base@17.0.15)
//      6:            62         299040  [Ljava.util.concurrent.ConcurrentHashMap$Node; (java.base@17.0.15)
//   Total        123456       12345678
import { Failure } from '../model/errors.ts'
import { ProfileBuilder } from './builder.ts'
import type { Profile } from './profile.ts'
import { linesOf } from './text-lines.ts'

export interface ClassHistogram {
  /** Most bytes first, as printed. */
  readonly classes: readonly {
    /** `java.lang.String[]`, `int[]`, `shop.Cart` */
    readonly name: string
    readonly module?: string
    readonly instances: number
    readonly sizeBytes: number
  }[]
  readonly instances: number
  readonly sizeBytes: number
}

const row = /^\s*\d+:\s+(\d{1,15})\s+(\d{1,15})\s+(\S+)(?:\s+\((.+)\))?\s*$/

/** @throws Failure NOT_A_PROFILE when it has no line of a class */
export function parseClassHistogram(bytes: Uint8Array): ClassHistogram {
  const classes: ClassHistogram['classes'][number][] = []
  for (const line of linesOf(bytes)) {
    const match = row.exec(line)
    if (!match) continue
    const [, instances, sizeBytes, name = '', module] = match
    const facts = { instances: Number(instances), sizeBytes: Number(sizeBytes) }
    classes.push({ name: printClass(name), ...(module && { module }), ...facts })
  }
  if (classes.length === 0) throw new Failure('NOT_A_PROFILE', 'There is no line `1: INSTANCES BYTES CLASS` in it.')
  return {
    classes,
    instances: classes.reduce((sum, each) => sum + each.instances, 0),
    sizeBytes: classes.reduce((sum, each) => sum + each.sizeBytes, 0),
  }
}

/** Field descriptors of the class file format, JVMS 4.3.2. */
const primitives: Readonly<Record<string, string>> = {
  B: 'byte',
  C: 'char',
  D: 'double',
  F: 'float',
  I: 'int',
  J: 'long',
  S: 'short',
  Z: 'boolean',
}

/** `[[Ljava.lang.String;` as `java.lang.String[][]` */
function printClass(name: string): string {
  const [, brackets = '', inner = ''] = /^(\[*)(.*)$/.exec(name) as RegExpExecArray
  if (brackets === '') return name
  const element = primitives[inner] ?? inner.replace(/^L(.*);$/, '$1')
  return element + '[]'.repeat(brackets.length)
}

/** One sample per class, which is its whole stack; types `inuse_objects`/`count` and, shown first, `inuse_space`/`bytes`. */
export function classHistogramProfile({ classes }: ClassHistogram): Profile {
  const builder = new ProfileBuilder([
    { type: 'inuse_objects', unit: 'count' },
    { type: 'inuse_space', unit: 'bytes' },
  ])
  for (const { name, module, instances, sizeBytes } of classes) {
    const frame = builder.internFrame(name, { ...(module && { filename: module }) })
    builder.addSample(builder.internStack([frame]), [instances, sizeBytes])
  }
  return builder.build()
}
