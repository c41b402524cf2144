// Which workload a pod belongs to, from what controllers leave in its labels and in its name. The Kubernetes API would
// know for sure, but a node needs no right to ask it.
//
//   cart-6d4b75cb6d-hshzp   pod-template-hash=6d4b75cb6d                    deploy/cart
//   redis-2                 statefulset.kubernetes.io/pod-name=redis-2      sts/redis
//   agent-x7k2p             controller-revision-hash=7c9f5                  ds/agent
//   report-28812345-q8xzl   job-name=report-28812345                        cronjob/report

export interface PodNaming {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** Letters of generated names: no vowels, and no 0, 1, 3 (apimachinery's util/rand), so a word is never mistaken. */
const generated = '[bcdfghjklmnpqrstvwxz2456789]'
const replicaSetPod = new RegExp(`^(.+)-${generated}{8,10}-${generated}{5}$`)
const generatedPod = new RegExp(`^(.+)-${generated}{5}$`)
const ordinalPod = /^(.+)-\d+$/
/** A CronJob's Job is named after the minute it was scheduled for (8 digits), before Kubernetes 1.21 after the second. */
const scheduledJob = /^(.+)-\d{8,10}$/

/** `KIND/NAME` with the short kinds of kubectl; `app/NAME` where only a label tells, `pod/NAME` where nothing does. */
export function workloadOf(pod: PodNaming): string {
  const { name, labels, annotations } = pod
  const job = labels['batch.kubernetes.io/job-name'] ?? labels['job-name']
  if (job) {
    const scheduled = scheduledJob.exec(job)
    return scheduled ? `cronjob/${scheduled[1]}` : `job/${job}`
  }
  const rollout = labels['rollouts-pod-template-hash']
  if (rollout) return `rollout/${beforeHash(name, rollout)}`
  const template = labels['pod-template-hash']
  if (template) return `deploy/${beforeHash(name, template)}`
  const ordinal = ordinalPod.exec(name)
  if (ordinal && (labels['statefulset.kubernetes.io/pod-name'] || labels['apps.kubernetes.io/pod-index'])) {
    return `sts/${ordinal[1]}`
  }
  const source = annotations['kubernetes.io/config.source']
  if (source === 'file' || source === 'http') return `static/${labels.component ?? labels['k8s-app'] ?? name}`
  const revision = labels['controller-revision-hash']
  if (revision) {
    // A StatefulSet's revision is its own name and a hash, a DaemonSet's the hash alone.
    if (ordinal && revision.startsWith(`${ordinal[1]}-`)) return `sts/${ordinal[1]}`
    const daemon = generatedPod.exec(name)
    if (daemon) return `ds/${daemon[1]}`
  }
  const replica = replicaSetPod.exec(name)
  if (replica) return `deploy/${replica[1]}`
  const app = labels['app.kubernetes.io/name'] ?? labels.app ?? labels['k8s-app']
  return app ? `app/${app}` : `pod/${name}`
}

/** `cart-6d4b75cb6d-hshzp` without the hash and what follows; long names are cut within the hash (at 58 characters). */
function beforeHash(name: string, hash: string): string {
  const at = name.lastIndexOf(`-${hash}-`)
  if (at > 0) return name.slice(0, at)
  const stem = name.slice(0, -5) // five generated characters end every such name
  for (let length = hash.length; length > 0; length--) {
    const cut = `-${hash.slice(0, length)}`
    if (stem.endsWith(cut)) return stem.slice(0, -cut.length)
  }
  return replicaSetPod.exec(name)?.[1] ?? name
}
