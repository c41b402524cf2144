// A program in a network namespace of its own whose loopback is up, as in a pod: what listens there is not reached from
// here. Takes root.
import { type ChildProcess, spawn } from 'node:child_process'

/** SIOCSIFFLAGS with IFF_UP (netdevice(7)); neither ip nor ifconfig is on every machine. */
const loopbackUp =
  'use Socket; socket(S, AF_INET, SOCK_STREAM, 0); my $up = pack("a16sx22", "lo", 1); ioctl(S, 0x8914, $up) or die $!; exec @ARGV'

/** The child is the program itself, with stdout as a pipe. */
export function spawnInOwnNetwork(command: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  return spawn('unshare', ['-n', 'perl', '-e', loopbackUp, ...command], { stdio: ['ignore', 'pipe', 'inherit'], env })
}
