import { Pool } from 'pg'
import '../../../src/adapters/auto.ts'
import { bind, defer, job } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { markOf, note, serve, testify } from '../../support/stage.ts'
import type { Handlers } from './handlers.ts'

// Handlers that ask a Postgres by a pool, with callbacks. Its one connection is opened by the first query. Arguments: the protocol, the URL.
const pool = new Pool({ connectionString: process.argv[3], max: 1 })
const sql = 'SELECT 1 AS one'
/** The types of the pool promise something in any case, which nothing does that has a callback. */
const query = (callback: (rows: { one: number }[]) => void) =>
  void pool.query(sql, (_error, result) => callback(result.rows))
const Audit = job('audit', testify)

const handlers: Handlers = {
  '/opens': (_req, res) => query(() => res.end('hello')),
  '/plain': (_req, res) => {
    query(() => {
      defer(note, 'plain')
      res.end('hello')
    })
  },
  '/addressed': (req, res) => {
    query((rows) => {
      defer.in(req)(testify, `defer: ${rows[0]?.one}`, markOf(req))
      Audit.in(res).defer('job', markOf(req))
      setImmediate(() => res.end('hello'))
    })
  },
  '/bound': (req, res) => {
    query(
      bind(() => {
        defer(testify, 'bound', markOf(req))
        setImmediate(() => res.end('hello'))
      }),
    )
  },
  '/awaited': async (req, res) => {
    await pool.query(sql)
    defer(testify, 'awaited', markOf(req))
    setImmediate(() => res.end('hello'))
  },
  '/client': async (req, res) => {
    const client = await pool.connect()
    await client.query('BEGIN')
    defer(testify, 'client', markOf(req))
    await client.query('COMMIT')
    client.release()
    res.end('hello')
  },
}

serve(createServer(process.argv[2], (req, res) => handlers[req.url ?? '']?.(req, res)))
