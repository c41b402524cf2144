// What tests of the UI begin with: a server with the UI as it is in the sources, a node that is connected, a browser.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { PlayedAgent, someStatus } from '../played-agent.ts'
import { startTestServer, type TestServer } from '../running-server.ts'
import { launchBrowser } from './browser.ts'

const root = resolve(import.meta.dirname, '../..')

export interface Stage {
  /** The built UI; pages that a test saves may lie in it too. */
  readonly uiDir: string
  readonly server: TestServer
  readonly agent: PlayedAgent
  readonly browser: Browser
  close(): Promise<void>
}

export async function openStage(): Promise<Stage> {
  const uiDir = await buildUi()
  const server = await startTestServer({ uiDir })
  const agent = await PlayedAgent.connect(server.url)
  await agent.nextOf('welcome')
  agent.say({ type: 'status', ...someStatus })
  const browser = await launchBrowser()
  return {
    uiDir,
    server,
    agent,
    browser,
    close: async () => {
      await browser.close()
      await agent.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** Builds app and offline page, once in a run of tests; two files that begin at once build both, and one of them stays. */
async function buildUi(): Promise<string> {
  const scratch = process.env.SPIKECAM_SCRATCH as string // test/scratch.ts
  const folder = join(scratch, 'ui')
  if (existsSync(folder)) return folder
  const fresh = mkdtempSync(join(scratch, 'ui-'))
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const args = [vite, 'build', '--config', join(root, 'src/ui/vite.config.ts'), '--outDir', fresh]
  // Vitest sets NODE_ENV=test, which would bundle the development build of React.
  const env = { ...process.env, NODE_ENV: 'production' }
  await promisify(execFile)(process.execPath, [...args, '--logLevel', 'warn'], { env })
  try {
    renameSync(fresh, folder)
    return folder
  } catch {
    return fresh // the other one was first (ENOTEMPTY)
  }
}
