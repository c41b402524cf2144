// What an incident is looked up by, beside its document: columns of their own. To take them out of the JSON of every row
// at every question costs a quarter of a second for 100 000 rows, and so much memory that DuckDB refuses to search: it
// parses 2048 documents at once, each as often as there are fields.
import type { Incident } from '../model/incident.ts'

/** Of the name of a function: template arguments of C++ go on for pages, and nobody looks for what stands there. */
const mostChars = 1024

/** `inc-1 node-1 shop/cart-0/app deploy/cart evilregex …`: what a list shows of it, for words that people look for. */
export function wordsOfIncident({
  id,
  node,
  target,
  trigger,
  decision,
  alerts = [],
  top,
  threads = [],
  notes = [],
}: Incident): string {
  const { namespace, pod, container, containerId, workload, comm, cmdline, pid } = target
  const place = [namespace, pod, container ?? containerId].filter((part) => part !== undefined).join('/')
  return [
    id,
    node,
    place,
    workload,
    comm,
    cmdline,
    trigger.rule,
    decision?.rule,
    pid === undefined ? undefined : `(pid ${pid})`,
    ...alerts.flatMap(({ rule, name }) => [rule, name]),
    ...threads.map(({ name }) => name),
    ...top.map((row) => row.function.slice(0, mostChars)),
    ...notes.map(({ text }) => text),
  ]
    .filter((part) => part !== undefined)
    .join(' ')
    .toLowerCase()
}

/** Every word has to be there, so that `cart evil` finds the function in the pod. */
export const wordsOf = (text: string | undefined): string[] => (text ?? '').toLowerCase().split(/\s+/).filter(Boolean)
