import type { AddressInfo } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { attach } from '../../../src/adapters/node-http.ts'
import { Afterword, configure, defer, onSent } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'

const { PROTOCOL = 'HTTP/1.1', TASKS = '1', TASK_MS = '0', SHUTDOWN_TIMEOUT = '10000', SIGNALS = 'true' } = process.env
const send = (message: object) => process.send?.(message)

// A busy machine may interrupt any task for a while.
const slowTask = Infinity
const afterword = configure({ shutdownTimeout: Number(SHUTDOWN_TIMEOUT), signals: SIGNALS === 'true', slowTask })
let running = 0
let done = 0
for (const order of [1, 2]) afterword.onShutdown(() => send({ type: 'shutdown', order, done }))

const server = createServer(PROTOCOL, (req, res) => {
  if (req.url === '/ping') return res.end()
  for (let i = 0; i < Number(TASKS); i++) {
    // In scopes of their own, so that all of them are in flight at once.
    onSent(() => {
      defer.with({ name: `task-${i}`, now: true, timeout: 120_000 })(async () => {
        send({ type: 'running', count: ++running })
        await after(Number(TASK_MS))
        done++
        send({ type: 'done' })
      })
    })
  }
  send({ type: 'request' })
  if (req.url === '/slow') return process.once('message', () => res.end('answered'))
  if (req.url === '/stream') return res.write('open')
  res.end('answered')
})
attach(server)
// Another instance, which has nothing to do.
if (process.env.OTHER) attach(createServer(PROTOCOL, () => {}).listen(0, '127.0.0.1'), new Afterword())
server.listen(0, '127.0.0.1', () => send({ type: 'listening', port: (server.address() as AddressInfo).port }))
