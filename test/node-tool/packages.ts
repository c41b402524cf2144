// Which Debian packages a real node needs, and whether this machine can be made one.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** A program that shows that a package is there. */
const packages = {
  containerd: '/usr/bin/containerd',
  runc: '/usr/sbin/runc',
  'containernetworking-plugins': '/usr/lib/cni/bridge',
  'busybox-static': '/bin/busybox',
  'redis-server': '/usr/bin/redis-server',
  'prometheus-redis-exporter': '/usr/bin/prometheus-redis-exporter',
  openssl: '/usr/bin/openssl',
} as const
export type DebianPackage = keyof typeof packages

export const nodePackages: readonly DebianPackage[] = [
  'containerd',
  'runc',
  'containernetworking-plugins',
  'busybox-static',
]

const missing = (names: readonly DebianPackage[]): DebianPackage[] =>
  names.filter((name) => !existsSync(packages[name]))

/** Why this machine cannot be made a node, or undefined when it can. */
export function whyNoNode(names: readonly DebianPackage[] = nodePackages): string | undefined {
  if (process.platform !== 'linux') return 'containers need Linux'
  if (process.getuid?.() !== 0) return 'containers need root'
  const absent = missing(names)
  if (absent.length > 0 && !existsSync('/usr/bin/apt-get')) return `not Debian, and missing: ${absent.join(' ')}`
  return undefined
}

/** Installs what is missing. @throws Error with the end of what apt-get said */
export function installPackages(names: readonly DebianPackage[] = nodePackages): void {
  const absent = missing(names)
  if (absent.length === 0) return
  process.stderr.write(`Installing Debian packages: ${absent.join(' ')}\n`)
  const apt = (...args: string[]): { status: number | null; text: string } => {
    // Two test files may want them at the same time.
    const run = spawnSync('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=180', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
      encoding: 'utf8',
    })
    return { status: run.status, text: `${run.stdout}${run.stderr}` }
  }
  const install = ['install', '--no-install-recommends', ...absent]
  let result = apt(...install)
  if (result.status !== 0) {
    apt('update') // a fresh image has no package lists yet
    result = apt(...install)
  }
  if (result.status !== 0) throw new Error(`apt-get ${install.join(' ')} failed:\n${result.text.slice(-2000)}`)
}
