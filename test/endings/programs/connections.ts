import { once } from 'node:events'
import { writeSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { type AddressInfo, createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { configure, currentTask, defer, instance } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { knock, visit } from './visit.ts'

// A server whose connections another one has accepted, or are upgraded. Arguments: `front` or `upgrade`, the protocol, `auto` or `express`.
const [kind, protocol, entry] = process.argv.slice(2)
const print = (line: string) => writeSync(1, `${line}\n`)
// No time of the shutdown is up before the test is.
configure({ shutdownTimeout: 600_000, slowTask: Infinity })
if (entry === 'auto') await import('../../../src/adapters/auto.ts')

const handle: RequestListener = (req, res) => {
  if (req.url === '/slow') {
    defer(() => knock('slow ran'))
    void visit('held answer').then(() => res.end('ok'))
    return
  }
  defer.with({ timeout: 120_000 })(function mail() {
    return visit(`held mail ${currentTask()?.request?.status}`)
  })
  res.end('ok')
}

async function listener(): Promise<RequestListener> {
  if (entry !== 'express') return handle
  const { default: express } = await import('express')
  const { afterword } = await import('../../../src/adapters/express.ts')
  return express().use(afterword()).use(handle) as RequestListener
}

const server = createServer(protocol, await listener())
instance().addIntake({ stop: async () => void print('stopping'), abort() {} })
if (kind === 'front') {
  const front = createNetServer((socket: Socket) => void server.emit('connection', socket))
  await listen(front)
} else {
  server.on('upgrade', (_req: unknown, socket: Duplex) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    socket.on('data', (data) => socket.write(data)).on('error', () => {})
  })
  await listen(server as NetServer)
}

async function listen(server: NetServer): Promise<void> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  print(`listening ${(server.address() as AddressInfo).port}`)
}
