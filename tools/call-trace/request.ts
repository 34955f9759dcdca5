import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

// Answers a request with one deferred call, and tells the moments before it and after all that follows.
const [kind, folder = ''] = process.argv.slice(2)
const { configure, job } = await import('afterword')
await import('afterword/auto')
if (kind !== 'memory') configure({ journal: { path: join(folder, 'journal'), sync: kind as 'normal' | 'full' } })
let ran = Promise.withResolvers<void>()
const Send = job('send', (_to: string) => ran.resolve())
const server = createServer((_req, res) => {
  Send.defer('a@b.c')
  res.end('ok')
}).listen(0, '127.0.0.1')
await once(server, 'listening')

/** The time in ms after which nothing of a call is left to do. */
const rest = 200

async function ask(): Promise<void> {
  ran = Promise.withResolvers()
  get({ port: (server.address() as AddressInfo).port }, (res) => res.resume())
  await ran.promise
  await sleep(rest)
}

// The first request makes the log, and what else lives as long as the process.
await ask()
const begin = process.hrtime.bigint()
await ask()
process.send?.([String(begin), String(process.hrtime.bigint())])
server.close()
server.closeAllConnections()
