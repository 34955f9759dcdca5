import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import '../../../src/adapters/auto.ts'
import { configure, defer, instance, job } from '../../../src/index.ts'

configure({ journal: String(process.env.FROZEN_FOLDER) })
const answered = Promise.withResolvers<void>()
const Tell = job('tell', () => void process.send?.({ type: 'job' }))
const server = createServer((_req, res) => {
  defer(async () => {
    await answered.promise
    process.send?.({ type: 'task' })
  })
  Tell.defer()
  res.end('hi')
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
process.send?.({ type: await response.text() })
answered.resolve()
await instance().drain()
server.close()
server.closeAllConnections()
await instance().close()
process.disconnect?.()
