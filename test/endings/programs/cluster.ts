import cluster from 'node:cluster'
import { writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import '../../../src/adapters/auto.ts'
import { configure, defer, instance } from '../../../src/index.ts'
import { knock, visit } from './visit.ts'

// A cluster of two, in one program. The primary process makes a new worker for each that it loses, as many do.
const print = (line: string) => writeSync(1, `${line}\n`)
configure({ shutdownTimeout: 600_000, slowTask: Infinity })

if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork()
  cluster.on('exit', ({ exitedAfterDisconnect }) => {
    if (!exitedAfterDisconnect) cluster.fork()
  })
  if (process.env.OWN) {
    process.on('SIGTERM', () => {
      for (const worker of Object.values(cluster.workers ?? {})) worker?.disconnect()
    })
  }
} else {
  instance().addIntake({ stop: () => knock('stopping'), abort() {} })
  instance().onShutdown(() => knock('onShutdown'))
  const server = createServer((_req, res) => {
    defer.with({ timeout: 120_000 })(function mail() {
      return visit('held mail')
    })
    res.setHeader('connection', 'close').end('ok')
  })
  server.listen(0, '127.0.0.1', () => print(`listening ${(server.address() as AddressInfo).port}`))
}
