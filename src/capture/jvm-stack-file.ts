// The name of a stack file as users of k8s-java-debug-daemon know it, who have scripts that look there:
//
//   stacks/2026-11-21/shop/cart-5d8f7c9b6d-x2x7p-app-05-30-12.log
import { commandName, type Target } from '../model/target.ts'

/** In local time, as before: the time zone is that of the agent (TZ). For a process without a pod, node and command. */
export function stackFileName(target: Target, at: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join('-')
  const { pod, container, namespace, node, pid } = target
  const [folder, name] = pod
    ? [namespace ?? 'default', container ? `${pod}-${container}` : pod]
    : [node, `${commandName(target)}-${pid}`]
  return `stacks/${date}/${fileName(folder)}/${fileName(name)}-${time}.log`
}

/** Names of pods are safe; those of nodes and programs may hold anything. */
const fileName = (text: string): string => text.replace(/[^\w.-]+/g, '_').replace(/^\.+/, '_')
