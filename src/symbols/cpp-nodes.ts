// A demangled C++ name as a tree, and its text. C++ writes types around what they modify: a pointer to a function is
// `void (*` before and `)(int)` after, so every node has a left and a right part.

/** Written one after the other: texts, nodes, and operands, which get parentheses unless they are plain names. */
export type Part = string | CppNode | { readonly operand: CppNode }

export type CppNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'qualified'; readonly scope: CppNode; readonly name: CppNode; readonly isLocal?: boolean }
  | { readonly kind: 'template'; readonly name: CppNode; readonly args: readonly CppNode[] }
  | { readonly kind: 'pointer'; readonly to: CppNode; readonly sign: '*' | '&' | '&&' }
  | { readonly kind: 'qualifier'; readonly of: CppNode; readonly text: string }
  | CppFunction
  | { readonly kind: 'array'; readonly of: CppNode; readonly size: readonly Part[] }
  | { readonly kind: 'member'; readonly of: CppNode; readonly type: CppNode }
  /** Arguments that were written as one, `J…E`. */
  | { readonly kind: 'items'; readonly items: readonly CppNode[] }
  /** T_ and T0_: what they mean depends on the function in which they are printed. */
  | { readonly kind: 'parameter'; readonly index: number }
  /** A name in which parameters mean `args`. */
  | { readonly kind: 'instance'; readonly of: CppNode; readonly args: readonly CppNode[] | undefined }
  | { readonly kind: 'expansion'; readonly of: CppNode }
  | { readonly kind: 'packSize'; readonly of: CppNode }
  | { readonly kind: 'lambda'; readonly parameters: readonly CppNode[]; readonly number: number }
  | { readonly kind: 'list'; readonly parts: readonly Part[]; readonly isSimple: boolean }

/** A function type, or with a name a function. */
export interface CppFunction {
  readonly kind: 'function'
  readonly name: CppNode | undefined
  /** What template parameters mean in it, if it is a template itself. */
  readonly args?: readonly CppNode[] | undefined
  readonly result: CppNode | undefined
  readonly parameters: readonly CppNode[]
  /** Such as ` const &` and ` noexcept`. */
  readonly qualifiers: readonly Part[]
}

export const text = (value: string): CppNode => ({ kind: 'text', text: value })
export const list = (...parts: Part[]): CppNode => ({ kind: 'list', parts, isSimple: false })
/** Needs no parentheses as an operand. */
export const simpleList = (...parts: Part[]): CppNode => ({ kind: 'list', parts, isSimple: true })

/** Substitutions can make a name of 100 bytes a gigabyte of text. The longest real one met had 12 000 characters. */
const maxTextLength = 1 << 16
/** Names of real programs nest less than 100 deep. */
const maxDepth = 600
/** Steps of printing, so that many empty expansions end, too. */
const maxSteps = 200_000

/** Thrown by parser and printer for a name that is none, or that only an attacker writes. */
export class NotACppName extends Error {}

/** @throws NotACppName when the text would be out of all proportion */
export function printCpp(node: CppNode): string {
  const printer = new Printer()
  printer.print(node)
  return printer.text
}

/** Meanings of template parameters, innermost function first. An argument is printed in the meanings around it. */
interface Meanings {
  readonly args: readonly CppNode[]
  readonly outer: Meanings | undefined
}

/** A node together with what the parameters in it mean. */
interface Meant {
  readonly node: CppNode
  readonly meanings: Meanings | undefined
}

/** Kinds that write something behind what is in their middle: `int (*)[3]`. */
const hasRight: Readonly<Partial<Record<CppNode['kind'], true>>> = {
  pointer: true,
  qualifier: true,
  function: true,
  array: true,
  member: true,
  parameter: true,
}

class Printer {
  text = ''
  private last = ''
  private depth = 0
  private steps = 0
  /** Which item of the packs is meant inside an expansion. */
  private item = 0
  private meanings: Meanings | undefined
  private isLambda = false

  print(node: CppNode): void {
    // Every second node is plain text.
    if (node.kind === 'text') {
      this.add(node.text)
      return
    }
    this.left(node)
    if (hasRight[node.kind]) this.right(node)
  }

