// Peers from npm for a bench: installed into a temporary folder, so that nothing of them is in the product.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Peers {
  /** The module, undefined where npm could not be reached. */
  load<T>(name: string): T | undefined
  remove(): void
}

/** @param versions exact, so that ratios of different days compare */
export function installPeers(versions: Readonly<Record<string, string>>): Peers {
  const folder = mkdtempSync(join(tmpdir(), 'spikecam-peers-'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies: versions }))
  let isInstalled = true
  try {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder, stdio: 'ignore' })
  } catch {
    isInstalled = false // said below; our own figures need no peer
    process.stderr.write('the peers could not be installed from npm; only our own figures follow\n')
  }
  const require = createRequire(join(folder, 'package.json'))
  return {
    load: <T>(name: string) => (isInstalled ? (require(name) as T) : undefined),
    remove: () => rmSync(folder, { recursive: true }),
  }
}
