import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import '../../../src/adapters/auto.ts'
import { batch, bind, defer, job, onSent } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { markOf, note, serve, tell, testify } from '../../support/stage.ts'
import type { Handlers } from './handlers.ts'

// Handlers that use a driver with callbacks. All requests share its one connection, which the first query opens. Argument: the protocol.
const database = createTcpServer((socket) => socket.pipe(socket))
database.listen(0, '127.0.0.1').unref()
await once(database, 'listening')

let connection: Socket | undefined
const waiting: (() => unknown)[] = []

function query(callback: () => unknown): void {
  if (connection === undefined) {
    connection = connect((database.address() as AddressInfo).port, '127.0.0.1')
    connection.on('data', (replies: Buffer) => replies.forEach(() => void waiting.shift()?.()))
  }
  waiting.push(callback)
  connection.write('.')
}

const queryAsync = () => new Promise<void>((resolve) => query(resolve))

/** The work of a task that the test waits for. */
function noteLate(task: string): void {
  note(task)
  tell('ran', task)
}

const users = new AsyncLocalStorage<string>()
const user = () => users.getStore() ?? 'nobody'
const Audit = job('audit', testify)
const Report = job('report', note)
const Visits = batch('visits', (tasks: string[]) => tasks.forEach((task) => void note(task)))

const handlers: Handlers = {
  '/opens': (_req, res) => query(() => res.end('hello')),
  '/plain': (_req, res) => {
    query(() => {
      defer(note, 'plain')
      res.end('hello')
    })
  },
  '/ticks': (_req, res) => {
    query(() => {
      process.nextTick(() => {
        defer(note, 'tick')
        res.end('hello')
      })
    })
  },
  '/on-sent': (_req, res) => {
    query(() => {
      onSent(() => note('on sent'))
      res.end('hello')
    })
  },
  '/awaits-late': async (_req, res) => {
    res.end('hello')
    await queryAsync()
    defer(noteLate, 'awaited')
  },
  '/timer-late': (_req, res) => {
    res.end('hello')
    setTimeout(() => defer(noteLate, 'of a timer'), 1)
  },
  '/addressed': (req, res) => {
    query(() => {
      defer.in(req)(() => testify(`of req: ${user()}`, markOf(req)))
      defer.in(res).with({ name: 'named' })(() => note(`of res: ${user()}`))
      Audit.in(req).defer('of a job', markOf(req))
      Audit.with({ retries: 1 }).in(res).with({ timeout: 20_000 }).defer('with options', markOf(req))
      Visits.in(req).defer('of a batch')
      setImmediate(() => res.end('hello'))
    })
  },
  '/dispatched': (req, res) => {
    query(async () => {
      await Report.in(req).dispatch('dispatched', true)
      res.end('hello')
    })
  },
  '/bound': (req, res) => {
    query(
      bind(() => {
        defer(() => testify(`bound: ${user()}`, markOf(req)))
        setImmediate(() => res.end('hello'))
      }),
    )
  },
  '/addressed-late': (req, res) => {
    res.end('hello')
    query(() => defer.in(req)(note, 'late'))
  },
  '/unknown': (_req, res) => {
    defer.in({ url: '/unknown' })(note, 'unknown')
    res.end('hello')
  },
}

serve(
  createServer(process.argv[2], (req, res) => {
    users.run(String(req.headers['x-user']), () => handlers[req.url ?? '']?.(req, res))
  }),
)
