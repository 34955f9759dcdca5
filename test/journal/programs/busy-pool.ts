import { pbkdf2 } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attach } from '../../../src/adapters/node-http.ts'
import { configure, job } from '../../../src/index.ts'

// A server whose app keeps the only thread of Node's pool busy for ever, and that keeps a job for each answer.
configure({ journal: { path: String(process.argv[2]), sync: 'full' } })
const note = job('note', () => {})
const server = createServer((_req, res) => {
  note.defer()
  res.end('kept')
})
attach(server)
pbkdf2('password', 'salt', 2 ** 31 - 1, 64, 'sha512', () => {})
server.listen(0, '127.0.0.1', () => process.send?.({ type: 'listening', port: (server.address() as AddressInfo).port }))
