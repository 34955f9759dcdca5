import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attach } from '../../../src/adapters/node-http.ts'
import { type AfterwordOptions, configure, defer, instance } from '../../../src/index.ts'

// Each request defers three tasks that keep the thread. Argument: the options of the instance, as JSON.
const ms = 2
configure({ slowTask: Infinity, ...(JSON.parse(process.argv[2] ?? '{}') as AfterwordOptions) })
/** Tasks that have begun. */
let begun = 0
/** The most tasks that have begun while one waited. */
let passed = 0
/** The most responses that were held at once. */
let held = 0

function compute(deferred: number): void {
  passed = Math.max(passed, begun - deferred)
  begun++
  for (const end = performance.now() + ms; performance.now() < end; );
}

const server = createServer((_req, res) => {
  held = Math.max(held, instance().status().held)
  for (let task = 0; task < 3; task++) defer(compute, begun)
  res.end('ok')
})
attach(server)
server.listen(0, '127.0.0.1', () => {
  process.send?.({ type: 'listening', port: (server.address() as AddressInfo).port })
})
process.on('message', async ({ number }: { number: number }) => {
  await instance().drain()
  process.send?.({ type: 'drained', number, begun, passed, held })
})
