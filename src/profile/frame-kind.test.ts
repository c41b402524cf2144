// Names and files as the tools write them, and where they come from.
import { expect, test } from 'vitest'
import { frameKind, moduleName } from './frame-kind.ts'

test.each([
  ['tcp_sendmsg', '[kernel.kallsyms]', '', 'kernel'],
  ['do_syscall_64', '[kernel.kallsyms]_text', '', 'kernel'],
  ['ext4_readdir', '/lib/modules/6.1.0/kernel/fs/ext4/ext4.ko.xz', '', 'kernel'],
  ['nft_do_chain', '[nf_tables]', '', 'kernel'],
  ['__x64_sys_read', '/usr/lib/debug/boot/vmlinux-6.1.0', '', 'kernel'],
  ['__vdso_clock_gettime', '[vdso]', '', 'native'],
  ['memcpy_[k]', '', '', 'kernel'],
  ['LazyCompile:~parse /app/server.js:3', '/tmp/perf-42.map', '', 'js'],
  ['RegExp:^(a+)+$', '/tmp/perf-42.map', '', 'js'],
  ['JS:*spin file:///app/spin.js:9:14', '[anon]', '', 'js'],
  ['Lcom/acme/Cart;::total', '/tmp/perf-42.map', '', 'java'],
  ['java.util.HashMap.getNode', '', '', 'java'],
  ['Interpreter', '/tmp/perf-42.map', '', 'java'],
  ['py::handler:/app/web.py', '/tmp/perf-42.map', '', 'python'],
  ['handler (web.py:12)', '', '', 'python'],
  ['0x7f0012', '/tmp/perf-42.map', '', 'jit'],
  ['stub', '/memfd:doublemapper (deleted)', '', 'jit'],
  ['runtime.mallocgc', '/usr/bin/exporter', '', 'go'],
  ['net/http.(*conn).serve', '/usr/bin/exporter', '', 'go'],
  ['github.com/acme/cart.Total', '', '', 'go'],
  ['memeqbody', '/usr/bin/exporter', '/usr/lib/go/src/internal/bytealg/equal.go', 'go'],
  ['memcpy.part.0', '/usr/lib/libc.so.6', '', 'native'],
  ['std::vector<int>::push_back', '/usr/bin/app', 'vector.h', 'native'],
  ['main', '', '', 'unknown'],
])('%s in %s %s is %s', (name, file, source, kind) => {
  expect(frameKind({ name, file, source })).toBe(kind)
})

test.each([
  ['/usr/lib/x86_64-linux-gnu/libc.so.6', 'libc.so.6'],
  ['/opt/app (deleted)', 'app'],
  ['[kernel.kallsyms]_stext', '[kernel]'],
  ['[guest.kernel.kallsyms]', '[kernel]'],
  ['/lib/modules/6.1.0/kernel/fs/ext4/ext4.ko.xz', '[ext4]'],
  ['[vdso]', '[vdso]'],
  ['/tmp/perf-42.map', '[jit]'],
  ['', ''],
])('module of %s is %s', (file, name) => {
  expect(moduleName(file)).toBe(name)
})
