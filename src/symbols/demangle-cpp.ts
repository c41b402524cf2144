// C++ names as people write them, from the Itanium ABI's (https://itanium-cxx-abi.github.io/cxx-abi/abi.html#mangling).
//
//   _ZNSt6vectorIiSaIiEE9push_backERKi    std::vector<int, std::allocator<int> >::push_back(int const&)
//
// Names are read by recursive descent into a tree (cpp-nodes.ts); what was read before is referred to by number (S_, S0_).
import { type CppGrammar, parseExpression, parseLiteral } from './cpp-expressions.ts'
import {
  type CppFunction,
  type CppNode,
  list,
  NotACppName,
  type Part,
  printCpp,
  simpleList,
  text,
} from './cpp-nodes.ts'
import { builtinTypes, builtinTypesD, operators, specialNames, stdAbbreviations } from './cpp-tables.ts'

export interface CppDemangleOptions {
  /** Parameters, return types of templates and clone suffixes. perf shows none of them. */
  readonly parameters?: boolean
}

/** Deeper than any real name nests, and well within the stack. */
const maxDepth = 400
/** Types and names in one name; nested conversions are read twice at each level, so this ends them. */
const maxSteps = 50_000
/** Longest name that is looked at; templates of expression libraries reach 30 000 characters. */
const maxLength = 1 << 16

/** @returns undefined when it is not a C++ name, or one that is damaged */
export function demangleCpp(mangled: string, { parameters = true }: CppDemangleOptions = {}): string | undefined {
  if (mangled.length > maxLength) return undefined
  if (!mangled.startsWith('_Z')) return undefined
  try {
    const parser = new Parser(mangled, 2)
    return printCpp(parameters ? parser.wholeName() : parser.nameOnly())
  } catch (error) {
    if (error instanceof NotACppName || error instanceof RangeError) return undefined
    throw error
  }
}

/** What is learnt of a function while its name is read. */
interface NameInfo {
  /** ` const`, ` &` after the parameters. */
  qualifiers: string
  /** Arguments of the last part of the name: what T_ and T0_ mean in the function. */
  args: readonly CppNode[] | undefined
  /** Constructors, destructors and conversions: without a return type even as templates. */
  hasNoResult: boolean
  /** Stands in a default argument of a function. */
  isDefaultArgument: boolean
}

const newInfo = (): NameInfo => ({
  qualifiers: '',
  args: undefined,
  hasNoResult: false,
  isDefaultArgument: false,
})

class Parser implements CppGrammar {
  private readonly input: string
  private at: number
  private depth = 0
  private steps = 0
  private readonly substitutions: CppNode[] = []
  /** Reading the type of `operator T`. */
  private isConversion = false
  /** Name that was read last: what a constructor is called. */
  private lastName: CppNode = text('')

  constructor(input: string, at: number) {
    this.input = input
    this.at = at
  }

  wholeName(): CppNode {
    let node = this.encoding(true)
    // `.isra.0`, `.part.3.constprop.1`, `.cold`
    const suffixes = this.input.slice(this.at)
    for (const [suffix] of suffixes.matchAll(/\.[a-z_]+(?:\.\d+)*|(?:\.\d+)+/gy)) {
      node = list(node, ` [clone ${suffix}]`)
      this.at += suffix.length
    }
    if (this.at < this.input.length) throw new NotACppName()
    return node
  }

  /** Reads no parameters, so whatever follows the name does not matter. */
  nameOnly(): CppNode {
    if (this.peek() === 'T' || this.peek() === 'G') return this.specialName()
    const info = newInfo()
    const name = this.name(info)
    return { kind: 'instance', of: info.isDefaultArgument ? list(name, info.qualifiers) : name, args: info.args }
  }

  // --- characters ---

  peek(offset = 0): string {
    return this.input[this.at + offset] ?? ''
  }

  take(count: number): string {
    if (this.at + count > this.input.length) throw new NotACppName()
    this.at += count
    return this.input.slice(this.at - count, this.at)
  }

  accept(wanted: string): boolean {
    if (!this.input.startsWith(wanted, this.at)) return false
    this.at += wanted.length
    return true
  }

  expect(wanted: string): void {
    if (!this.accept(wanted)) throw new NotACppName()
  }

  digits(): string {
    const from = this.at
    while (isDigit(this.peek())) this.at++
    return this.input.slice(from, this.at)
  }

