// One line of a Java stack in text form, and the lock lines below it.
//   java.lang.Thread.sleep(java.base@17.0.15/Native Method)        HotSpot: the module stands in the parentheses
//   java.base/java.lang.Thread.sleep(Native Method)                Throwable and Thread.dump_to_file: before the class
//   app//shop.Cart.total(Cart.java:12)   shop.Cart$$Lambda$82/0x00000001000efc40.run(Unknown Source)
//   - parking to wait for  <0x00000000f0356090> (a java.util.concurrent.locks.ReentrantLock$NonfairSync)

export const lockActions = [
  'locked',
  'eliminated',
  'waiting to lock',
  'waiting on',
  'waiting to re-lock in wait()',
  'parking to wait for',
  'blocked on',
] as const
export type LockAction = (typeof lockActions)[number]

export interface FrameLock {
  readonly action: LockAction
  /** `0x00000000f0356090`, or `Cls@1a9c1d49` in formats that know no addresses; absent where the object is gone. */
  readonly object?: string
  /** `java.util.concurrent.locks.ReentrantLock$NonfairSync`; of a lock on a class, `java.lang.Class for Dumpee`. */
  readonly className?: string
}

export interface JavaFrame {
  /** `java.lang.Thread.sleep` */
  readonly method: string
  /** `java.base@17.0.15`, `app` */
  readonly module?: string
  readonly file?: string
  readonly line?: number
  readonly isNative?: boolean
  /** Monitors of this frame, in the order printed. */
  readonly locks?: readonly FrameLock[]
}

/** A frame that is being read: its locks follow on later lines. */
export type OpenJavaFrame = Omit<JavaFrame, 'locks'> & { locks?: FrameLock[] }

/** What follows `at `: method, then the place in parentheses; undefined when it has not that form. */
export function parseJavaFrame(text: string): OpenJavaFrame | undefined {
  const paren = text.endsWith(')') ? text.lastIndexOf('(') : -1
  if (paren <= 0) return undefined
  const before = text.slice(0, paren)
  const inside = text.slice(paren + 1, -1)
  // The suffix of a hidden class is part of the class: `Dumpee$$Lambda/0x000000007014.run`, `Dumpee$$Lambda$1/791452441.run`.
  const hidden = /\/(?:0x[0-9a-f]+|\d+)(?=\.[^/]*$)/.exec(before)
  const slash = before.lastIndexOf('/', hidden ? hidden.index - 1 : undefined)
  const insideSlash = inside.lastIndexOf('/')
  const method = before.slice(slash + 1)
  const module = (slash > 0 ? before.slice(0, slash) : inside.slice(0, Math.max(insideSlash, 0))).replace(/\/+$/, '')
  const place = inside.slice(insideSlash + 1)
  const colon = place.lastIndexOf(':')
  const line = colon < 0 ? Number.NaN : Number(place.slice(colon + 1))
  const isKnown = place !== '' && place !== 'Native Method' && place !== 'Unknown Source' && place !== 'Redefined'
  return {
    method,
    ...(module && { module }),
    ...(isKnown && { file: line >= 0 ? place.slice(0, colon) : place }),
    ...(line >= 0 && { line }),
    ...(place === 'Native Method' && { isNative: true }),
  }
}

const lock =
  /^-\s+(locked|eliminated|waiting to lock|waiting on|waiting to re-lock in wait\(\)|parking to wait for|blocked on)\s+(.*)$/
/** Behind the class JDK 24 names the owner of a monitor by number, and programs that dump themselves by name, too. */
const angled = /^<([^>]*)>(?: \(an? (.*?)\)(?:, owner #\d+| owned by ".*" t@\d+)?)?$/

/** A trimmed line that begins with `- `; undefined when it is no lock line. */
export function parseFrameLock(text: string): FrameLock | undefined {
  const match = lock.exec(text)
  if (!match) return undefined
  const action = match[1] as LockAction
  const rest = (match[2] as string).trimEnd()
  const initialization = /^the Class initialization monitor for (.+)$/.exec(rest)
  if (initialization) return { action, className: `class initialization of ${initialization[1]}` }
  const object = angled.exec(rest)
  if (!object)
    return rest.startsWith('<') ? undefined : { action, object: rest, className: rest.replace(/@[0-9a-f]+$/, '') }
  const [, address = '', className] = object
  // `<no object reference available>`, `<owner is scalar replaced>`: words instead of an address.
  if (!/^0x[0-9a-f]+$/.test(address)) {
    return /\s/.test(address)
      ? { action, ...(className && { className }) }
      : { action, object: address, className: className ?? address.replace(/@[0-9a-f]+$/, '') }
  }
  return { action, object: address, ...(className && { className }) }
}

/**
 * `Dumpee$$Lambda$82/0x00000001000efc40.run` as `Dumpee$$Lambda.run`: what differs from run to run cannot be compared.
 * Recordings of JDK 21 have `Dumpee$$Lambda+0x0000000100003440.run`.
 */
export function stableMethodName(method: string): string {
  if (!method.includes('/') && !method.includes('+0x') && !method.includes('$$Lambda$')) return method
  return method
    .replace(/(?:\/(?:0x[0-9a-f]+|\d+)|\+0x[0-9a-f]+)(?=\.[^/]*$)/, '')
    .replace(/\$\$Lambda\$\d+/, '$$$$Lambda')
}
