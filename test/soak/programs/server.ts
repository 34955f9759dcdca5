import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attach } from '../../../src/adapters/node-http.ts'
import { BatchError, batch, configure, defer, instance, job, onSent, subscribe, waitUntil } from '../../../src/index.ts'

// Every kind of task, in every way to end, for as long as the test asks for them.
configure({ maxBacklog: 1000, slowTask: 1000 })
let reports = 0
subscribe('report', () => reports++)

const Limited = job('limited', async () => void (await new Promise(setImmediate)), { concurrency: 4 })
const Rated = job('rated', () => {}, { rate: { runs: 50, per: 10 } })
const Failing = job('failing', () => Promise.reject(new Error('fails')), { retries: 1, backoff: 1 })
const Track = batch(
  'track',
  (items: number[]) => {
    if (items.length % 7 === 0) throw new BatchError(items.slice(0, 1))
  },
  { size: 50, within: 5, retries: 1, backoff: 1 },
)

let requests = 0
const server = createServer((_req, res) => {
  const request = ++requests
  defer(() => defer(() => {}))
  defer(async () => {
    await new Promise(setImmediate)
    await instance().currentTask()?.yield()
  })
  onSent(() => {})
  Limited.defer()
  Rated.defer()
  Track.defer(request)
  if (request % 10 === 0) Failing.defer()
  if (request % 20 === 0) defer.with({ timeout: 1 })(() => new Promise(() => {}))
  if (request % 30 === 0) defer(() => {}).cancel()
  if (request % 40 === 0) waitUntil(Promise.resolve())
  if (request % 50 === 0) return void res.destroy()
  res.end('fine')
})
attach(server)
server.listen(0, '127.0.0.1', () => process.send?.({ type: 'listening', port: (server.address() as AddressInfo).port }))

process.on('message', async ({ number }: { number: number }) => {
  const { left } = await instance().drain()
  for (let round = 0; round < 4; round++) {
    await new Promise(setImmediate)
    globalThis.gc?.()
  }
  const resources = process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name === 'Immediate')
  const listeners = process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0)
  const { heapUsed } = process.memoryUsage()
  process.send?.({ type: 'measured', number, left: left.length, resources, listeners, heapUsed, requests, reports })
})