  private number(): number {
    const digits = this.digits()
    if (digits === '' || digits.length > 9) throw new NotACppName()
    return Number(digits)
  }

  /** `_` is 0, `0_` is 1 …; base 36 in upper case for substitutions. */
  private index(base: 10 | 36): number {
    const from = this.at
    while (base === 36 ? /[0-9A-Z]/.test(this.peek()) : isDigit(this.peek())) this.at++
    const digits = this.input.slice(from, this.at)
    this.expect('_')
    if (digits.length > 6) throw new NotACppName()
    return digits === '' ? 0 : Number.parseInt(digits, base) + 1
  }

  // --- names (5.1.2 to 5.1.4) ---

  encoding(isWhole = false): CppNode {
    return this.nested(() => {
      if (this.peek() === 'T' || this.peek() === 'G') return this.specialName()
      const info = newInfo()
      const name = this.name(info)
      if (this.atNameEnd()) return info.qualifiers === '' ? name : list(name, info.qualifiers)
      // Within another name the result of a local function would look like that of the other.
      const isInner = !isWhole && name.kind === 'qualified' && name.isLocal === true
      return this.functionOf(name, { info, isInner })
    })
  }

  private atNameEnd(): boolean {
    return this.peek() === '' || this.peek() === 'E' || this.peek() === '.'
  }

  private functionOf(name: CppNode, { info, isInner }: { info: NameInfo; isInner: boolean }): CppFunction {
    const result = info.args && !info.hasNoResult ? this.type() : undefined
    const parameters = this.parameterTypes()
    // A requires-clause tells overloads apart, but is no part of what people call the function.
    if (this.accept('Q')) parseExpression(this)
    return {
      kind: 'function',
      name,
      args: info.args,
      result: isInner ? undefined : result,
      parameters,
      qualifiers: [info.qualifiers],
    }
  }

  /** Types up to an end that is not taken; `v` alone means none. */
  private parameterTypes(): CppNode[] {
    if (this.peek() === 'v' && (this.peek(1) === '' || 'E.QRO'.includes(this.peek(1)))) {
      this.take(1)
      return []
    }
    const types: CppNode[] = []
    while (!this.atNameEnd() && !this.atReferenceQualifier()) types.push(this.type())
    if (types.length === 0) throw new NotACppName()
    return types
  }

  private atReferenceQualifier(): boolean {
    return (this.peek() === 'R' || this.peek() === 'O') && this.peek(1) === 'E'
  }

  private specialName(): CppNode {
    const code = this.take(2)
    const special = specialNames[code]
    if (special) {
      const of = special.of === 'type' ? this.type() : special.of === 'name' ? this.name(newInfo()) : this.encoding()
      return list(special.text, of)
    }
    switch (code) {
      case 'Th':
        this.callOffset('h')
        return list('non-virtual thunk to ', this.encoding())
      case 'Tv':
        this.callOffset('v')
        return list('virtual thunk to ', this.encoding())
      case 'Tc':
        this.callOffset(this.take(1))
        this.callOffset(this.take(1))
        return list('covariant return thunk to ', this.encoding())
      case 'TC': {
        const derived = this.type()
        this.digits()
        this.expect('_')
        return list('construction vtable for ', this.type(), '-in-', derived)
      }
      case 'TA':
        return list('template parameter object for ', this.templateArgument())
      case 'GR': {
        const name = this.name(newInfo())
        const number = this.peek() === '_' || isDigit(this.peek()) || /[A-Z]/.test(this.peek()) ? this.index(36) : 0
        return list(`reference temporary #${number} for `, name)
      }
      case 'GT':
        return list(this.take(1) === 'n' ? 'non-transaction clone for ' : 'transaction clone for ', this.encoding())
      case 'GI':
        return list('initializer for module ', this.moduleName())
    }
    throw new NotACppName()
  }

  /** `h n8 _`, `v 0 _ n24 _`: how a thunk moves `this`; not shown. */
  private callOffset(kind: string): void {
    for (let i = 0; i < (kind === 'v' ? 2 : 1); i++) {
      this.accept('n')
      this.number()
      this.expect('_')
    }
  }

