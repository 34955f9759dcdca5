import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { attach } from '../../../src/adapters/node-http.ts'
import { configure, job } from '../../../src/index.ts'

// A server of HTTP/2 that sends back what comes, keeps a job for each answer, and tells when a stream was closed and when its job has run.
configure({ journal: String(process.argv[2]) })
const note = job('note', () => process.send?.({ type: 'ran' }))
const server = createServer((req, res) => {
  note.defer()
  res.stream.on('close', () => process.send?.({ type: 'closed' }))
  req.pipe(res)
})
attach(server)
server.listen(0, '127.0.0.1', () => process.send?.({ type: 'listening', port: (server.address() as AddressInfo).port }))
