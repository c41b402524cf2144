// Command lines as they may be stored and shown.

/** More than this of a command line helps nobody, and classpaths have tens of kilobytes. */
const maxLength = 512

/**
 * What /proc/PID/cmdline holds as one line: arguments joined by blanks, control characters gone (programs may write
 * anything there, escape sequences included), secrets hidden.
 */
export function printCommandLine(raw: string): string {
  return redact(raw.replace(/\p{Cc}+/gu, ' ').trim()).slice(0, maxLength)
}

/**
 * Hides what looks like a secret in a command line, since it is stored and shown:
 * `--password hunter2`, `-requirepass=x`, `TOKEN=abc`, `https://user:pw@host`.
 */
export function redact(commandLine: string): string {
  return commandLine
    .replace(
      /([\w.-]*(?:password|passwd|pass|secret|token|api[-_]?key|credential)[\w.-]*)([= ]+)(?!-)(\S+)/gi,
      '$1$2***',
    )
    .replace(/(\w+:\/\/[^\s:/@]+:)[^\s@]+@/g, '$1***@')
}
