// Hides what looks like a secret in a command line before it is stored and shown.
//
//   mysql -phunter2 --user app                      ->  mysql -p*** --user app
//   java -Dkey.storePassword=changeit -jar a.jar    ->  java -Dkey.storePassword=*** -jar a.jar
//   curl -H 'Authorization: Bearer eyJhbGciOi…'     ->  curl -H Authorization: ***
//   postgres://app:p@ss@db/shop?sslpassword=x       ->  postgres://app:***@db/shop?sslpassword=***
//
// Whoever runs in a container writes its command line, so no expression here may take longer than in proportion to the
// text: each begins at the border of a word and has one way to go on.

const hidden = '***'

/** Names of what is secret: anywhere in the name of an option, a variable, a property or a field. */
const secretName =
  /pass(?:word|wd|phrase|code)|(?<!by|com|sur)pass$|[-_.]pass[-_.]|pwd|secret|token(?!iz)|credential|cookie|(?:api|access|account|auth|private|encryption|signing|shared|master|license)[-_.]?key|(?:master|sasl)[-_.]?auth$|authorization$|^sig$|signature$/i
/** Where a secret lies, or what kind it is, which is what somebody who looks into it wants to know; how many words a model may say. */
const harmlessName =
  /(?:file|path|dir|folder|name|namespace|ur[il]|ttl|type|mode)$|(?:max|min|num|new|batched)[-_.]tokens$/i
const isSecret = (name: string): boolean => secretName.test(name) && !harmlessName.test(name)

/** Programs that take a secret in a short option: glued to it (`-pfoo`), as the next word (`-a foo`), or either way. */
const shortOptions: readonly { readonly program: RegExp; readonly glued: string; readonly next: string }[] = [
  // A word of its own behind -p is the data base.
  { program: /^(?:mysql|mariadb|mycli)/, glued: 'p', next: '' },
  { program: /^(?:sshpass|mongo\w*|cqlsh|rabbitmqadmin|7z\w*)$/, glued: 'p', next: 'p' },
  { program: /^(?:redis|valkey|keydb)-(?:cli|benchmark)$/, glued: 'a', next: 'a' },
  { program: /^ldap\w+$/, glued: 'w', next: 'w' },
  { program: /^(?:sqlcmd|bcp|zip|unzip)$/, glued: 'P', next: 'P' },
  // USER:PASSWORD, and of a proxy.
  { program: /^curl$/, glued: 'uUb', next: 'uUb' },
]
/** Of curl and its like: USER:PASSWORD, or a user alone. */
const userOption = /^--(?:proxy-)?user$/

/** What is a secret by its own form, wherever it stands. */
const forms: readonly RegExp[] = [
  // JSON Web Token.
  /(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*)*/g,
  // Key id of AWS.
  /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/g,
  // GitHub, GitLab, Slack, Stripe, npm, PyPI, Hugging Face, DigitalOcean, Google, Vault.
  /(?<![\w-])(?:gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|sk-|[rs]k_live_|npm_|pypi-|hf_|dop_v1_|AIza|ya29\.|hvs\.)[\w.-]{16,}/g,
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*/g,
]

/** @param commandLine arguments separated by NUL, as in /proc/PID/cmdline, or by blanks */
export function redact(commandLine: string): string {
  const shown: string[] = []
  let short: (typeof shortOptions)[number] | undefined
  let next: 'secret' | 'user' | undefined
  for (const argument of commandLine.split('\0')) {
    // Blanks and all: a pass phrase is one argument.
    const [, name = '', rest] = (commandLine.includes('\0') && /^([\w.-]+)=(.+)$/.exec(argument)) || []
    if (next === 'secret' && argument !== '' && !argument.startsWith('-')) {
      shown.push(hidden)
      next = undefined
      continue
    }
    if (rest && isSecret(name)) {
      shown.push(`${name}=${hidden}`)
      next = undefined
      continue
    }
    const words = hideInText(argument).split(' ')
    for (const [i, word] of words.entries()) {
      if (word === '') continue
      const before = next
      next = undefined
      if (before && !word.startsWith('-')) {
        if (before === 'secret') words[i] = hidden
        else words[i] = word.replace(/:.*/, `:${hidden}`)
        continue
      }
      short = shortOptions.find(({ program }) => program.test(word.slice(word.lastIndexOf('/') + 1))) ?? short
      const letter = /^-([A-Za-z])/.exec(word)?.[1]
      if (letter && word.length > 2 && short?.glued.includes(letter)) words[i] = `-${letter}${hidden}`
      else if (letter && word.length === 2 && short?.next.includes(letter)) next = 'secret'
      else if (userOption.test(word)) next = 'user'
      else if (/^[\w.-]+$/.test(word) && isSecret(word)) next = 'secret'
    }
    shown.push(words.join(' '))
  }
  return shown.join(' ')
}

