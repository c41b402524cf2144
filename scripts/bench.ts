// `make bench`: runs every bench in turn, alone, and writes what they print with the machine into bench/RESULTS.md.
import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { resolve } from 'node:path'
import { printBytes } from '../src/lib/units.ts'

const folder = resolve(import.meta.dirname, '../bench')
const wanted = process.argv.slice(2)
const benches = readdirSync(folder)
  .filter((name) => name.endsWith('.ts') && isBench(name))
  .map((name) => name.slice(0, -'.ts'.length))
  .filter((name) => wanted.length === 0 || wanted.includes(name))

/** Benches begin by saying how they are run; other files are what they share. */
function isBench(name: string): boolean {
  return readFileSync(resolve(folder, name), 'utf8').includes(`node bench/${name}`)
}

/** Its rows of the table; everything it says is shown while it runs. */
function runBench(name: string): Promise<string> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [resolve(folder, `${name}.ts`)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk)
      text += chunk.toString()
    })
    child.once('close', (code) => {
      if (code !== 0) process.exitCode = 1
      const rows = text.split('\n').filter((line) => line.startsWith('| '))
      done(code === 0 ? rows.join('\n') : [...rows, `| ${name} | ended with ${code} | – | – | |`].join('\n'))
    })
  })
}

const tables: string[] = []
for (const name of benches) {
  process.stdout.write(`\n${name}\n`)
  const head = `## ${name}\n\n\`node bench/${name}.ts\`\n\n| work | ours | theirs | ratio | goal |\n|---|---|---|---|---|`
  tables.push(`${head}\n${await runBench(name)}`)
}
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: folder, encoding: 'utf8' }).trim()
const [cpu] = cpus()
const machine = [
  `${new Date().toISOString().slice(0, 10)}, commit ${commit}`,
  `${cpus().length} × ${cpu?.model.trim()}, ${printBytes(totalmem())}, Linux ${release()}, Node ${process.version}`,
  execFileSync('perf', ['--version'], { encoding: 'utf8' }).trim(),
].join('; ')
const page = `# Results\n\nWritten by \`make bench\`. ${machine}.\n\n${tables.join('\n\n')}\n`
if (wanted.length === 0) writeFileSync(resolve(folder, 'RESULTS.md'), page)
