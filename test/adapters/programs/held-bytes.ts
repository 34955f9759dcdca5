import { AsyncResource } from 'node:async_hooks'
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createGzip } from 'node:zlib'
import { attach } from '../../../src/adapters/node-http.ts'
import { configure, defer, finishRequest, job } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { markOf, serve } from '../../support/stage.ts'

// A server that tells what its handlers see of their responses. Arguments: the protocol, why the bytes are held, a folder.
// `plain`: they are not. `normal`, `full`: a journal. `late`: a transaction of the app that ends some turns later. `room`: a full backlog.
const [protocol, mode, folder = ''] = process.argv.slice(2)
const root = new AsyncResource('root')
const database = mode === 'late' ? new DatabaseSync(join(folder, 'app.db')) : undefined
if (mode === 'room') configure({ maxBacklog: 6, concurrency: 1 })
if (mode === 'normal' || mode === 'full') configure({ journal: { path: join(folder, mode), sync: mode } })
if (database !== undefined) configure({ journal: { database } })
const Keep = job('keep', () => {})

interface Visit {
  note(what: string): void
  /** Defers a job, for which the bytes of the response are held. */
  keep(): void
}
type Response = ServerResponse & { readonly stream?: Http2ServerResponse['stream'] }
type Handler = (res: Response, visit: Visit, req: IncomingMessage) => unknown

function state(res: Response): string {
  const { headersSent, writableEnded, finished, writable, destroyed, stream } = res
  const ofStream = stream && [stream.headersSent, stream.sentHeaders?.[':status'], stream.writableEnded, stream.closed]
  return JSON.stringify({ headersSent, writableEnded, finished, writable, destroyed, ofStream })
}

/** Ends a response when something else is done, as middleware does that saves a session or changes the body. */
function endLater(res: Response): void {
  const end = res.end as (...args: unknown[]) => unknown
  res.end = ((...args: unknown[]) => {
    void setImmediate().then(() => {
      res.setHeader('x-saved', 'yes')
      end.apply(res, args)
    })
    return res
  }) as never
}

/** Ends a response behind which others stand already. Resolves in the same turn, when its bytes would have left. */
async function endBeforeOthers(res: Response, { keep }: Visit): Promise<void> {
  keep()
  await setImmediate()
  res.end('hello')
  for (let tick = 0; tick < 10; tick++) await nextTick()
}

