// docs/errors.md from the error table.
import { failures } from '../src/model/errors.ts'

export function renderErrorsDoc(): string {
  const lines = [
    '# Errors',
    '',
    'Generated from the table in `src/model/errors.ts` by `npm run docs`; do not edit. Codes are permanent: scripts may',
    'compare them. The HTTP API answers `{code, message, advice}` with the status; the program prints the message and the',
    'advice and ends with the exit code.',
    '',
    '| code | HTTP | exit | next step |',
    '|---|---|---|---|',
  ]
  for (const [code, { status, exit, advice }] of Object.entries(failures)) {
    lines.push(`| \`${code}\` | ${status} | ${exit} | ${advice.replaceAll('|', '\\|')} |`)
  }
  lines.push(
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    '| 0 | done, with data |',
    '| 2 | the command line, the configuration or the input is wrong |',
    '| 3 | refused by a limit |',
    '| 4 | not found, gone, or no answer |',
    '| 5 | partial: there is something, and less than was asked for |',
    '| 6 | recorded, but nothing was sampled |',
    '| 7 | a permission or a tool is missing |',
    '| 8 | out of time |',
    '| 130 | interrupted by Ctrl-C |',
  )
  return `${lines.join('\n')}\n`
}
