import { writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isMainThread, Worker } from 'node:worker_threads'
import { visit } from './visit.ts'

// A server in a worker thread. The argument says whether the main thread has the package, too.
if (isMainThread) {
  if (process.argv[2] === 'both') await import('../../../src/index.ts')
  new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) })
} else {
  await import('../../../src/adapters/auto.ts')
  const { configure, defer, instance } = await import('../../../src/index.ts')
  configure({ shutdownTimeout: 600_000, slowTask: Infinity, signals: process.argv[2] !== 'neither' })
  instance().onShutdown(() => visit('onShutdown'))
  const server = createServer((_req, res) => {
    defer.with({ timeout: 120_000 })(function mail() {
      return visit('held mail')
    })
    res.setHeader('connection', 'close').end('ok')
  })
  server.listen(0, '127.0.0.1', () => {
    writeSync(1, `listening ${(server.address() as AddressInfo).port}\n`)
  })
}