  private left(node: CppNode): void {
    this.enter()
    switch (node.kind) {
      case 'text':
        this.add(node.text)
        break
      case 'qualified':
        this.print(node.scope)
        this.add('::')
        this.print(node.name)
        break
      case 'template':
        this.print(node.name)
        // `operator< <int>` and `A<B<int> >`, so that no other operator appears.
        this.add(this.last === '<' ? ' <' : '<')
        this.join(node.args)
        this.add(this.last === '>' ? ' >' : '>')
        break
      case 'pointer': {
        const { to, sign } = this.collapse(node)
        this.within(to, (inner) => this.left(inner))
        const wrap = this.wrapOf(to)
        if (wrap === 'array') this.add(' ')
        this.add(wrap ? `(${sign}` : sign)
        break
      }
      case 'qualifier':
        this.left(node.of)
        if (!this.isRepeated(node)) this.add(node.text)
        break
      case 'function':
        this.inside(node.args, () => {
          if (node.result) {
            this.left(node.result)
            if (!this.wrapsDeeply(node.result)) this.add(' ')
          }
          if (node.name) this.print(node.name)
        })
        break
      case 'array':
        this.left(node.of)
        break
      case 'member': {
        this.left(node.type)
        const wrap = this.wrapOf(this.here(node.type))
        this.add(wrap === 'function' ? '(' : wrap === 'array' ? ' (' : ' ')
        this.print(node.of)
        this.add('::*')
        break
      }
      case 'items':
        this.join(node.items)
        break
      case 'parameter':
        if (this.isLambda) this.add(`auto:${node.index + 1}`)
        else this.within(this.resolve(this.here(node)), (inner) => this.left(inner))
        break
      case 'instance':
        this.inside(node.args, () => this.print(node.of))
        break
      case 'expansion':
        this.expand(node.of)
        break
      case 'packSize':
        this.add(String(this.findPack(node.of, 0)?.length ?? 0))
        break
      case 'lambda': {
        const outer = this.isLambda
        this.isLambda = true
        this.add('{lambda(')
        this.join(node.parameters)
        this.add(`)#${node.number}}`)
        this.isLambda = outer
        break
      }
      case 'list':
        for (const part of node.parts) this.part(part)
        break
    }
    this.depth--
  }

  private right(node: CppNode): void {
    this.enter()
    switch (node.kind) {
      case 'pointer': {
        const { to } = this.collapse(node)
        if (this.wrapOf(to)) this.add(')')
        this.within(to, (inner) => this.right(inner))
        break
      }
      case 'qualifier':
        this.right(node.of)
        break
      case 'function':
        this.inside(node.args, () => {
          this.add('(')
          this.join(node.parameters)
          this.add(')')
          for (const part of node.qualifiers) this.part(part)
          if (node.result) this.right(node.result)
        })
        break
      case 'array':
        this.add(this.last === ']' ? '[' : ' [')
        for (const part of node.size) this.part(part)
        this.add(']')
        this.right(node.of)
        break
      case 'member':
        if (this.wrapOf(this.here(node.type))) this.add(')')
        this.right(node.type)
        break
      case 'parameter':
        if (!this.isLambda) this.within(this.resolve(this.here(node)), (inner) => this.right(inner))
        break
    }
    this.depth--
  }

  private enter(): void {
    if (++this.depth > maxDepth || ++this.steps > maxSteps) throw new NotACppName()
  }

  private add(value: string): void {
    if (value.length === 0) return
    this.text += value
    this.last = value[value.length - 1] as string
    if (this.text.length > maxTextLength) throw new NotACppName()
  }

  private part(part: Part): void {
    if (typeof part === 'string') this.add(part)
    else if (!('operand' in part)) this.print(part)
    else if (isPlainName(part.operand)) this.print(part.operand)
    else {
      this.add('(')
      this.print(part.operand)
      this.add(')')
    }
  }

  /** Commas between; empty packs at the end leave none behind. */
  private join(nodes: readonly CppNode[]): void {
    let end = this.text.length
    nodes.forEach((node, i) => {
      if (i > 0) this.add(', ')
      const before = this.text.length
      this.print(node)
      if (this.text.length > before) end = this.text.length
    })
    if (end === this.text.length) return
    // libiberty looks at the comma that it took back, too, and so writes `A<B<int>>` here and only here.
    this.text = this.text.slice(0, end)
    this.last = ' '
  }

  private expand(pattern: CppNode): void {
    const pack = this.isLambda ? undefined : this.findPack(pattern, 0)
    if (!pack) {
      // Only the function's own parameters are meant, whose number is not known here.
      this.part({ operand: pattern })
      this.add('...')
      return
    }
    const outer = this.item
    for (let i = 0; i < pack.length; i++) {
      this.item = i
      this.print(pattern)
      if (i + 1 < pack.length) this.add(', ')
    }
    this.item = outer
  }

