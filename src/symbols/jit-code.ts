// JIT code of one process: its perf map, opened while it lives and read on as it grows.
import { statSync } from 'node:fs'
import type { SymbolFrame } from '../profile/symbolizer.ts'
import { readBytes } from './byte-source.ts'
import type { NodePaths } from './mapped-file.ts'
import { type OpenFile, openFile, printDevice } from './open-file.ts'
import { PerfMap } from './perf-map.ts'
import { type ProcessIdentity, readIdentity, readStartTicks } from './process-identity.ts'

const noFrames: readonly SymbolFrame[] = []
/** Names kept, at about 250 bytes each; hot JIT code is some hundreds of functions. */
const maxFrames = 4096
/** Enough to see that a map was written anew (`jcmd Compiler.perfmap` does that) and not only appended to. */
const headBytes = 256

export class JitCode {
  private readonly node: NodePaths
  private readonly pid: number
  private identity: ProcessIdentity | undefined
  private map: { file: OpenFile; path: string; names: PerfMap; head: string } | undefined
  private readonly frames = new Map<number, readonly SymbolFrame[]>()
  private noticedCount = 0

  constructor(pid: number, node: NodePaths) {
    this.pid = pid
    this.node = node
  }

  get bytes(): number {
    return 512 + (this.map?.names.bytes ?? 0) + this.frames.size * 250
  }

  /** Lines of the map that could not be read. */
  get dropped(): number {
    return this.map?.names.dropped ?? 0
  }

  /** New code was mapped. Looks for the map at the 1st, 2nd, 4th, 8th … time, since a JIT maps code often. */
  noticed(): void {
    if (this.map) return
    const count = ++this.noticedCount
    if ((count & (count - 1)) === 0) this.openMap()
  }

  /** Reads what the process has written since; call before a batch of `framesAt`. */
  refresh(): void {
    const startTicks = readStartTicks(this.node.proc, this.pid)
    if (startTicks !== undefined && this.identity && startTicks !== this.identity.startTicks) this.forget()
    if (this.map && startTicks !== undefined && wasReplaced(this.map)) this.forget()
    if (!this.map) this.openMap()
    if (!this.map) return
    const { file, names } = this.map
    names.refresh(file.sizeNow())
    this.map.head ||= headOf(file)
  }

  framesAt(address: number): readonly SymbolFrame[] {
    const names = this.map?.names
    const line = names ? names.find(address) : -1
    if (!names || line < 0) return noFrames
    let frames = this.frames.get(line)
    if (!frames) {
      frames = [{ name: names.readName(line) }]
      if (this.frames.size >= maxFrames) this.frames.clear()
      this.frames.set(line, frames)
    }
    return frames
  }

  close(): void {
    this.map?.file.close()
    this.map = undefined
  }

  private forget(): void {
    this.close()
    this.frames.clear()
    this.identity = undefined
  }

  private openMap(): void {
    const { proc, root } = this.node
    this.identity ??= readIdentity(proc, this.pid)
    const paths = this.identity
      ? [`${proc}/${this.pid}/root/tmp/perf-${this.identity.innerPid}.map`]
      : // It has ended and was never seen alive: the node's own folder may still have the map, as perf assumes.
        [`${root}/tmp/perf-${this.pid}.map`]
    for (const path of paths) {
      const file = openFile(path)
      if (!file) continue
      // As perf does: anybody may write to /tmp, so only the process itself and root are believed.
      if (file.uid === 0 || file.uid === this.identity?.uid) {
        this.map = { file, path, names: new PerfMap(file), head: headOf(file) }
        return
      }
      file.close()
    }
  }
}

/** Another file at the path, or the same one begun anew. */
function wasReplaced({
  file,
  path,
  names,
  head,
}: {
  file: OpenFile
  path: string
  names: PerfMap
  head: string
}): boolean {
  if (file.sizeNow() < names.readOffset || headOf(file).slice(0, head.length) !== head) return true
  try {
    const stat = statSync(path)
    return stat.ino !== file.inode || printDevice(stat.dev) !== file.device
  } catch {
    // Deleted, or the process has just ended: what is open stays good.
    return false
  }
}

const headOf = (file: OpenFile): string => Buffer.from(readBytes(file, 0, headBytes)).toString('latin1')
