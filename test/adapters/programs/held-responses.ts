import { closeSync, openSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import type { Http2Server, ServerHttp2Stream } from 'node:http2'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { attach } from '../../../src/adapters/node-http.ts'
import { configure, finishRequest, job } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { go, markOf, serve, tell } from '../../support/stage.ts'

// A server whose responses are held until the test lets their jobs be stored. Arguments: the protocol, `core` for the core API of
// `node:http2`, and what stores the jobs: a database, or the folder of a journal on a disk that has no room for them.
const [protocol, api, place = ''] = process.argv.slice(2)
const database = place.endsWith('.db') ? new DatabaseSync(place) : undefined
configure({ journal: database === undefined ? place : { database } })
const Keep = job('keep', (_text: string) => {})

/** Writes when the response has ended, and most of it has not left. */
async function goOn(res: ServerResponse | ServerHttp2Stream): Promise<void> {
  ;(res as ServerResponse).write('x'.repeat(20_000_000))
  void finishRequest()
  while (!res.writableEnded) await setImmediate()
  ;(res as ServerResponse).write('late')
}

/** As an app does that answers its own errors. */
function orFail(res: ServerResponse, write: () => unknown): void {
  try {
    write()
  } catch (error) {
    if (!res.headersSent) res.statusCode = 500
    res.end((error as NodeJS.ErrnoException).code)
  }
}

const handlers: Record<string, (res: ServerResponse) => unknown> = {
  '/status': (res) => res.writeHead(204, { 'x-done': 'yes' }).end(),
  '/reset': (res) => res.writeHead(205, { 'x-done': 'yes' }).end(),
  '/not-modified': (res) => res.writeHead(304, { 'x-done': 'yes' }).end(),
  '/head': (res) => res.writeHead(200, { 'x-done': 'yes' }).end(),
  '/flushed': (res) => {
    res.setHeader('x-done', 'yes')
    res.flushHeaders()
    // As an error handler does that asks whether it can still answer.
    if (!res.headersSent) res.writeHead(500)
    res.end()
  },
  '/written': (res) => {
    res.writeHead(200, { 'x-done': 'yes' })
    res.write('hel')
    if (!res.headersSent) res.writeHead(500)
    res.end('lo')
  },
  '/goes-on': (res) => {
    res.setHeader('x-done', 'yes')
    return goOn(res)
  },
  '/ends-with-number': (res) => orFail(res, () => res.end(123)),
  '/writes-number': (res) => orFail(res, () => res.write(123)),
  '/writes-nonsense': (res) => orFail(res, () => res.write('hello', 'nonsense' as never)),
  '/too-short': (res) => {
    res.strictContentLength = true
    res.setHeader('content-length', '20')
    try {
      res.end('hello')
    } catch {
      res.destroy()
    }
  },
  '/no-status': (res) =>
    orFail(res, () => {
      if (protocol?.startsWith('HTTP')) res.statusCode = 1000
      else res.writeHead(1000)
      res.end('hello')
    }),
}

function orFailStream(stream: ServerHttp2Stream, write: () => unknown): void {
  try {
    write()
  } catch (error) {
    if (!stream.headersSent) stream.respond({ ':status': 500 })
    stream.end((error as NodeJS.ErrnoException).code)
  }
}

const done = { ':status': 200, 'x-done': 'yes' }
const streamHandlers: Record<string, (stream: ServerHttp2Stream) => unknown> = {
  '/status': (stream) => stream.respond({ ...done, ':status': 204 }),
  '/end-stream': (stream) => {
    const headers = { ...done }
    stream.respond(headers, { endStream: true })
    headers['x-done'] = 'no'
  },
  '/head': (stream) => {
    stream.respond(done)
    stream.end()
  },
  '/file': (stream) => stream.respondWithFile(import.meta.filename, done),
  '/fd': (stream) => {
    const fd = openSync(import.meta.filename, 'r')
    stream.respondWithFD(fd, done)
    stream.on('close', () => closeSync(fd))
  },
  '/trailers': (stream) => {
    stream.respond(done, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }))
    stream.end('hello')
  },
  '/finished-trailers': (stream) => {
    stream.respond(done, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }))
    stream.write('hello')
    void finishRequest()
  },
  '/goes-on': (stream) => {
    stream.respond(done)
    return goOn(stream)
  },
  '/ends-with-number': (stream) => orFailStream(stream, () => stream.end(123)),
  '/writes-number': (stream) => orFailStream(stream, () => stream.write(123)),
  '/writes-nonsense': (stream) => orFailStream(stream, () => stream.write('hello', 'nonsense' as never)),
  '/no-status': (stream) => orFailStream(stream, () => stream.respond({ ':status': 1000 })),
}

/** Calls the handler while its job is not stored. */
async function play<T>(handler: ((res: T) => unknown) | undefined, mark: string, res: T): Promise<void> {
  database?.exec('BEGIN')
  Keep.defer(database === undefined ? 'much'.repeat(60_000) : 'little')
  handler?.(res)
  if (database === undefined) return
  tell('held', mark)
  await go(mark)
  database.exec('COMMIT')
}

const server = createServer(protocol)
if (api === 'core') {
  ;(server as Http2Server).on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const path = String(headers[':path'])
    if (path.startsWith('/plain/')) return streamHandlers[path.slice(6)]?.(stream)
    if (path !== '/plain') return play(streamHandlers[path], markOf({ headers }), stream)
    stream.respond()
    stream.end('plain')
  })
} else {
  server.on('request', (req, res) => {
    if (req.url === '/plain') res.end('plain')
    else if (req.url?.startsWith('/plain/')) handlers[req.url.slice(6)]?.(res as ServerResponse)
    else void play(handlers[req.url ?? ''], markOf(req), res as ServerResponse)
  })
}
attach(server)
serve(server)
