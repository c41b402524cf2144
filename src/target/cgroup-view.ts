// Cgroup paths as files that can be opened, also for an agent that sees the tree from a cgroup namespace of its own.
//
// There, /proc/PID/cgroup is relative to the agent's own cgroup, and the tree above it is not mounted:
//   0::/                              the agent itself
//   0::/../../pod2c48…/1be3a4c…       a container of another pod
// With the host's PIDs in view, PID 1's root folder has the whole tree, and the agent finds its own place in it.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { type CgroupMounts, parseCgroupMounts, parseProcCgroup } from './container-cgroup.ts'

export interface CgroupView {
  readonly mounts: CgroupMounts
  /** A path of /proc/PID/cgroup as one below the hierarchy's root. */
  absolute(path: string): string
}

export interface CgroupViewOptions {
  readonly proc?: string
  /** The process whose eyes these are; its own place in the tree is searched for by this number. */
  readonly pid?: number
}

/** Looks once at how this process sees the cgroup tree. */
export function openCgroupView({ proc = '/proc', pid = process.pid }: CgroupViewOptions = {}): CgroupView {
  const mounts = parseCgroupMounts(readFileSync(`${proc}/self/mountinfo`, 'utf8'))
  if (!isRelative(readIfThere(`${proc}/1/cgroup`))) return { mounts, absolute: (path) => path }
  const own = parseProcCgroup(readFileSync(`${proc}/self/cgroup`, 'utf8'))
  // PID 1's view first: ours may be cut off at our own cgroup, or, where only the namespace differs, be the whole tree.
  const hosts = prefixed(parseCgroupMounts(readIfThere(`${proc}/1/mountinfo`)), `${proc}/1/root`)
  for (const candidate of [hosts, mounts]) {
    const root = candidate.unified ?? candidate.cpuacct
    const found = root === undefined ? undefined : folderOf(pid, root, '/')
    if (found === undefined) continue
    // The namespace's root is as far above the process as its own relative path is long.
    const ownRelative = own.get(candidate.unified ? '' : 'cpuacct') ?? '/'
    const namespaceRoot = posix.join(found, posix.relative(ownRelative, '/'))
    return { mounts: candidate, absolute: (path) => posix.join(namespaceRoot, path).replace(/(.)\/$/, '$1') }
  }
  return { mounts, absolute: stripParents }
}

const isRelative = (procCgroup: string): boolean =>
  [...parseProcCgroup(procCgroup).values()].some((path) => path.startsWith('/..'))

/** The part below the common parent; right when that is the root, and otherwise still ends in the container's folder. */
const stripParents = (path: string): string => path.replace(/^(\/\.\.)+(?=\/|$)/, '') || '/'

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // another PID namespace, or not permitted: the own view is all there is
  }
}

function prefixed(mounts: CgroupMounts, root: string): CgroupMounts {
  return Object.fromEntries(Object.entries(mounts).map(([key, path]) => [key, `${root}${path}`]))
}

/** Walks the tree for the folder whose cgroup.procs has the process; some thousand small reads, once. */
function folderOf(pid: number, root: string, path: string): string | undefined {
  const folder = join(root, path)
  if (readIfThere(join(folder, 'cgroup.procs')).split('\n').includes(String(pid))) return path
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const found = entry.isDirectory() ? folderOf(pid, root, posix.join(path, entry.name)) : undefined
      if (found !== undefined) return found
    }
  } catch {
    // the folder went while it was read; the process looked for does not end meanwhile
  }
  return undefined
}
