import { writeSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { configure, currentTask, defer } from '../../../src/index.ts'
import { knock } from './visit.ts'

// Routes for WebSockets, for which the framework runs its middleware and hooks as for requests. The argument is the framework.
const print = (line: string) => writeSync(1, `${line}\n`)
configure({ shutdownTimeout: 600_000, slowTask: Infinity })

interface Socket {
  on(event: 'message', listener: (message: unknown) => void): unknown
  send(text: string): void
}

function join(socket: Socket): void {
  const visit = (name: string) => defer(() => knock(`${name} of ${currentTask()?.request?.path}`))
  visit('joined')
  socket.on('message', () => {
    visit('message')
    socket.send('echo')
  })
}

function listening(server: Server): void {
  print(`listening ${(server.address() as AddressInfo).port}`)
}

if (process.argv[2] === 'fastify') {
  const { default: Fastify } = await import('fastify')
  const { default: websocket } = await import('@fastify/websocket')
  const { afterword } = await import('../../../src/adapters/fastify.ts')
  const app = Fastify()
  app.register(afterword)
  await app.register(websocket)
  app.get('/room', { websocket: true }, (socket) => join(socket as Socket))
  await app.listen({ port: 0, host: '127.0.0.1' })
  listening(app.server)
} else {
  const { default: express } = await import('express')
  // @ts-expect-error: the package has no types.
  const { default: expressWs } = await import('express-ws')
  const { afterword } = await import('../../../src/adapters/express.ts')
  const { app } = expressWs(express())
  app.use(afterword())
  app.ws('/room', join)
  const server: Server = app.listen(0, '127.0.0.1', () => listening(server))
}