const handlers: Record<string, Handler> = {
  '/end': (res, { note, keep }) => {
    keep()
    res.end('hello')
    note(state(res))
  },
  '/write': async (res, { note, keep }) => {
    keep()
    res.write('hel')
    note(state(res))
    res.end('lo')
    note(state(res))
  },
  '/later-piece': async (res, { keep }) => {
    res.write('hel')
    await setImmediate()
    keep()
    res.end('lo')
  },
  '/callbacks': (res, { note, keep }) => {
    keep()
    res.write('hel', () => note('written'))
    res.end('lo', () => note('ended'))
    res.on('finish', () => note('finish'))
  },
  '/deferred-after-end': (res, { keep }) => {
    res.end('hello')
    keep()
  },
  '/head-alone': (res, { keep, note }) => {
    keep()
    res.writeHead(204)
    res.flushHeaders()
    note(state(res))
    res.end()
  },
  '/ends-later': (res, { keep }) => {
    endLater(res)
    keep()
    res.end('hello')
  },
  '/ends-later-outside': (res, { keep }) => {
    keep()
    endLater(res)
    res.end('hello')
  },
  '/finishes-later': async (res, { keep }) => {
    endLater(res)
    keep()
    res.end('hello')
    if (mode !== 'plain') await finishRequest()
  },
  '/destroys': (res, { keep, note }) => {
    keep()
    res.end('hello')
    res.destroy()
    note(state(res).replace(/"ofStream.*/, ''))
  },
  '/destroys-stream': (res, { keep, note }) => {
    keep()
    res.end('hello')
    res.stream?.destroy()
    note(String(res.stream?.destroyed))
    for (const call of ['respond', 'respondWithFile'] as const) {
      try {
        ;(res.stream as unknown as Record<string, (file: string) => void> | undefined)?.[call]?.('none')
      } catch (error) {
        note(String((error as NodeJS.ErrnoException).code))
      }
    }
  },
  '/destroys-request': (res, { keep }, req) => {
    keep()
    res.end('hello')
    req.destroy()
  },
  '/closes': (res, { keep }) => {
    keep()
    res.end('hello')
    if (res.stream === undefined) res.socket?.end()
    else res.stream.close()
  },
  '/closes-idle': async (res, visit) => {
    await endBeforeOthers(res, visit)
    server.closeIdleConnections()
  },
  '/destroys-all': async (res, visit, req) => {
    await endBeforeOthers(res, visit)
    req.socket.destroy()
  },
  '/at-once': (res) => res.end('hello'),
  '/later': async (res) => {
    await later()
    res.end('hello')
  },
  '/destroys-soon': (res, { keep }) => {
    keep()
    res.end('hello')
    if (res.stream === undefined) (res.socket as unknown as { destroySoon(): void }).destroySoon()
    else res.stream.session?.close()
  },
  '/ends-session': (res, { keep }) => {
    keep()
    res.end('hello')
    void setImmediate().then(() => res.stream?.session?.destroy())
  },
  '/fails-after-end': (res, { keep }, req) => {
    keep()
    res.end('hello')
    // As the final handler of Express and Connect does.
    if (res.headersSent) req.socket.destroy()
    else res.end('500')
  },
  '/wrong-header': (res, { keep, note }) => {
    keep()
    if (res.stream === undefined) res.statusMessage = '5 €'
    try {
      res.statusCode = 402
      if (res.stream === undefined) res.end('pay')
      else res.writeHead(1000)
    } catch (error) {
      note(`${(error as NodeJS.ErrnoException).code} ${state(res)}`)
      if (res.stream === undefined) res.statusMessage = 'handled'
      res.statusCode = 500
      res.end('handled')
    }
  },
  '/too-long': (res, { keep, note }) => {
    keep()
    res.strictContentLength = true
    res.setHeader('content-length', 2)
    try {
      res.end('hello')
    } catch (error) {
      note(`${(error as NodeJS.ErrnoException).code} ${state(res)}`)
      res.destroy()
    }
  },
  '/large': async (res, { keep, note }) => {
    keep()
    for (let piece = 0; piece < 40; piece++) {
      if (!res.write(String(piece).padEnd(50_000))) await once(res, 'drain')
    }
    note('drained')
    res.end()
  },
  '/gzip': (res, { keep }) => {
    keep()
    res.setHeader('content-encoding', 'gzip')
    const gzip = createGzip()
    gzip.pipe(res)
    gzip.end('hello'.repeat(10_000))
  },
  '/writes-after-end': (res, { keep, note }) => {
    keep()
    res.on('error', (error) => note(`error ${(error as NodeJS.ErrnoException).code}`))
    res.end('hello')
    try {
      res.setHeader('x-late', 'yes')
    } catch (error) {
      note(String((error as NodeJS.ErrnoException).code))
    }
    res.write('late', (error) => note(`called back ${(error as NodeJS.ErrnoException)?.code}`))
  },
  '/throws': async (_res, { keep }) => {
    keep()
    throw new Error('before the response')
  },
  '/pushes': (res, { keep, note }) => {
    keep()
    res.stream?.on('error', () => {})
    const { createPushResponse } = res as unknown as Http2ServerResponse
    createPushResponse?.call(res, { ':path': '/pushed' }, (error, pushed) => {
      note(error ? 'not pushed' : 'pushed')
      pushed?.end('pushed')
    })
    res.end('hello')
  },
}

const nextTick = promisify(process.nextTick)
let isFull = false

/** Makes the backlog full for some turns. */
function fill(): void {
  if (isFull) return
  isFull = true
  const { promise, resolve } = Promise.withResolvers<void>()
  root.runInAsyncScope(() => {
    defer(() => promise)
    for (let i = 0; i < 6; i++) defer(() => {})
  })
  void later().then(() => {
    isFull = false
    resolve()
  })
}

async function later(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate()
}

function keep(): void {
  if (mode === 'plain') return
  if (mode === 'room') fill()
  if (database === undefined || database.isTransaction) return void Keep.defer()
  database.exec('BEGIN')
  Keep.defer()
  void later().then(() => database.exec('COMMIT'))
}

const server = createServer(protocol) as Server
server.on('request', async (req, res) => {
  const notes: string[] = []
  const note = (what: string) => void notes.push(what)
  res.on('close', async () => {
    await later()
    process.send?.({ type: 'notes', mark: markOf(req), notes: notes.sort() })
  })
  try {
    await handlers[req.url ?? '']?.(res as Response, { note, keep }, req)
  } catch (error) {
    res.writeHead(500)
    res.end((error as Error).message)
  }
})
if (mode !== 'plain') attach(server)
serve(server)