  private name(info: NameInfo | undefined): CppNode {
    return this.nested(() => {
      const first = this.peek()
      if (first === 'N') return this.nestedName(info)
      if (first === 'Z') return this.localName(info)
      if (first === 'S' && this.peek(1) !== 't') {
        const substitution = this.substitution()
        if (this.peek() !== 'I') return substitution
        return this.withArguments(substitution, info)
      }
      let name = this.accept('St')
        ? ({ kind: 'qualified', scope: text('std'), name: this.unqualified(info) } as CppNode)
        : this.unqualified(info)
      if (this.peek() === 'I') {
        this.remember(name)
        name = this.withArguments(name, info)
      }
      return name
    })
  }

  private withArguments(name: CppNode, info: NameInfo | undefined): CppNode {
    const args = this.templateArgs()
    if (info) info.args = args
    return { kind: 'template', name, args }
  }

  /** `N [qualifiers] parts E` */
  private nestedName(info: NameInfo | undefined): CppNode {
    this.expect('N')
    const qualifiers = this.qualifierLetters().join('')
    const reference = this.peek() === 'R' ? ' &' : this.peek() === 'O' ? ' &&' : ''
    if (reference) this.take(1)
    let scope: CppNode | undefined
    while (!this.accept('E')) {
      const first = this.peek()
      if (first === 'I') {
        if (!scope) throw new NotACppName()
        scope = this.withArguments(scope, info)
      } else if (first === 'S' && this.peek(1) !== 't') {
        const substitution = this.substitution()
        scope = scope ? { kind: 'qualified', scope, name: substitution } : substitution
        // Substitutions are known already.
        continue
      } else if (first === 'S') {
        this.take(2)
        scope = { kind: 'qualified', scope: text('std'), name: this.unqualified(info) }
      } else if (first === 'T') scope = this.templateParameter()
      else if (first === 'D' && (this.peek(1) === 't' || this.peek(1) === 'T')) scope = this.decltype()
      else if (first === 'M') {
        // Marks that a lambda stands in the initializer of the member before it.
        this.take(1)
        continue
      } else {
        const name = this.unqualified(info)
        scope = scope ? { kind: 'qualified', scope, name } : name
      }
      if (this.peek() !== 'E') this.remember(scope)
    }
    if (!scope) throw new NotACppName()
    if (info) info.qualifiers = qualifiers + reference
    return scope
  }

  /** `Z function E entity [_ n]`, `Z function E s` for a string, `Z function Ed n_ entity` inside a default argument. */
  private localName(info: NameInfo | undefined): CppNode {
    this.expect('Z')
    let scope = this.encoding()
    if (scope.kind === 'function') scope = { ...scope, result: undefined }
    this.expect('E')
    if (this.accept('s')) {
      this.discriminator()
      return { kind: 'qualified', scope, name: text('string literal') }
    }
    if (this.accept('d')) {
      const number = this.index(10)
      scope = { kind: 'qualified', scope, name: text(`{default arg#${number + 1}}`) }
      if (info) info.isDefaultArgument = true
    }
    const name = this.name(info)
    this.discriminator()
    return { kind: 'qualified', scope, name, isLocal: true }
  }

  private discriminator(): void {
    if (this.accept('__')) {
      this.number()
      this.expect('_')
    } else if (this.peek() === '_' && isDigit(this.peek(1))) this.take(2)
  }

  unqualifiedName(): CppNode {
    return this.unqualified(undefined)
  }

  private unqualified(info: NameInfo | undefined): CppNode {
    while (this.peek() === 'W') this.moduleName()
    if (info) {
      info.args = undefined
      info.hasNoResult = false
    }
    let node = this.untagged(info)
    while (this.accept('B')) node = simpleList(node, `[abi:${this.sourceText()}]`)
    return node
  }

  private untagged(info: NameInfo | undefined): CppNode {
    const first = this.peek()
    if (isDigit(first)) return this.sourceName()
    if (first === 'L' || first === 'F') {
      // Internal linkage and hidden friends, not shown.
      this.take(1)
      if (!isDigit(this.peek())) return this.untagged(info)
      const node = this.sourceName()
      if (first === 'L') this.discriminator()
      return node
    }
    if (first === 'C' || (first === 'D' && isDigit(this.peek(1)))) {
      if (info) info.hasNoResult = true
      return this.structor()
    }
    if (this.accept('DC')) {
      const names: CppNode[] = []
      while (!this.accept('E')) names.push(this.sourceName())
      return list('[', { kind: 'items', items: names }, ']')
    }
    if (this.accept('Ut')) return text(`{unnamed type#${this.index(10) + 1}}`)
    if (this.accept('Ul')) return this.lambda()
    return this.operatorName(info)
  }

