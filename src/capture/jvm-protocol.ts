// What is said on the attach socket of HotSpot, version 1 of the protocol, which every JDK from 6 to 25 speaks:
//
//   ->  1\0 jcmd\0 Thread.print -e -l\0 \0 \0          always three arguments, empty ones included
//   <-  0\n 2026-11-21 02:35:26\nFull thread dump …    code, then output until the JVM closes
//   <-  -1\n java.lang.IllegalArgumentException: Unknown diagnostic command\n
// Grammar: src/hotspot/share/services/attachListener.cpp and os/posix/attachListener_posix.cpp of the JDK.
import { Failure } from '../model/errors.ts'

export interface JvmAnswer {
  /** 0 = carried out, which for jcmd does not mean that it worked: some commands only say so in words. */
  readonly code: number
  readonly output: Uint8Array
}

/** arg_length_max of AttachOperation: a longer one is refused by closing the connection. */
const maxArgument = 1024

/** @param line a command as for jcmd: `Thread.print -e -l` */
export function encodeJcmd(line: string): Uint8Array {
  const bytes = new TextEncoder().encode(`1\0jcmd\0${line}\0\0\0`)
  if (bytes.length - 10 > maxArgument)
    throw new Failure('TOO_LARGE', `a command for a JVM has at most ${maxArgument} bytes`)
  return bytes
}

/** @throws Failure MALFORMED when it does not begin with a number on a line of its own */
export function parseAnswer(bytes: Uint8Array): JvmAnswer {
  const end = bytes.subarray(0, 16).indexOf(10)
  const code = new TextDecoder().decode(bytes.subarray(0, Math.max(0, end)))
  if (!/^-?\d+$/.test(code)) {
    throw new Failure('MALFORMED', 'what answers on the attach socket does not speak the attach protocol of HotSpot', {
      details: { begins: new TextDecoder().decode(bytes.subarray(0, 100)) },
    })
  }
  return { code: Number(code), output: bytes.subarray(end + 1) }
}
