// Refuses to write evidence when the disk is nearly full: a recorder must not be what takes the node down.
import { statfs } from 'node:fs/promises'
import { printBytes } from '../lib/units.ts'
import { Failure } from '../model/errors.ts'

export interface DiskSpace {
  readonly freeBytes: number
  readonly totalBytes: number
}

export interface DiskLimits {
  /** Share of the disk that must stay free. */
  readonly minFreeShare: number
  /** Bytes that are enough whatever the share says: 10 % of a 10 TB disk would be 1 TB for nothing. */
  readonly minFreeBytes: number
}

/** 10 %: where kubelets begin to evict pods (nodefs.available); 2 GiB: where 10 % of a large disk asks too much. */
export const defaultDiskLimits: DiskLimits = { minFreeShare: 0.1, minFreeBytes: 2 * 1024 ** 3 }

export interface DiskGuard {
  space(): Promise<DiskSpace & { readonly minFreeBytes: number }>
  /** @throws Failure DISK_FULL when writing this much would go below the limit */
  require(bytes: number): Promise<void>
}

/** Space for unprivileged users on the file system of `path`. */
export async function diskSpace(path: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(path)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}

/** @param measure for tests; how free and total space are found */
export function createDiskGuard(
  folder: string,
  { limits = defaultDiskLimits, measure = diskSpace }: { limits?: DiskLimits; measure?: typeof diskSpace } = {},
): DiskGuard {
  const space: DiskGuard['space'] = async () => {
    const measured = await measure(folder)
    return { ...measured, minFreeBytes: Math.min(limits.minFreeShare * measured.totalBytes, limits.minFreeBytes) }
  }
  return {
    space,
    require: async (bytes) => {
      const { freeBytes, totalBytes, minFreeBytes } = await space()
      if (freeBytes - bytes >= minFreeBytes) return
      throw new Failure(
        'DISK_FULL',
        `disk: ${printBytes(freeBytes)} of ${printBytes(totalBytes)} are free at ${folder}, ` +
          `${printBytes(minFreeBytes)} must stay free${bytes > 0 ? ` after writing ${printBytes(bytes)}` : ''}`,
        { details: { guard: 'disk', freeBytes, totalBytes, minFreeBytes } },
      )
    },
  }
}
