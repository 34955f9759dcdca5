import { writeSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { configure, defer, instance } from '../../../src/index.ts'
import { knock, visit } from './visit.ts'

// A server whose requests defer a task that waits at the gate, and a listener of the app's own for signals.
const { OWN = '', ENTRY = 'auto', SHUTDOWN_TIMEOUT = '60000', SIGNALS = 'true' } = process.env
const print = (line: string) => writeSync(1, `${line}\n`)

// A busy machine may interrupt any task for a while.
configure({ shutdownTimeout: Number(SHUTDOWN_TIMEOUT), slowTask: Infinity, signals: SIGNALS === 'true' })

const answer: RequestListener = (_req, res) => {
  defer.with({ timeout: 120_000 })(function mail() {
    return visit('held mail')
  })
  res.setHeader('connection', 'close')
  res.end('ok')
}
const server = createServer(await listenerOf(ENTRY))

async function listenerOf(entry: string): Promise<RequestListener> {
  if (entry === 'auto') {
    await import('../../../src/adapters/auto.ts')
    return answer
  }
  const { default: express } = await import('express')
  const { afterword } = await import('../../../src/adapters/express.ts')
  const app = express()
  app.use(afterword())
  app.get('/', answer)
  return app as RequestListener
}

/** The listeners of an app for signals, by what they do. */
const listeners: Record<string, (signal: NodeJS.Signals) => unknown> = {
  says: (signal) => print(`signal ${signal}`),
  'says and keeps something open': (signal) => {
    print(`signal ${signal}`)
    setInterval(() => {}, 1000)
  },
  cleans: async () => {
    await visit('held clean-up')
    process.exit(7)
  },
  exits: () => server.close((error) => process.exit(error === undefined ? 0 : 1)),
  async raises(signal) {
    await visit('clean-up')
    process.off(signal, listener)
    process.kill(process.pid, signal)
  },
}
const listener = listeners[OWN] as (signal: NodeJS.Signals) => unknown
const own = OWN === '' ? [] : (process.env.OWN_SIGNALS ?? 'SIGTERM,SIGINT').split(',')
for (const signal of own) process.on(signal, listener)

instance().onShutdown(() => knock('onShutdown'))
process.on('exit', (code) => print(`exit ${code}`))
if (process.env.CRASH) process.on('SIGUSR2', () => void setImmediate(() => Promise.reject(new Error('boom'))))
server.listen(0, '127.0.0.1', () => print(`listening ${(server.address() as AddressInfo).port}`))
