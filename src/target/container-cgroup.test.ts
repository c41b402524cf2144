import { expect, test } from 'vitest'
import { containerOfPath } from './container-cgroup.ts'

const id = 'a1'.repeat(32)
const outer = 'b2'.repeat(32)
const uid = '2c48913c-b29f-11e7-9350-020968147796'
const slice = `kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`
const systemd = `/kubepods.slice/kubepods-burstable.slice/${slice}`

test.each([
  ['kubelet with cgroupfs, under a cgroup root of its own', `/mine/kubepods/pod${uid}/${id}`],
  ['containerd with systemd', `${systemd}/cri-containerd-${id}.scope`],
  ['CRI-O with systemd', `${systemd}/crio-${id}.scope`],
  ['Docker as runtime of a kubelet with systemd', `${systemd}/docker-${id}.scope`],
  ['guaranteed', `/kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope`],
  ['kind: a node that is itself a container', `/docker/${outer}/kubelet/kubepods/besteffort/pod${uid}/${id}`],
  ['kind with systemd', `/docker/${outer}/kubelet.slice/kubelet-${slice}/cri-containerd-${id}.scope`],
  ['seen from another cgroup namespace', `/../../../${slice}/cri-containerd-${id}.scope`],
  ['kubelet and runtime disagree on the driver', `/system.slice/containerd.service/${slice}:cri-containerd:${id}`],
])('%s', (_, path) => {
  expect(containerOfPath(path)).toEqual({ id, podUid: uid, path })
})

test('what a container nests inside itself is still that container', () => {
  const path = `/kubepods/pod${uid}/${id}`
  for (const below of ['/container', '/init.scope', `/docker/${outer}`, `/system.slice/docker-${outer}.scope`]) {
    expect(containerOfPath(path + below)).toEqual({ id, podUid: uid, path })
  }
  expect(containerOfPath(`/docker/${outer}/docker/${id}`)).toEqual({ id: outer, path: `/docker/${outer}` })
})

test('a static pod has the hash of its file as UID', () => {
  const hash = 'c4f0'.repeat(8)
  expect(containerOfPath(`/kubepods/burstable/pod${hash}/${id}`)).toMatchObject({ id, podUid: hash })
  expect(containerOfPath(`/kubepods.slice/kubepods-pod${hash}.slice/crio-${id}.scope`)).toMatchObject({ podUid: hash })
})

test('monitors, slices and look-alikes are no containers', () => {
  for (const path of [
    `${systemd}/crio-conmon-${id}.scope`,
    `/machine.slice/libpod-conmon-${id}.scope`,
    systemd,
    `/kubepods/pod${uid}`,
    `/user.slice/user-1000.slice/${id.slice(1)}`,
    '/',
    '/../..',
  ]) {
    expect(containerOfPath(path), path).toBeUndefined()
  }
})
