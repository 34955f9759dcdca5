import { AsyncLocalStorage } from 'node:async_hooks'
import '../../../src/adapters/auto.ts'
import { BatchError, batch, configure, defer, job, onSent, subscribe, waitUntil } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { serve } from '../../support/stage.ts'
import type { Handlers } from './handlers.ts'

// Handlers whose tasks make trouble, and a listener that tells to which request each report belongs. Argument: the protocol.
configure({ slowTask: 50, maxRequestAge: 100 })

const users = new AsyncLocalStorage<string>()
subscribe('report', ({ error }) => {
  process.send?.({ type: 'report', code: error.code, message: error.message, user: users.getStore() })
})

function fail(): never {
  throw new Error('no luck')
}
const Fail = job('fail', fail, { retries: 1, backoff: 0 })
const Batch = batch('batch', fail, { retries: 0, size: 1 })
const Share = batch('share', (items: string[]) => new BatchError(items), { retries: 0, size: 1 })
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const handlers: Handlers = {
  '/throws': (_req, res) => {
    defer(fail)
    res.end()
  },
  '/rejects': (_req, res) => {
    defer(async () => {
      await later(1)
      fail()
    })
    res.end()
  },
  '/retried': (_req, res) => {
    Fail.defer()
    res.end()
  },
  '/batch': (_req, res) => {
    Batch.defer('item')
    res.end()
  },
  '/share-of-a-batch': (_req, res) => {
    Share.defer('item')
    res.end()
  },
  '/backoff': (_req, res) => {
    defer.with({ retries: 1, backoff: fail })(fail)
    res.end()
  },
  '/times-out': (_req, res) => {
    defer.with({ timeout: 10 })(async () => {
      await later(20)
      fail()
    })
    res.end()
  },
  '/slow': (_req, res) => {
    defer(() => {
      for (const { user } = process.cpuUsage(); process.cpuUsage().user < user + 200_000; );
    })
    res.end()
  },
  '/promised': (_req, res) => {
    waitUntil(later(1).then(fail))
    res.end()
  },
  '/on-sent': (_req, res) => {
    onSent(fail)
    res.end()
  },
  '/late-write': (_req, res) => {
    defer(() => res.write('late'))
    res.end()
  },
  '/stuck': (_req, res) => {
    defer(() => res.end())
  },
}

serve(
  createServer(process.argv[2], (req, res) => {
    users.run(String(req.headers['x-user']), () => handlers[req.url ?? '']?.(req, res))
  }),
)
