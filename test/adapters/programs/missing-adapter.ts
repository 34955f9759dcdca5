import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import express from 'express'
import { afterword } from '../../../src/adapters/express.ts'
import { configure, defer, instance, job, subscribe } from '../../../src/index.ts'

// An Express app that asks itself. Arguments: where the middleware is registered, and the paths that are asked for.
const [place, ...paths] = process.argv.slice(2)
const reports: string[] = []
subscribe('report', ({ error }) => reports.push(error.message))
// A busy machine may interrupt any task for a while.
configure({ slowTask: 60_000 })
const named = job('send-welcome', () => {})

const app = express()
if (place === 'ahead') app.use(afterword())
app.get('/defers', async (_req, res) => {
  await turn()
  defer(() => {})
  res.send('fine')
})
app.get('/job', (_req, res) => {
  named.defer()
  res.send('fine')
})
app.get('/now', (_req, res) => {
  defer.with({ now: true })(() => {})
  void named.dispatch()
  res.send('fine')
})
if (place === 'behind') app.use(afterword())
app.get('/scoped', (_req, res) => void res.send('fine'))

const server = createServer(app).listen(0, '127.0.0.1', async () => {
  const { port } = server.address() as AddressInfo
  for (const path of paths) {
    // Outside any request a task of its own is what is wanted.
    if (path === 'outside') defer(() => {})
    else await (await fetch(`http://127.0.0.1:${port}/${path}?secret=1`)).text()
  }
  await instance().drain()
  process.send?.({ type: 'reports', reports })
  server.close()
  server.closeAllConnections()
})
