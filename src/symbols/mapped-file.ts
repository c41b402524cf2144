// Opens the very file that a process has mapped, also when it is deleted, replaced or in another mount namespace.
// A path alone is never enough: every image has its own /lib/libc.so.6. What identifies a file is the device and inode
// of the record, or its build-id; on overlayfs stat(2) tells another device than the record, there /proc/PID/maps,
// which tells the same one, vouches for the entry in map_files.
import type { PerfMapping } from '../profile/symbolizer.ts'
import { readElf } from './elf.ts'
import { normalizeDevice, type OpenFile, openFile } from './open-file.ts'
import { readExecutableMaps } from './process-identity.ts'

export interface NodePaths {
  /** Where the node's /proc is mounted. */
  readonly proc: string
  /** Where the node's root folder is, '' when it is our own. */
  readonly root: string
}

/** Identity of the mapped file, equal for all processes that map it; undefined when the record has none. */
export function mappedFileKey(mapping: PerfMapping): string | undefined {
  if (mapping.buildId) return mapping.buildId
  return mapping.inode ? `${mapping.device}:${mapping.inode}` : undefined
}

/** @returns undefined when none of the places has the file that the record means */
export function openMappedFile(mapping: PerfMapping, { proc, root }: NodePaths): OpenFile | undefined {
  const { pid, start } = mapping
  const path = mapping.path.replace(/ \(deleted\)$/, '')
  const folder = `${proc}/${pid}`
  return (
    openSame(`${folder}/map_files/${start.toString(16)}-${(start + mapping.length).toString(16)}`, mapping) ??
    openByMaps(mapping, proc) ??
    openSame(`${folder}/root${path}`, mapping) ??
    openSame(`${root}${path}`, mapping)
  )
}

function openSame(path: string, mapping: PerfMapping): OpenFile | undefined {
  const file = openFile(path, { followLinks: true })
  if (!file || isSameFile(file, mapping)) return file
  file.close()
  return undefined
}

/** The build-id decides where it is known: cloned machines have the same inodes, and other files in them. */
export function isSameFile(file: OpenFile, mapping: PerfMapping): boolean {
  if (mapping.buildId) return readElf(file)?.buildId === mapping.buildId
  return (
    mapping.inode !== undefined &&
    mapping.inode !== 0 &&
    file.inode === mapping.inode &&
    file.device === normalizeDevice(mapping.device ?? '')
  )
}

/** For mappings that were split since (mprotect), for overlayfs, and for records without any identity. */
function openByMaps(mapping: PerfMapping, proc: string): OpenFile | undefined {
  const device = normalizeDevice(mapping.device ?? '')
  const line = readExecutableMaps(proc, mapping.pid).find((line) => {
    if (mapping.inode) return line.inode === mapping.inode && normalizeDevice(line.device) === device
    return line.start < mapping.start + mapping.length && line.end > mapping.start && line.path === mapping.path
  })
  if (!line) return undefined
  const file = openFile(`${proc}/${mapping.pid}/map_files/${line.range}`, { followLinks: true })
  if (!file || !mapping.buildId || isSameFile(file, mapping)) return file
  file.close()
  return undefined
}
