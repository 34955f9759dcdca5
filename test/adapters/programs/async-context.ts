import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import type { AddressInfo } from 'node:net'
import '../../../src/adapters/auto.ts'
import { defer } from '../../../src/index.ts'
import { createClient } from '../../support/client.ts'
import { Marks } from '../../support/mark.ts'
import type { Protocol } from '../../support/protocols.ts'
import { createServer } from '../../support/servers.ts'
import { markOf, note, serve, tell, testify, witness } from '../../support/stage.ts'
import type { Handlers } from './handlers.ts'

// Handlers that use contexts of their own. Argument: the protocol.
const users = new AsyncLocalStorage<string>()
const user = () => users.getStore() ?? 'nobody'

const ticks = new EventEmitter()
const clock = setInterval(() => {
  if (ticks.listenerCount('tick') === 0) return
  defer(note, `tick: ${user()}`)
  ticks.emit('tick')
}, 5)
clock.unref()

const bus = new EventEmitter()
bus.on('visit', () => defer(() => note(`heard: ${user()}`)))

const handlers: Handlers = {
  '/user': (req, res) => {
    const mark = markOf(req)
    defer(() => testify(`user: ${user()}`, mark))
    res.end('hello')
  },
  '/enters': (_req, res) => {
    defer(() => note(`user: ${user()}`))
    defer(async () => {
      users.enterWith('Mallory')
      await null
      note(`entered: ${user()}`)
    })
    defer(() => note(`user: ${user()}`))
    res.end('hello')
  },
  '/ticks': async (req, res) => {
    witness(req)
    await once(ticks, 'tick')
    tell('waiting', markOf(req))
    res.end('hello')
  },
  '/emits': (_req, res) => {
    bus.emit('visit')
    res.end('hello')
  },
  '/outer': async (req, res) => {
    const marks = new Marks()
    const client = createClient(protocol, (server.address() as AddressInfo).port, marks)
    const { body } = await client.visit('/inner').answer
    client.close()
    marks[Symbol.dispose]()
    witness(req, 'outer')
    res.end(`inner: ${body}`)
  },
  '/inner': (_req, res) => {
    defer(note, 'inner')
    res.end('hello')
  },
}

const protocol = process.argv[2] as Protocol
const server = createServer(protocol, (req, res) => {
  const handle = () => handlers[req.url ?? '']?.(req, res)
  const name = req.headers['x-user']
  return typeof name === 'string' && name !== '' ? users.run(name, handle) : handle()
})
serve(server)
