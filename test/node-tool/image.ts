// Packs a container image from programs of this machine: the program, the shared libraries that ldd names, and BusyBox
// for a shell. No registry.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

export interface ImageSpec {
  /** Without tag: `redis`. */
  readonly name: string
  /** Programs and files of this machine, put at the same path in the image. */
  readonly programs?: readonly string[]
  /** Text files by their path in the image. */
  readonly files?: Readonly<Record<string, string>>
  /** Started when the pod names no command. */
  readonly command?: readonly string[]
}

/** What scripts in tests use; each is a link to BusyBox. */
const applets = [
  'sh',
  'sleep',
  'cat',
  'true',
  'echo',
  'id',
  'ps',
  'kill',
  'yes',
  'head',
  'grep',
  'sha256sum',
  'wget',
  'hostname',
  'mv',
]
const architectures: Record<string, string> = { x64: 'amd64', arm64: 'arm64' }

function put(root: string, path: string): void {
  const target = join(root, path)
  if (existsSync(target)) return
  mkdirSync(dirname(target), { recursive: true })
  copyFileSync(path, target)
}

/** Paths of the libraries and of the loader: `libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x…)`; none when static. */
export function sharedLibraries(program: string): string[] {
  try {
    const text = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return [...text.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map((match) => match[1] as string)
  } catch {
    return [] // "not a dynamic executable" ends with 1
  }
}

/** Writes the image as a docker archive. @returns the reference to run it by */
export function packImage(spec: ImageSpec, archive: string): string {
  const work = `${archive}.work`
  const root = join(work, 'root')
  for (const name of ['bin', 'tmp', 'proc', 'sys', 'dev', 'etc']) mkdirSync(join(root, name), { recursive: true })
  chmodSync(join(root, 'tmp'), 0o1777) // as in every image
  for (const applet of applets) symlinkSync('busybox', join(root, 'bin', applet))
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n')
  for (const program of ['/bin/busybox', ...(spec.programs ?? [])]) {
    put(root, program)
    for (const library of sharedLibraries(program)) put(root, library)
  }
  for (const [path, text] of Object.entries(spec.files ?? {})) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 })
  }
  const reference = `spikecam.test/${spec.name}:1`
  execFileSync('tar', ['-C', root, '--numeric-owner', '--owner=0', '--group=0', '-cf', join(work, 'layer.tar'), '.'])
  const layer = createHash('sha256')
    .update(readFileSync(join(work, 'layer.tar')))
    .digest('hex')
  writeFileSync(
    join(work, 'config.json'),
    JSON.stringify({
      architecture: architectures[process.arch] ?? process.arch,
      os: 'linux',
      config: {
        Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        Cmd: spec.command ?? ['/bin/sh'],
      },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
      history: [{ created_by: 'spikecam test node' }],
    }),
  )
  writeFileSync(
    join(work, 'manifest.json'),
    JSON.stringify([{ Config: 'config.json', RepoTags: [reference], Layers: ['layer.tar'] }]),
  )
  execFileSync('tar', ['-C', work, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar'])
  rmSync(work, { recursive: true })
  return reference
}
