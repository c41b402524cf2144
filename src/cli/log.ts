// The log on stderr: one JSON line per event for machines, one readable line in a terminal.
import { type DestinationStream, destination, type Logger, pino } from 'pino'
import { forTerminal } from './output.ts'

/** @param level least important level to write, as in the option table */
export function createLog(level: string): Logger {
  return pino({ level, base: null }, process.stderr.isTTY ? readable() : destination({ dest: 2, sync: true }))
}

const levelNames: Record<number, string> = { 20: 'debug', 30: 'info ', 40: 'warn ', 50: 'error', 60: 'error' }

/**
 *     {"level":30,"time":1795230000000,"node":"vm1","cpus":2,"msg":"agent started"}
 *     03:00:00 info  agent started  node=vm1 cpus=2
 */
function readable(): DestinationStream {
  return {
    write: (line) => {
      process.stderr.write(`${renderLine(JSON.parse(line) as Record<string, unknown>)}\n`)
    },
  }
}

/** Of what somebody else named no line end begins a line of its own, and nothing is obeyed. */
export function renderLine({ level, time, msg, err, ...rest }: Record<string, unknown>): string {
  const clock = new Date(time as number).toTimeString().slice(0, 8)
  const fields = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? oneLine(value) : JSON.stringify(value)}`,
  )
  const error = err as { message?: string; stack?: string } | undefined
  const text = [
    `${clock} ${levelNames[level as number] ?? level} ${oneLine(String(msg ?? ''))}`,
    ...(fields.length > 0 ? [fields.join(' ')] : []),
  ].join('  ')
  return error?.stack ? `${text}\n${forTerminal(error.stack)}` : text
}

const oneLine = (text: string): string => forTerminal(text.replaceAll('\n', ' '))
