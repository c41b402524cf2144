// Expressions in mangled C++ names (Itanium ABI 5.1.6): they stand in template arguments, array bounds and decltype.
//
//   Xgt T_ Li0E E      <(T>(0))>
//   DT cl 1g fp_ E E   decltype (g({parm#1}))
import { type CppNode, list, NotACppName, type Part, simpleList, text } from './cpp-nodes.ts'
import { literalSuffixes, type Operator, operators } from './cpp-tables.ts'

/** What expressions need of the rest of the grammar. */
export interface CppGrammar {
  peek(offset?: number): string
  take(count: number): string
  /** Steps over `wanted` when it comes next. */
  accept(wanted: string): boolean
  expect(wanted: string): void
  /** Decimal digits; empty where there are none. */
  digits(): string
  type(): CppNode
  templateArgs(): CppNode[]
  templateParameter(): CppNode
  unqualifiedName(): CppNode
  /** `L_Z … E`: a whole mangled name inside. */
  encoding(): CppNode
  substitution(): CppNode
}

export function parseExpression(p: CppGrammar): CppNode {
  const first = p.peek()
  if (first === 'L') return parseLiteral(p)
  if (first === 'T') return p.templateParameter()
  if (first === 'f' && (p.peek(1) === 'p' || (p.peek(1) === 'L' && /\d/.test(p.peek(2))))) return parseParameter(p)
  if (first === 'f' && 'lrLR'.includes(p.peek(1))) return parseFold(p)
  if (first >= '0' && first <= '9') return parseNameInExpression(p)
  const code = first + p.peek(1)
  switch (code) {
    case 'sr':
      return parseScoped(p)
    case 'on':
      p.take(2)
      return withTemplateArgs(p, p.unqualifiedName())
    case 'sp':
      p.take(2)
      return { kind: 'expansion', of: parseExpression(p) }
    case 'sZ':
      p.take(2)
      return { kind: 'packSize', of: parseExpression(p) }
    case 'sP': {
      p.take(2)
      const args: CppNode[] = []
      while (!p.accept('E')) args.push(p.type())
      return text(String(args.length))
    }
    case 'tl':
    case 'il':
      return parseInitializer(p)
    case 'cv':
      return parseCast(p)
    case 'cl':
    case 'cp':
      p.take(2)
      return parseCall(p)
    case 'nx':
      p.take(2)
      return list('noexcept', { operand: parseExpression(p) })
    case 'nw':
    case 'na':
      return parseNew(p, '')
    case 'gs':
      if (['nw', 'na'].includes(p.peek(2) + p.peek(3))) {
        p.take(2)
        return parseNew(p, '::')
      }
      break
  }
  if (first === 'u') return parseVendor(p)
  return parseOperator(p)
}

function parseOperator(p: CppGrammar): CppNode {
  const code = p.take(2)
  const operator = operators[code]
  if (!operator) throw new NotACppName()
  if (code === 'st' || code === 'ti' || code === 'at') return list(operator.text, '(', p.type(), ')')
  if (code === 'gs') return list('::', parseExpression(p))
  switch (operator.operands) {
    case 0:
      return text(operator.text)
    case 1:
      return parseUnary(p, code, operator)
    case 2:
      return parseBinary(p, code, operator)
    case 3: {
      const [a, b, c] = [parseExpression(p), parseExpression(p), parseExpression(p)]
      return list({ operand: a }, operator.text, { operand: b }, ' : ', { operand: c })
    }
  }
}

function parseUnary(p: CppGrammar, code: string, operator: Operator): CppNode {
  // `pp_ x` is ++x, `pp x` is x++.
  const isPrefix = (code === 'pp' || code === 'mm') && p.accept('_')
  const operand = parseExpression(p)
  if ((code === 'pp' || code === 'mm') && !isPrefix) return list({ operand }, operator.text)
  // The address of a member function is written without its parameters; with qualifiers libiberty keeps them.
  const isPlain = operand.kind === 'function' && operand.name?.kind === 'qualified' && operand.qualifiers[0] === ''
  if (code === 'ad' && isPlain && operand.name) return list('&', operand.name)
  return list(operator.text, { operand })
}

