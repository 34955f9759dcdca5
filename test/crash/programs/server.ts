import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attach } from '../../../src/adapters/node-http.ts'
import { configure, currentTask, instance, job, subscribe } from '../../../src/index.ts'

// A server that keeps one job for each answer, until it is killed.
const [journal = '', ran = '', sync] = process.argv.slice(2)
configure({ journal: { path: journal, sync: sync === 'full' ? 'full' : 'normal' } })
subscribe('report', ({ error }) => console.error(error.code, error.message))

const Note = job('note', async (request: string) => {
  appendFileSync(ran, `${request} ${currentTask()?.id} ${currentTask()?.attempt}\n`)
  await new Promise(setImmediate)
})

const server = createServer((req, res) => {
  Note.defer(String(req.url))
  res.end('kept')
})
attach(server)
server.listen(0, '127.0.0.1', () => process.send?.({ type: 'listening', port: (server.address() as AddressInfo).port }))
process.on('message', async () => {
  await instance().drain()
  process.send?.({ type: 'drained' })
})
