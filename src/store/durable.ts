// Files that survive a crash: written under another name, synced, and only then given their own (rename(2) is atomic).
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A new name is durable only once its folder is synced (fsync(2), "does not necessarily ensure that the entry in the directory"). */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes a finished temporary file visible under its name, durably. The temporary must be on the same file system. */
export async function publish(temporary: string, path: string): Promise<void> {
  await syncFile(temporary)
  await rename(temporary, path)
  await syncFolder(dirname(path))
}
