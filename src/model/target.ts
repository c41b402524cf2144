// Who is looked at: one process, one container, or the whole node.
import { z } from 'zod'

export const runtimes = ['go', 'jvm', 'node', 'python', 'native', 'unknown'] as const
export type Runtime = (typeof runtimes)[number]

/**
 * A target as it was when it was looked at. A process is known by PID *and* start time, because PIDs are reused;
 * a container by its runtime id. Fields that do not apply are absent.
 */
export const Target = z.object({
  kind: z.enum(['process', 'container', 'node']),
  node: z.string(),
  /** PID in the host's namespace. */
  pid: z.number().int().optional(),
  /** Field 22 of /proc/PID/stat, clock ticks since boot (proc(5)). */
  startTicks: z.number().int().optional(),
  /** Name of the main thread, at most 15 bytes (proc(5) comm). */
  comm: z.string().optional(),
  /** Command line with arguments joined by blanks; secrets already redacted. */
  cmdline: z.string().optional(),
  exe: z.string().optional(),
  runtime: z.enum(runtimes).optional(),
  /** Path of the cgroup below its mount, as in /proc/PID/cgroup. */
  cgroup: z.string().optional(),
  containerId: z.string().optional(),
  container: z.string().optional(),
  pod: z.string().optional(),
  namespace: z.string().optional(),
  workload: z.string().optional(),
})
export type Target = z.infer<typeof Target>

/** Programs that run somebody else's program: the first argument that is not an option says more than their own name. */
const interpreters =
  /^(node|nodejs|bun|deno|python[\d.]*|pypy[\d.]*|ruby[\d.]*|perl[\d.]*|php[\d.]*|java|bash|sh|dash|zsh)$/

/** Options of interpreters whose value is the next word: `python -X perf`, `node -C production`, `java -cp lib/*`. */
const takesValue =
  /^(-X|-W|-r|--require|--import|--(experimental-)?loader|-C|--conditions|--env-file|--(cpu|heap)-prof-[a-z]+|-cp|-classpath|--class-path|-p|--module-path|-I)$/

/**
 * What people call the process: `node server.js`, `java -jar cart.jar`, `redis-server`. The comm alone will not do:
 * Node names its main thread `MainThread`, and 15 bytes cut most names.
 */
export function commandName(target: Target): string {
  const words = (target.cmdline ?? '').split(/\s+/).filter(Boolean)
  const program = (words[0] ?? target.exe ?? '').split('/').at(-1) ?? ''
  if (!program) return target.comm ?? 'process'
  if (!interpreters.test(program)) return program
  const jar = words.indexOf('-jar')
  if (jar > 0 && words[jar + 1]) return `${program} -jar ${words[jar + 1]?.split('/').at(-1)}`
  for (let i = 1; i < words.length; i++) {
    const word = words[i] as string
    // `node -e CODE`, `sh -c CODE`: what follows is not a file.
    if (word === '-e' || word === '-c') return `${program} ${word}`
    if (takesValue.test(word)) i++
    else if (!word.startsWith('-')) return `${program} ${word.split('/').at(-1)}`
  }
  return program
}

/** One line that names a target to a person: `shop/cart-0/app`, `node server.js (pid 4242)`, `node vm1`. */
export function printTarget(target: Target): string {
  if (target.pod)
    return `${target.namespace ?? 'default'}/${target.pod}${target.container ? `/${target.container}` : ''}`
  if (target.kind === 'node') return `node ${target.node}`
  if (target.kind === 'container')
    return target.container ?? `container ${target.containerId?.slice(0, 12) ?? target.cgroup}`
  return `${commandName(target)} (pid ${target.pid})`
}
