// Runs a command on files in this process: what it answers, says and ends with, without the start of a program, which
// takes longer than the command. What is of the process itself (stdin, pipes, exit) is for `spikecam` of spikecam.ts.
import { vi } from 'vitest'
import { runConvert } from '../../src/cli/convert.ts'
import { runDiff } from '../../src/cli/diff.ts'
import { runFlame } from '../../src/cli/flame.ts'
import { runInfo } from '../../src/cli/info.ts'
import { runTop } from '../../src/cli/top.ts'
import { readConfig } from '../../src/config.ts'
import { asFailure } from '../../src/model/errors.ts'

const runs = { convert: runConvert, diff: runDiff, flame: runFlame, info: runInfo, top: runTop }

export interface RanHere {
  /** The exit code that the program would end with. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** One at a time: what the process writes meanwhile is taken for the command's. */
export async function here(args: readonly string[]): Promise<RanHere> {
  const written = { stdout: '', stderr: '' }
  const taken = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((data) => {
      written[name] += typeof data === 'string' ? data : Buffer.from(data).toString()
      return true
    }),
  )
  try {
    const world = { isRoot: false, home: '/nonexistent', hostname: 'here' }
    const code = await runs[args[0] as keyof typeof runs](readConfig(args, {}, { world }))
    return { code, ...written }
  } catch (error) {
    const failure = asFailure(error)
    return { code: failure.exit, ...written, stderr: `${written.stderr}${failure.message}\n` }
  } finally {
    for (const spy of taken) spy.mockRestore()
  }
}
