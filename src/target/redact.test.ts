// Secrets as people really pass them, and a command line that was made to hold the agent up.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { printCommandLine } from './command-line.ts'
import { readProcess } from './process-identity.ts'

/** Arguments with a bar between them, as /proc has NULs, and how they are shown. */
const shown: readonly (readonly [string, string])[] = [
  ['redis-server|--requirepass|hunter2|--port|1', 'redis-server --requirepass *** --port 1'],
  ['app|--password=my pass phrase|--port|1', 'app --password=*** --port 1'],
  ['app|--password|my pass phrase|--port|1', 'app --password *** --port 1'],
  ['app|--pass-through|--verbose', 'app --pass-through --verbose'],
  ['env|TOKEN=abc|app', 'env TOKEN=*** app'],
  ['mysql|-phunter2|--user|app', 'mysql -p*** --user app'],
  ['mysql|-p|shop', 'mysql -p shop'],
  ['sh|-c|mysqldump -phunter2 shop > /x', 'sh -c mysqldump -p*** shop > /x'],
  ['/usr/bin/redis-cli|-a|hunter2|-p|6379', '/usr/bin/redis-cli -a *** -p 6379'],
  ['curl|-u|me:pw|-H|Authorization: Digest a b c|https://x', 'curl -u *** -H Authorization: *** https://x'],
  ['httpc|--user|me:pw|--user|me', 'httpc --user me:*** --user me'],
  [
    'java|-Djavax.net.ssl.keyStorePassword=changeit|-Ddb.pwd=x',
    'java -Djavax.net.ssl.keyStorePassword=*** -Ddb.pwd=***',
  ],
  [
    'app|jdbc:mysql://db:3306/shop?user=a&password=b&ssl=true',
    'app jdbc:mysql://db:3306/shop?user=a&password=***&ssl=true',
  ],
  [
    'app|jdbc:sqlserver://db:1433;user=sa;password=x;encrypt=true',
    'app jdbc:sqlserver://db:1433;user=sa;password=***;encrypt=true',
  ],
  ['app|jdbc:oracle:thin:scott/tiger@//db:1521/x', 'app jdbc:oracle:thin:scott/***@//db:1521/x'],
  ['app|AccountName=x;AccountKey=abc==;EndpointSuffix=y', 'app AccountName=x;AccountKey=***;EndpointSuffix=y'],
  ['app|postgres://app:p@ss@db/shop', 'app postgres://app:***@db/shop'],
  ['app|postgres://app:p/ss@db/shop', 'app postgres://app:***@db/shop'],
  ['app|redis://:pw@host:6379/0', 'app redis://:***@host:6379/0'],
  ['app|https://ghp_abcdefghijklmnopqrstuvwx@github.com/a', 'app https://***@github.com/a'],
  ['app|ssh://git@github.com/x|http://[::1]:80/a@b', 'app ssh://git@github.com/x http://[::1]:80/a@b'],
  ['app|user:pw@tcp(db:3306)/shop', 'app user:***@tcp(db:3306)/shop'],
  ['app|{"password":"x","user":"y"}', 'app {"password":***,"user":"y"}'],
  ['app|https://x.blob/a?sv=1&sig=abc%3D&se=2', 'app https://x.blob/a?sv=1&sig=***&se=2'],
  ['app|AKIAIOSFODNN7EXAMPLE|eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.ab-_', 'app *** ***'],
  ['app|dGhpcyBpcyBhIHNlY3JldCBrZXkgZm9yIHRlc3RzIDEyMw==', 'app ***'],
  ['app|Bearer abcdefgh123', 'app Bearer ***'],
  ['openssl|req|-passin|pass:1234', 'openssl req -passin pass:***'],
  // No secrets, and what somebody who looks into it wants to know.
  [
    'kube-apiserver|--authorization-mode=Node,RBAC|--token-auth-file=/x/y',
    'kube-apiserver --authorization-mode=Node,RBAC --token-auth-file=/x/y',
  ],
  [
    'app|--upstream=token-service:8080|nginx:1.2@sha256:abcd',
    'app --upstream=token-service:8080 nginx:1.2@sha256:abcd',
  ],
  ['java|GeneratedSerializationConstructorAccessor12Impl', 'java GeneratedSerializationConstructorAccessor12Impl'],
  [
    'shim|-id|0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
    'shim -id 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  ],
  ['postgres: app shop [local] idle', 'postgres: app shop [local] idle'],
  ['vllm|--tokenizer|llama|--max-num-batched-tokens|8192', 'vllm --tokenizer llama --max-num-batched-tokens 8192'],
]
test.each(shown)('%s', (words, expected) => {
  expect(printCommandLine(`${words.replaceAll('|', '\0')}\0`)).toBe(expected)
})

test('who runs in a container cannot hold the agent up with its command line', async () => {
  // Each of these took an expression that looks for a name around "pass" from every letter days of CPU.
  const child = spawn('/bin/sh', [
    '-c',
    'echo; read x',
    'pass'.repeat(30_000),
    'a:'.repeat(60_000),
    'eyJ'.repeat(40_000),
  ])
  await once(child.stdout, 'data')
  const { cmdline } = readProcess(child.pid!)!
  expect(cmdline).toMatch(/^\/bin\/sh -c echo; read x (pass)+$/)
  expect(cmdline).toHaveLength(512)
  const ended = once(child, 'exit')
  child.stdin.end()
  await ended
  for (const word of ['a=', 'pass=', 'a://b@', 'a:b@', 'token ', '"', ';password=', 'oracle:a:', '-', 'aA1']) {
    expect(printCommandLine(word.repeat(100_000)).length).toBeLessThanOrEqual(512)
  }
})