function hideInText(text: string): string {
  let clean = hidePairs(hideInUrls(text))
  for (const form of forms) clean = clean.replace(form, hidden)
  clean = clean.replace(/(?<!\w)(bearer|basic)( +)[\w.~+/=-]{6,}/gi, `$1$2${hidden}`)
  return clean.replace(/(?<![\w+/=.-])[\w+/=-]{32,}(?![\w+/=.-])/g, (word) => (isRandom(word) ? hidden : word))
}

/**
 * Names with `=` or `:` and what stands behind: `TOKEN=abc`, `"password": "x"`, `;AccountKey=x;`, `pass:x`. Behind `?`, `&`,
 * `;` and in braces it ends where the next one begins, elsewhere at the next blank; in quotes with these.
 */
function hidePairs(text: string): string {
  const names = /(?<![\w.-])([\w.-]+)(["']?\s*[=:]\s?)/g
  let clean = ''
  let from = 0
  for (let match = names.exec(text); match; match = names.exec(text)) {
    const [, name = '', sign = ''] = match
    const begin = names.lastIndex
    if (!isSecret(name) || (sign.includes(':') && isAddress(name, text.slice(begin, begin + 8)))) continue
    const isInner = /[?&;,{]["']?$/.test(text.slice(Math.max(0, match.index - 2), match.index))
    // The scheme is no secret, and what comes behind it is all of the rest.
    const isWhole = /authorization$/i.test(name)
    const value = isWhole ? /[^"']*/y : isInner ? /"[^"]*"?|'[^']*'?|[^\s&;,}"']*/y : /"[^"]*"?|'[^']*'?|\S*/y
    value.lastIndex = begin
    const { length } = value.exec(text)?.[0] ?? ''
    if (length === 0) continue
    clean += text.slice(from, begin) + hidden
    from = begin + length
    names.lastIndex = from
  }
  return clean + text.slice(from)
}

/** `token-service:8080`, `secret://…`: a host with its port, a scheme. What follows `pass:` is never a port (openssl). */
const isAddress = (name: string, behind: string): boolean =>
  behind.startsWith('//') || (name !== 'pass' && /^\d{2,5}(?!\w)/.test(behind))

/** Who is named before the `@` of an address, with a password or a token alone. */
function hideInUrls(text: string): string {
  return (
    text
      .replace(/(?<![\w+.-])([a-z][\w+.-]*:\/\/)([^\s"'<>]+)/gi, (_, scheme: string, rest: string) => {
        return scheme + hideUser(rest)
      })
      // The driver of Go for MySQL, and others without a scheme: user:password@tcp(db:3306)/shop; not image:tag@sha256:…
      .replace(/(?<![\w.:/-])([\w.-]+):([^\s:@/]+)@(?!sha256:)/g, `$1:${hidden}@`)
      // jdbc:oracle:thin:scott/tiger@//db
      .replace(/(?<!\w)(oracle:\w+:[^\s/@]{1,64})\/[^\s@]+@/g, `$1/${hidden}@`)
  )
}

/** @param address of a URL behind its scheme: `app:p@ss@db/shop` */
function hideUser(address: string): string {
  const end = address.search(/[/?#]/)
  const authority = end < 0 ? address : address.slice(0, end)
  // A slash in a password should be written as %2F, and is not always.
  const isCutPassword = !authority.includes('@') && /^[^:]*:(?!\d+$)/.test(authority) && !authority.startsWith('[')
  const at = (isCutPassword ? address : authority).lastIndexOf('@')
  if (at < 0) return address
  const user = address.slice(0, at)
  const colon = user.indexOf(':')
  if (colon >= 0) return `${user.slice(0, colon)}:${hidden}${address.slice(at)}`
  // A name is short; a token in its place is not.
  return user.length < 20 ? address : hidden + address.slice(at)
}

/**
 * Keys in base64: small letters, capitals and digits in a mixture that no name of people has. Of two neighbours in random
 * base64 two thirds are of different kinds, in the longest names of classes less than a third.
 */
function isRandom(word: string): boolean {
  if (word.startsWith('/') || !/[a-z]/.test(word) || !/[A-Z]/.test(word) || !/\d/.test(word)) return false
  const kinds = [...word].map((letter) =>
    /[a-z]/.test(letter) ? 1 : /[A-Z]/.test(letter) ? 2 : /\d/.test(letter) ? 3 : 4,
  )
  return kinds.filter((kind, i) => i > 0 && kind !== kinds[i - 1]).length > 0.45 * word.length
}