  /** `W name`, `WP name`: C++20 modules; libiberty writes them after the name, which nobody reads. */
  private moduleName(): CppNode {
    this.expect('W')
    this.accept('P')
    return this.sourceName()
  }

  private sourceText(): string {
    const length = this.number()
    if (length === 0) throw new NotACppName()
    return this.take(length)
  }

  private sourceName(): CppNode {
    const name = this.sourceText()
    const node = text(/^_GLOBAL_[._$]N/.test(name) ? '(anonymous namespace)' : name)
    this.lastName = node
    return node
  }

  /** `C1 C2 C3 C4 C5`, `CI1 base`; `D0 D1 D2 D4 D5`. */
  private structor(): CppNode {
    const sign = this.take(1)
    const isInherited = sign === 'C' && this.accept('I')
    if (!/[0-5]/.test(this.take(1))) throw new NotACppName()
    const node = list(sign === 'D' ? '~' : '', this.lastName)
    if (isInherited) this.type()
    return node
  }

  private operatorName(info: NameInfo | undefined): CppNode {
    if (this.accept('cv')) {
      const outer = this.isConversion
      this.isConversion = info !== undefined
      const type = this.type()
      this.isConversion = outer
      if (info) info.hasNoResult = true
      return list('operator ', type)
    }
    if (this.accept('li')) return list('operator"" ', this.sourceName())
    if (this.peek() === 'v' && isDigit(this.peek(1))) {
      this.take(2)
      return list('operator ', this.sourceName())
    }
    const operator = operators[this.take(2)]
    if (!operator) throw new NotACppName()
    const name = operator.text.trimEnd()
    return text(/^[a-z]/.test(name) ? `operator ${name}` : `operator${name}`)
  }

  /** `Ul types E [n] _` */
  private lambda(): CppNode {
    while (this.peek() === 'T' && 'yntp'.includes(this.peek(1)) && this.peek(1) !== '')
      this.templateParameterDeclaration()
    const parameters = this.parameterTypes()
    this.expect('E')
    return { kind: 'lambda', parameters, number: this.index(10) + 1 }
  }

  /** `Ty`, `Tn type`, `Tt … E`, `Tp …`: the template head of a generic lambda; not shown. */
  private templateParameterDeclaration(): void {
    this.expect('T')
    const kind = this.take(1)
    if (kind === 'n') this.type()
    else if (kind === 't') {
      while (!this.accept('E')) this.templateParameterDeclaration()
    } else if (kind === 'p') this.templateParameterDeclaration()
  }

  // --- types (5.1.5) ---

  type(): CppNode {
    return this.nested(() => this.typeInner())
  }

  private typeInner(): CppNode {
    const first = this.peek()
    const builtin = builtinTypes[first]
    if (builtin !== undefined) {
      this.take(1)
      return text(builtin)
    }
    switch (first) {
      case 'r':
      case 'V':
      case 'K':
        return this.remember(this.qualifiedType())
      case 'P':
      case 'R':
      case 'O': {
        this.take(1)
        return this.remember({
          kind: 'pointer',
          to: this.type(),
          sign: first === 'P' ? '*' : first === 'R' ? '&' : '&&',
        })
      }
      case 'C':
      case 'G':
        this.take(1)
        return this.remember({ kind: 'qualifier', of: this.type(), text: first === 'C' ? ' _Complex' : ' _Imaginary' })
      case 'F':
        return this.remember(this.functionType([]))
      case 'A':
        return this.remember(this.arrayType())
      case 'M': {
        this.take(1)
        const of = this.type()
        return this.remember({ kind: 'member', of, type: this.type() })
      }
      case 'U':
        return this.remember(this.vendorQualified())
      case 'u': {
        this.take(1)
        const name = this.sourceName()
        return this.remember(this.peek() === 'I' ? { kind: 'template', name, args: this.templateArgs() } : name)
      }
      case 'T':
        return this.typeFromT()
      case 'D':
        return this.typeFromD()
      case 'S':
        if (this.peek(1) !== 't') return this.typeFromSubstitution()
        break
    }
    return this.remember(this.className())
  }

