// What a newcomer sees first: help, version, and what is said when a word is wrong.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { type CommandName, commands, optionsOf } from '../../src/config.ts'
import { spikecam } from './spikecam.ts'

test('no word at all, help and --help give the overview on stdout', async () => {
  const [none, help, flag] = await Promise.all([spikecam([]), spikecam(['help']), spikecam(['--help'])])
  expect(none).toMatchObject({ code: 0, stderr: '' })
  for (const name of Object.keys(commands)) expect(none!.stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'))
  expect(help!.stdout).toBe(none!.stdout)
  expect(flag!.stdout).toBe(none!.stdout)
})

test('every command explains its options and fits a terminal of 100 columns', async () => {
  const names = Object.keys(commands) as CommandName[]
  const { renderHelp } = await import('../../src/cli/help.ts')
  for (const name of names) {
    const text = await renderHelp(name)
    for (const [, { flag }] of optionsOf(name)) expect(text).toContain(`--${flag}`)
    expect(text.split('\n').filter((line) => line.length > 100 && !line.startsWith('  curl'))).toEqual([])
  }
})

test('the version is that of the package', async () => {
  expect((await spikecam(['--version'])).stdout).toBe(`spikecam ${packageJson.version}\n`)
})

test('a wrong word or flag: exit 2, the nearest known one, and where to look', async () => {
  expect(await spikecam(['lsit'])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: 'spikecam: there is no command "lsit"; did you mean "list"?\n  next step: Run: spikecam --help\n',
  })
  expect(await spikecam(['up', '--lisen', ':1'])).toMatchObject({
    code: 2,
    stderr: 'spikecam: unknown option --lisen; did you mean --listen?\n  next step: Run: spikecam up --help\n',
  })
})

test('an unknown key or broken YAML in the file is refused before anything starts', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spikecam-config-'))
  try {
    const run = (text: string) => {
      writeFileSync(join(folder, 'spikecam.yaml'), text)
      return spikecam(['up', '--config', 'spikecam.yaml'], { cwd: folder })
    }
    const unknown = await run('ring-hertz: 49\n')
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('spikecam.yaml: unknown key "ring-hertz"; did you mean "ring-hz"?')
    const broken = await run('a: b: c\n')
    expect(broken.code).toBe(2)
    expect(broken.stderr).toContain('spikecam.yaml is not YAML')
    const missing = await spikecam(['up', '--config', 'nowhere.yaml'], { cwd: folder })
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('nowhere.yaml cannot be read') })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