const namedCasts = ['cc', 'dc', 'rc', 'sc']

function parseBinary(p: CppGrammar, code: string, operator: Operator): CppNode {
  if (namedCasts.includes(code)) return list(operator.text, '<', p.type(), '>(', parseExpression(p), ')')
  const left = parseExpression(p)
  if (code === 'dt' || code === 'pt') {
    const member = p.peek() === 'L' || p.peek() === 'T' ? parseExpression(p) : parseNameInExpression(p)
    return list({ operand: left }, operator.text, { operand: member })
  }
  const right = parseExpression(p)
  if (code === 'ix') return list({ operand: left }, '[', right, ']')
  const parts: Part[] = [{ operand: left }, operator.text, { operand: right }]
  // A greater-than must not look like the end of the template arguments.
  return operator.text.startsWith('>') && operator.text.length === 1 ? list('(', ...parts, ')') : list(...parts)
}

/** `fL`, `fl`: (… op x); with an initial value (x op … op y). */
function parseFold(p: CppGrammar): CppNode {
  const kind = p.take(2)[1] as string
  const operator = operators[p.take(2)]
  if (!operator) throw new NotACppName()
  const pack = parseExpression(p)
  const sign = operator.text
  if (kind === 'l') return list('(...', sign, { operand: pack }, ')')
  if (kind === 'r') return list('(', { operand: pack }, sign, '...)')
  const second = parseExpression(p)
  return list('(', { operand: pack }, sign, '...', sign, { operand: second }, ')')
}

/** `fp_` is parameter 1, `fp0_` 2, `fL0p_` one of a surrounding function, `fpT` this. */
function parseParameter(p: CppGrammar): CppNode {
  p.take(1)
  if (p.accept('L')) p.digits()
  p.expect('p')
  if (p.accept('T')) return text('this')
  while ('rVK'.includes(p.peek()) && p.peek() !== '') p.take(1)
  const digits = p.digits()
  p.expect('_')
  return text(`{parm#${digits === '' ? 1 : Number(digits) + 2}}`)
}

function parseCall(p: CppGrammar): CppNode {
  const callee = parseExpression(p)
  const name = callee.kind === 'function' && callee.name ? callee.name : callee
  const args = parseUntilE(p)
  return list({ operand: name }, '(', { kind: 'items', items: args }, ')')
}

function parseUntilE(p: CppGrammar): CppNode[] {
  const nodes: CppNode[] = []
  while (!p.accept('E')) nodes.push(parseExpression(p))
  return nodes
}

/** `cv T x` is (T)x, `cv T _ x y E` is (T)(x, y). */
function parseCast(p: CppGrammar): CppNode {
  p.take(2)
  const type = p.type()
  if (!p.accept('_')) return list('(', type, ')', { operand: parseExpression(p) })
  return list('(', type, ')(', { kind: 'items', items: parseUntilE(p) }, ')')
}

function parseInitializer(p: CppGrammar): CppNode {
  const type = p.take(2) === 'tl' ? p.type() : text('')
  const items: CppNode[] = []
  while (!p.accept('E')) items.push(parseBracedItem(p))
  return simpleList(type, '{', { kind: 'items', items }, '}')
}

/** `di name value`: .name=value; `dx index value`: [index]=value. */
function parseBracedItem(p: CppGrammar): CppNode {
  const code = p.peek() + p.peek(1)
  if (code !== 'di' && code !== 'dx') return parseExpression(p)
  p.take(2)
  const target = code === 'di' ? list('.', p.unqualifiedName()) : list('[', parseExpression(p), ']')
  const next = p.peek() + p.peek(1)
  return list(target, next === 'di' || next === 'dx' ? '' : '=', parseBracedItem(p))
}

