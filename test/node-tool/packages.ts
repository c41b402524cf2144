// Which Debian packages a real node needs, and whether this machine can be made one.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** What shows that a package, or another that brings the same programs, is there. */
const packages = {
  containerd: ['containerd', 'ctr', 'containerd-shim-runc-v2'],
  runc: ['runc'],
  'containernetworking-plugins': ['bridge', 'host-local', 'loopback'],
  'busybox-static': ['busybox'],
  'redis-server': ['redis-server', 'redis-cli'],
  'prometheus-redis-exporter': ['prometheus-redis-exporter'],
  openssl: ['openssl'],
  'etcd-server': ['etcd'],
  prometheus: ['prometheus', 'promtool'],
  'prometheus-alertmanager': ['prometheus-alertmanager', 'amtool'],
} as const
export type DebianPackage = keyof typeof packages

export const nodePackages: readonly DebianPackage[] = [
  'containerd',
  'runc',
  'containernetworking-plugins',
  'busybox-static',
]

/** Where Debian and others put programs, and network plugins, which are on nobody's PATH. */
const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
const pluginFolders = ['/usr/lib/cni', '/opt/cni/bin']

const find = (program: string): string | undefined =>
  [...folders, ...pluginFolders].find((folder) => existsSync(`${folder}/${program}`))

/** Folder of the network plugins. */
export const pluginFolder = (): string => find('host-local') ?? '/usr/lib/cni'

const missing = (names: readonly DebianPackage[]): DebianPackage[] =>
  names.filter((name) => packages[name].some((program) => find(program) === undefined))

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
    // Two test files may want them at the same time. Nothing may be removed for it: another distribution's containerd
    // conflicts with Debian's, and somebody's containers run on it.
    const run = spawnSync('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=180', '--no-remove', ...args], {
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
