// What `--help` prints and what docs/config.md says: both only lay out the tables of config.ts.
import {
  type CommandName,
  type CommandRow,
  commandGroups,
  commands,
  describeOption,
  environmentName,
  type OptionRow,
  optionsOf,
  optionTable,
} from '../config.ts'
import { terminalWidth } from './output.ts'

/** Longer lines are hard to read, and descriptions beside options in less than 60 columns are worse. */
const [narrowest, widest] = [60, 100]

export const helpWidth = (columns: number | undefined): number =>
  Math.max(narrowest, Math.min(widest, columns ?? widest))

const width = helpWidth(terminalWidth())

const commandRows = Object.entries(commands) as [CommandName, CommandRow][]

/** The overview, or everything about one command. */
export async function renderHelp(command?: CommandName): Promise<string> {
  if (!command) return renderOverview()
  const needsFormats = command === 'convert' || command === 'info'
  return renderCommand(command) + (needsFormats ? renderFormats((await import('../profile/formats.ts')).formats) : '')
}

/** Formats that are written have a star; pictures are only written. */
function renderFormats(formats: readonly { name: string; title: string; write?: unknown }[]): string {
  const lines = formats.flatMap(({ name, title, write }) => twoColumns(`${write ? '*' : ' '} ${name}`, title, 22))
  const only: [string, string][] = [
    ['svg', 'flame graph'],
    ['html', 'the same as a page'],
    ['json', 'all that a thread dump, goroutine dump or Java recording says'],
    ['text', 'a thread or goroutine dump, equal stacks together'],
  ]
  const pictures = only.flatMap(([name, title]) => twoColumns(`* ${name}`, title, 22))
  return `\nFormats, recognised by their content; those with * can be written:\n${[...lines, ...pictures].join('\n')}\n`
}

function renderOverview(): string {
  const lines = [
    'Spikecam is a flight recorder for CPU spikes: when one comes, the evidence is already recorded.',
    '',
    'Usage: spikecam COMMAND [OPTIONS]',
  ]
  for (const [group, title] of Object.entries(commandGroups)) {
    lines.push('', `${title}:`)
    for (const [name, row] of commandRows.filter(([, row]) => row.group === group)) {
      lines.push(...twoColumns(`  ${name}`, row.summary, 12))
    }
  }
  lines.push(
    '',
    'spikecam COMMAND --help has the options and examples of one command; spikecam --version the version.',
    'To begin: spikecam up (as root), then open the address that it prints.',
  )
  return `${lines.join('\n')}\n`
}

function renderCommand(name: CommandName): string {
  const row: CommandRow = commands[name]
  const options = optionsOf(name)
  const lines = [
    row.summary,
    '',
    `Usage: spikecam ${name}${row.args ? ` ${row.args}` : ''}${options.length > 0 ? ' [OPTIONS]' : ''}`,
  ]
  if (row.details) lines.push('', ...paragraphs(row.details))
  if (options.length > 0) {
    lines.push('', 'Options:')
    for (const [, option] of options) {
      const { hint, fallback } = describeOption(option, name)
      const left = `  ${option.short ? `-${option.short}, ` : ''}--${option.flag}${hint ? ` ${hint}` : ''}`
      // Some commands write no files.
      const help = option.flag === 'output' && !hint.includes('-') ? 'Another form of the answer.' : option.help
      lines.push(...twoColumns(left, `${help}${fallback ? ` [${fallback}]` : ''}`, 30))
    }
    lines.push(
      '',
      `Every option is also an environment variable: --${options[0]![1].flag} is ${environmentName(options[0]![1])}.`,
    )
  }
  if (row.examples) lines.push('', 'Examples:', ...row.examples.map((example) => `  ${example}`))
  return `${lines.join('\n')}\n`
}

/** As they are written where there is room for it; else the lines of `KIND is …` and `TARGET is …` begin anew. */
const paragraphs = (text: string): string[] =>
  width === widest ? [text] : text.split(/\n(?=[A-Z]+ is )/).flatMap((part) => wrap(part.replaceAll('\n', ' '), width))

/** `  --left TEXT     right, wrapped under itself`; a long left side gets a line of its own. */
function twoColumns(left: string, right: string, indent: number): string[] {
  const wrapped = wrap(right, width - indent)
  const lines = wrapped.map((line) => ' '.repeat(indent) + line)
  if (left.length + 2 > indent) return [left, ...lines]
  return [left.padEnd(indent) + wrapped[0]!, ...lines.slice(1)]
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line && line.length + 1 + word.length > columns) lines.push(word)
    else lines[lines.length - 1] = line ? `${line} ${word}` : word
  }
  return lines
}

/** docs/config.md; `npm run docs` writes it and a test compares. */
export function renderConfigDoc(): string {
  const lines = [
    '# Options',
    '',
    'Generated from the table in `src/config.ts` by `npm run docs`; do not edit.',
    '',
    'An option is read from the command line, else from its environment variable, else from the YAML file named by',
    '`--config` (one `name: value` per line, names without the dashes). An unknown flag or key is an error.',
    'Durations are written `500ms`, `10s`, `1m30s`; sizes `64MB`, `2GiB`; shares `80%` or `0.8`.',
    '',
    '| option | value | default | what it does | commands |',
    '|---|---|---|---|---|',
  ]
  for (const row of Object.values(optionTable) as OptionRow[]) {
    const { hint, fallback } = describeOption(row)
    const names = `\`--${row.flag}\`${row.short ? `, \`-${row.short}\`` : ''}<br>\`${environmentName(row)}\``
    const cells = [names, hint && `\`${hint}\``, fallback, row.help, row.commands.join(', ')]
    lines.push(`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
  }
  return `${lines.join('\n')}\n`
}
