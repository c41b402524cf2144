// The letters of the Itanium C++ ABI (https://itanium-cxx-abi.github.io/cxx-abi/abi.html#mangling), 5.1: builtin types,
// operators, abbreviations of std. Spelling is that of GNU's demangler, because perf and gdb show that.

/** 5.1.5.2, one letter. */
export const builtinTypes: Readonly<Record<string, string>> = {
  v: 'void',
  w: 'wchar_t',
  b: 'bool',
  c: 'char',
  a: 'signed char',
  h: 'unsigned char',
  s: 'short',
  t: 'unsigned short',
  i: 'int',
  j: 'unsigned int',
  l: 'long',
  m: 'unsigned long',
  x: 'long long',
  y: 'unsigned long long',
  n: '__int128',
  o: 'unsigned __int128',
  f: 'float',
  d: 'double',
  e: 'long double',
  g: '__float128',
  z: '...',
}

/** After a `D`. */
export const builtinTypesD: Readonly<Record<string, string>> = {
  a: 'auto',
  c: 'decltype(auto)',
  d: 'decimal64',
  e: 'decimal128',
  f: 'decimal32',
  h: 'half',
  i: 'char32_t',
  n: 'decltype(nullptr)',
  s: 'char16_t',
  u: 'char8_t',
}

/** How literals of a type are written: 5u, 5ul; true. Others are `(type)5`. */
export const literalSuffixes: Readonly<Record<string, string>> = {
  int: '',
  'unsigned int': 'u',
  long: 'l',
  'unsigned long': 'ul',
  'long long': 'll',
  'unsigned long long': 'ull',
}

/** 5.1.5.6 Sa, Sb, Ss, Si, So, Sd: short form, long form, and what its constructors are called. */
export const stdAbbreviations: Readonly<Record<string, { short: string; long: string; last: string }>> = {
  a: { short: 'std::allocator', long: 'std::allocator', last: 'allocator' },
  b: { short: 'std::basic_string', long: 'std::basic_string', last: 'basic_string' },
  s: {
    short: 'std::string',
    long: 'std::basic_string<char, std::char_traits<char>, std::allocator<char> >',
    last: 'basic_string',
  },
  i: { short: 'std::istream', long: 'std::basic_istream<char, std::char_traits<char> >', last: 'basic_istream' },
  o: { short: 'std::ostream', long: 'std::basic_ostream<char, std::char_traits<char> >', last: 'basic_ostream' },
  d: { short: 'std::iostream', long: 'std::basic_iostream<char, std::char_traits<char> >', last: 'basic_iostream' },
}

/** Operand count of an operator, which decides how it is written in an expression. */
export interface Operator {
  readonly text: string
  readonly operands: 0 | 1 | 2 | 3
}

const unary = (text: string): Operator => ({ text, operands: 1 })
const binary = (text: string): Operator => ({ text, operands: 2 })

/** 5.1.3 operator encodings. */
export const operators: Readonly<Record<string, Operator>> = {
  aN: binary('&='),
  aS: binary('='),
  aa: binary('&&'),
  ad: unary('&'),
  an: binary('&'),
  at: unary('alignof '),
  aw: unary('co_await '),
  az: unary('alignof '),
  cc: binary('const_cast'),
  cl: binary('()'),
  cm: binary(','),
  co: unary('~'),
  dV: binary('/='),
  da: unary('delete[] '),
  dc: binary('dynamic_cast'),
  de: unary('*'),
  dl: unary('delete '),
  ds: binary('.*'),
  dt: binary('.'),
  dv: binary('/'),
  eO: binary('^='),
  eo: binary('^'),
  eq: binary('=='),
  ge: binary('>='),
  gs: unary('::'),
  gt: binary('>'),
  ix: binary('[]'),
  lS: binary('<<='),
  le: binary('<='),
  ls: binary('<<'),
  lt: binary('<'),
  mI: binary('-='),
  mL: binary('*='),
  mi: binary('-'),
  ml: binary('*'),
  mm: unary('--'),
  na: { text: 'new[]', operands: 3 },
  ne: binary('!='),
  ng: unary('-'),
  nt: unary('!'),
  nw: { text: 'new', operands: 3 },
  oR: binary('|='),
  oo: binary('||'),
  or: binary('|'),
  pL: binary('+='),
  pl: binary('+'),
  pm: binary('->*'),
  pp: unary('++'),
  ps: unary('+'),
  pt: binary('->'),
  qu: { text: '?', operands: 3 },
  rM: binary('%='),
  rS: binary('>>='),
  rc: binary('reinterpret_cast'),
  rm: binary('%'),
  rs: binary('>>'),
  sc: binary('static_cast'),
  ss: binary('<=>'),
  st: unary('sizeof '),
  sz: unary('sizeof '),
  te: unary('typeid '),
  ti: unary('typeid '),
  tr: { text: 'throw', operands: 0 },
  tw: unary('throw '),
}

/** 5.1.4 special names that precede a type or a name. */
export const specialNames: Readonly<Record<string, { text: string; of: 'type' | 'encoding' | 'name' }>> = {
  TV: { text: 'vtable for ', of: 'type' },
  TT: { text: 'VTT for ', of: 'type' },
  TI: { text: 'typeinfo for ', of: 'type' },
  TS: { text: 'typeinfo name for ', of: 'type' },
  TF: { text: 'typeinfo fn for ', of: 'type' },
  TJ: { text: 'java Class for ', of: 'type' },
  TH: { text: 'TLS init function for ', of: 'name' },
  TW: { text: 'TLS wrapper function for ', of: 'name' },
  GV: { text: 'guard variable for ', of: 'name' },
  GA: { text: 'hidden alias for ', of: 'encoding' },
}