  private typeFromT(): CppNode {
    // Ts, Tu, Te: an elaborated type, `struct A`.
    if ('sue'.includes(this.peek(1)) && this.peek(1) !== '') {
      this.take(2)
      return this.remember(this.className())
    }
    const parameter = this.remember(this.templateParameter())
    if (this.peek() !== 'I') return parameter
    const before = { at: this.at, substitutions: this.substitutions.length }
    const node: CppNode = { kind: 'template', name: parameter, args: this.templateArgs() }
    // In `cv T_ I i E` the arguments are those of the operator; T has some only if others follow.
    if (!this.isConversion || this.peek() === 'I') return this.remember(node)
    this.at = before.at
    this.substitutions.length = before.substitutions
    return parameter
  }

  private typeFromSubstitution(): CppNode {
    const substitution = this.substitution()
    if (this.peek() !== 'I') return substitution
    return this.remember({ kind: 'template', name: substitution, args: this.templateArgs() })
  }

  private typeFromD(): CppNode {
    const second = this.peek(1)
    const builtin = builtinTypesD[second]
    if (builtin !== undefined) {
      this.take(2)
      return text(builtin)
    }
    switch (second) {
      case 't':
      case 'T':
        return this.remember(this.decltype())
      case 'p':
        this.take(2)
        return this.remember({ kind: 'expansion', of: this.type() })
      case 'v':
        return this.remember(this.vectorType())
      case 'F':
        return this.floatType()
      case 'B':
      case 'U':
        return this.bitIntType()
      case 'o':
      case 'O':
      case 'w':
      case 'x':
        return this.remember(this.functionType(this.exceptionSpecification()))
    }
    throw new NotACppName()
  }

  private className(): CppNode {
    const saved = this.lastName
    const node = this.nestedClass()
    this.lastName = saved
    return node
  }

  private nestedClass(): CppNode {
    if (this.peek() === 'N') return this.nestedName(undefined)
    if (this.peek() === 'Z') return this.localName(undefined)
    let name: CppNode = this.accept('St')
      ? { kind: 'qualified', scope: text('std'), name: this.unqualified(undefined) }
      : this.unqualified(undefined)
    if (this.peek() === 'I') {
      this.remember(name)
      name = { kind: 'template', name, args: this.templateArgs() }
    }
    return name
  }

  private qualifierLetters(): string[] {
    const texts: string[] = []
    for (;;) {
      if (this.accept('r')) texts.push(' restrict')
      else if (this.accept('V')) texts.push(' volatile')
      else if (this.accept('K')) texts.push(' const')
      else return texts.reverse()
    }
  }

  private qualifiedType(): CppNode {
    const qualifiers = this.qualifierLetters()
    const isFunction = this.peek() === 'F' || (this.peek() === 'D' && 'oOwx'.includes(this.peek(1)))
    if (isFunction) return this.functionType(this.exceptionSpecification(), qualifiers)
    let node = this.type()
    for (const qualifier of qualifiers) node = { kind: 'qualifier', of: node, text: qualifier }
    return node
  }

  /** `Do`, `DO expression E`, `Dw types E`, `Dx` before a function type. */
  private exceptionSpecification(): Part[] {
    const parts: Part[] = []
    for (;;) {
      if (this.accept('Do')) parts.push(' noexcept')
      else if (this.accept('Dx')) parts.push(' transaction_safe')
      else if (this.accept('DO')) {
        parts.push(' noexcept(', parseExpression(this), ')')
        this.expect('E')
      } else if (this.accept('Dw')) {
        const types: CppNode[] = []
        while (!this.accept('E')) types.push(this.type())
        parts.push(' throw(', { kind: 'items', items: types }, ')')
      } else return parts
    }
  }

  /** `F [Y] result parameters [R|O] E` */
  private functionType(exceptions: readonly Part[], qualifiers: readonly string[] = []): CppNode {
    this.expect('F')
    this.accept('Y')
    const result = this.type()
    const parameters = this.parameterTypes()
    const reference = this.accept('R') ? ' &' : this.accept('O') ? ' &&' : ''
    this.expect('E')
    return {
      kind: 'function',
      name: undefined,
      result,
      parameters,
      qualifiers: [...qualifiers, reference, ...exceptions],
    }
  }