  /** Prints with what parameters mean inside a template function. */
  private inside(args: readonly CppNode[] | undefined, print: () => void): void {
    const outer = this.meanings
    if (args) this.meanings = { args, outer }
    print()
    this.meanings = outer
  }

  private here(node: CppNode): Meant {
    return { node, meanings: this.meanings }
  }

  private within({ node, meanings }: Meant, print: (node: CppNode) => void): void {
    const outer = this.meanings
    this.meanings = meanings
    print(node)
    this.meanings = outer
  }

  /** What a parameter stands for, else the node itself. */
  private resolve(meant: Meant): Meant {
    let { node, meanings } = meant
    while (node.kind === 'parameter' && !this.isLambda) {
      let argument = meanings?.args[node.index]
      if (argument?.kind === 'items') argument = argument.items[this.item]
      if (!argument) throw new NotACppName()
      node = argument
      // Each step leads one function outwards, so this ends.
      meanings = meanings?.outer
    }
    return { node, meanings }
  }

  /** Whether a pointer to it needs parentheses, and which. */
  private wrapOf(meant: Meant): 'function' | 'array' | undefined {
    let { node, meanings } = this.resolve(meant)
    while (node.kind === 'qualifier') ({ node, meanings } = this.resolve({ node: node.of, meanings }))
    return node.kind === 'function' ? 'function' : node.kind === 'array' ? 'array' : undefined
  }

  /** Whether it has a part on the right, so that what follows stands inside its parentheses. */
  private wrapsDeeply(start: CppNode): boolean {
    let { node, meanings } = this.resolve(this.here(start))
    for (;;) {
      if (node.kind === 'pointer') ({ node, meanings } = this.resolve({ node: node.to, meanings }))
      else if (node.kind === 'qualifier') ({ node, meanings } = this.resolve({ node: node.of, meanings }))
      else if (node.kind === 'member') ({ node, meanings } = this.resolve({ node: node.type, meanings }))
      else return node.kind === 'function' || node.kind === 'array'
    }
  }

  /** `T&` where T is `int&&` is `int&` (the standard's reference collapsing). */
  private collapse(pointer: { to: CppNode; sign: '*' | '&' | '&&' }): { to: Meant; sign: '*' | '&' | '&&' } {
    let { sign } = pointer
    let to = this.here(pointer.to)
    while (sign !== '*') {
      const { node, meanings } = this.resolve(to)
      if (node.kind !== 'pointer' || node.sign === '*') break
      if (node.sign === '&') sign = '&'
      to = { node: node.to, meanings }
    }
    return { to, sign }
  }

  private isRepeated(qualifier: { of: CppNode; text: string }): boolean {
    let { node, meanings } = this.resolve(this.here(qualifier.of))
    while (node.kind === 'qualifier') {
      if (node.text === qualifier.text) return true
      ;({ node, meanings } = this.resolve({ node: node.of, meanings }))
    }
    return false
  }

  /** Items of the first pack that a pattern mentions. */
  private findPack(node: CppNode, depth: number): readonly CppNode[] | undefined {
    if (depth > maxDepth || ++this.steps > maxSteps) throw new NotACppName()
    if (node.kind === 'parameter') {
      const argument = this.meanings?.args[node.index]
      return argument?.kind === 'items' ? argument.items : undefined
    }
    for (const child of childrenOf(node)) {
      const pack = this.findPack(child, depth + 1)
      if (pack) return pack
    }
    return undefined
  }
}

/** Where the packs of an expansion's pattern are looked for. */
function childrenOf(node: CppNode): readonly CppNode[] {
  switch (node.kind) {
    case 'qualified':
      return [node.scope, node.name]
    case 'template':
      return [node.name, ...node.args]
    case 'pointer':
      return [node.to]
    case 'qualifier':
    case 'packSize':
      return [node.of]
    case 'array':
      return [...nodesIn(node.size), node.of]
    case 'function':
      return [...(node.result ? [node.result] : []), ...node.parameters]
    case 'member':
      return [node.of, node.type]
    case 'items':
      return node.items
    case 'list':
      return nodesIn(node.parts)
    default:
      return []
  }
}

const nodesIn = (parts: readonly Part[]): CppNode[] =>
  parts.flatMap((part) => (typeof part === 'string' ? [] : 'operand' in part ? [part.operand] : [part]))

function isPlainName(node: CppNode): boolean {
  return node.kind === 'text' || node.kind === 'qualified' || (node.kind === 'list' && node.isSimple)
}