/** `nw placement _ type E`, or with `pi arguments E` or `il … E` at its end. */
function parseNew(p: CppGrammar, scope: string): CppNode {
  const word = p.take(2) === 'na' ? 'new[]' : 'new'
  const placement: CppNode[] = []
  while (!p.accept('_')) placement.push(parseExpression(p))
  const type = p.type()
  const where: Part[] = placement.length > 0 ? ['(', { kind: 'items', items: placement }, ') '] : [' ']
  if (p.accept('E')) return list(scope, word, ...where, type)
  if (p.accept('pi')) return list(scope, word, ...where, type, '(', { kind: 'items', items: parseUntilE(p) }, ')')
  return list(scope, word, ...where, type, parseExpression(p))
}

/** `u name args E`: something of the compiler's own, such as __uuidof. */
function parseVendor(p: CppGrammar): CppNode {
  p.take(1)
  const name = p.unqualifiedName()
  const args: CppNode[] = []
  while (!p.accept('E')) args.push(p.peek() === 'X' ? parseWrapped(p) : p.type())
  return list(name, '(', { kind: 'items', items: args }, ')')
}

function parseWrapped(p: CppGrammar): CppNode {
  p.expect('X')
  const expression = parseExpression(p)
  p.expect('E')
  return expression
}

/** `sr type name`: T::name; `sr level… E name` where the levels are plain names: a::b::name. */
function parseScoped(p: CppGrammar): CppNode {
  p.take(2)
  // `srN type level… E name` reads like a nested name, and means the same.
  if (!/\d/.test(p.peek())) return { kind: 'qualified', scope: p.type(), name: parseNameInExpression(p) }
  let scope = withTemplateArgs(p, p.unqualifiedName())
  while (!p.accept('E')) scope = { kind: 'qualified', scope, name: withTemplateArgs(p, p.unqualifiedName()) }
  return withTemplateArgs(p, { kind: 'qualified', scope, name: parseBaseName(p) })
}

function parseNameInExpression(p: CppGrammar): CppNode {
  if (p.peek() === 's' && p.peek(1) === 'r') return parseScoped(p)
  return withTemplateArgs(p, parseBaseName(p))
}

/** A name, an operator (`on pl`) or a destructor (`dn A`). */
function parseBaseName(p: CppGrammar): CppNode {
  p.accept('on')
  if (!p.accept('dn')) return p.unqualifiedName()
  return list('~', /\d/.test(p.peek()) ? withTemplateArgs(p, p.unqualifiedName()) : p.type())
}

function withTemplateArgs(p: CppGrammar, name: CppNode): CppNode {
  return p.peek() === 'I' ? { kind: 'template', name, args: p.templateArgs() } : name
}

/** `Lj5E` is 5u, `Lb1E` true, `L_Z1fvE` f(), `LPi0E` (int*)0. */
export function parseLiteral(p: CppGrammar): CppNode {
  p.expect('L')
  if (p.peek() === '_' || p.peek() === 'Z') {
    p.accept('_')
    p.expect('Z')
    const name = p.encoding()
    p.expect('E')
    return name
  }
  // Lambdas are written by their closure type alone.
  const type = p.type()
  const isNegative = p.accept('n')
  let value = ''
  while (p.peek() !== 'E') {
    if (p.peek() === '') throw new NotACppName()
    value += p.take(1)
  }
  p.take(1)
  if (type.kind !== 'text') return list('(', type, ')', isNegative ? `-${value}` : value)
  return literalText(type.text, isNegative ? `-${value}` : value)
}

function literalText(type: string, value: string): CppNode {
  if (value === '' && type === 'decltype(nullptr)') return text('(decltype(nullptr))0')
  if (type === 'bool' && value === '0') return list('false')
  if (type === 'bool' && value === '1') return list('true')
  const suffix = literalSuffixes[type]
  if (suffix !== undefined) return list(value + suffix)
  if (['float', 'double', 'long double', '__float128'].includes(type)) return list(`(${type})[${value}]`)
  return list(`(${type})${value}`)
}