  /** `A 3 _ type`, `A expression _ type`, `A _ type` */
  private arrayType(): CppNode {
    this.expect('A')
    const size: Part = isDigit(this.peek()) ? this.digits() : this.peek() === '_' ? '' : parseExpression(this)
    this.expect('_')
    return { kind: 'array', of: this.type(), size: [size] }
  }

  /** `Dv 4 _ type`, `Dv _ expression _ type` */
  private vectorType(): CppNode {
    this.take(2)
    const size: Part = isDigit(this.peek()) ? this.digits() : this.accept('_') ? parseExpression(this) : ''
    this.expect('_')
    return list(this.type(), ' __vector(', size, ')')
  }

  /** `DF16_` _Float16, `DF32x` _Float32x, `DF16b` std::bfloat16_t */
  private floatType(): CppNode {
    this.take(2)
    const bits = this.digits()
    if (this.accept('b')) return text('std::bfloat16_t')
    const suffix = this.accept('x') ? 'x' : ''
    if (suffix === '') this.expect('_')
    return text(`_Float${bits}${suffix}`)
  }

  private bitIntType(): CppNode {
    const sign = this.take(2) === 'DU' ? 'unsigned ' : ''
    const size: Part = isDigit(this.peek()) ? this.digits() : parseExpression(this)
    this.expect('_')
    return list(`${sign}_BitInt(`, size, ')')
  }

  private decltype(): CppNode {
    this.take(2)
    const expression = parseExpression(this)
    this.expect('E')
    return list('decltype (', expression, ')')
  }

  /** `U name [arguments] type`: a qualifier that only one compiler knows. */
  private vendorQualified(): CppNode {
    this.expect('U')
    const name = this.sourceText()
    const args = this.peek() === 'I' ? this.templateArgs() : undefined
    const of = this.type()
    if (!args) return { kind: 'qualifier', of, text: ` ${name}` }
    return list(of, ' ', { kind: 'template', name: text(name), args })
  }

  // --- template arguments and parameters ---

  /** `I arguments E` */
  templateArgs(): CppNode[] {
    this.expect('I')
    const saved = this.lastName
    const args: CppNode[] = []
    while (!this.accept('E')) args.push(this.templateArgument())
    this.lastName = saved
    return args
  }

  private templateArgument(): CppNode {
    return this.nested(() => {
      if (this.accept('X')) {
        const expression = parseExpression(this)
        this.expect('E')
        return expression
      }
      if (this.peek() === 'L') return parseLiteral(this)
      // GCC before 4.6 wrote `I` for a pack.
      if (this.accept('J') || this.accept('I')) {
        const items: CppNode[] = []
        while (!this.accept('E')) items.push(this.templateArgument())
        return { kind: 'items', items }
      }
      while (this.peek() === 'T' && 'yntp'.includes(this.peek(1)) && this.peek(1) !== '')
        this.templateParameterDeclaration()
      return this.type()
    })
  }

  /** `T_`, `T0_`, and `TL0__` for a lambda's own, which is not known in its type. */
  templateParameter(): CppNode {
    this.expect('T')
    if (!this.accept('L')) return { kind: 'parameter', index: this.index(10) }
    this.index(10)
    return text(`auto:${this.index(10) + 1}`)
  }

  // --- substitutions (5.1.8) ---

  private remember(node: CppNode): CppNode {
    this.substitutions.push(node)
    return node
  }

  substitution(): CppNode {
    this.expect('S')
    const first = this.peek()
    if (first === '_' || isDigit(first) || /[A-Z]/.test(first)) {
      const node = this.substitutions[this.index(36)]
      if (!node) throw new NotACppName()
      return node
    }
    const abbreviation = stdAbbreviations[this.take(1)]
    if (!abbreviation) throw new NotACppName()
    // A constructor is called after the long form, so that is shown.
    const isStructor = this.peek() === 'C' || this.peek() === 'D'
    this.lastName = text(abbreviation.last)
    let node: CppNode = text(isStructor ? abbreviation.long : abbreviation.short)
    if (this.peek() === 'B') {
      while (this.accept('B')) node = simpleList(node, `[abi:${this.sourceText()}]`)
      this.remember(node)
    }
    return node
  }

  private nested<Result>(parse: () => Result): Result {
    if (++this.depth > maxDepth || ++this.steps > maxSteps) throw new NotACppName()
    const result = parse()
    this.depth--
    return result
  }
}

const isDigit = (character: string): boolean => character >= '0' && character <= '9'
