import {
  constants,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import '../../../src/adapters/auto.ts'
import { defer, finishRequest } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { go, markOf, note, onePerScope, serve, testify, witness } from '../../support/stage.ts'

// A server written with the core API of `node:http2`. Arguments: the protocol, and `both` to use both APIs on each stream.
type StreamHandler = (stream: ServerHttp2Stream, req: { headers: IncomingHttpHeaders }) => unknown

/** Answers that have their witness before they begin. */
const handlers: Record<string, StreamHandler> = {
  '/plain': (stream) => {
    stream.respond({ ':status': 200 })
    stream.end('hello')
  },
  '/status': (stream) => stream.respond({ ':status': 204 }, { endStream: true }),
  '/head': (stream) => {
    stream.respond({ ':status': 200 })
    stream.end()
  },
  '/file': (stream) => stream.respondWithFile(import.meta.filename),
  '/trailers': (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }))
    stream.end('hello')
  },
  '/hints': async (stream, req) => {
    stream.additionalHeaders({ ':status': 103 })
    await go(markOf(req))
    stream.respond({ ':status': 200 })
    stream.end('hello')
  },
  '/push': (stream) => {
    stream.pushStream({ ':path': '/style.css' }, (_error, push) => {
      push.on('error', () => {})
      push.respond({ ':status': 200 })
      push.end('body {}')
    })
    stream.respond({ ':status': 200 })
    stream.end('hello')
  },
  '/finish-request': async () => {
    const outcomes = await finishRequest()
    note(`outcomes: ${outcomes.map(({ status }) => status)}`)
  },
  '/half': (stream) => {
    stream.respond({ ':status': 200 })
    stream.write('half')
  },
  '/refuses': (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
  '/destroys': (stream) => {
    stream.respond({ ':status': 200 })
    stream.destroy(new Error('given up'))
  },
}

const [protocol, both] = process.argv.slice(2)
const server = createServer(protocol) as Http2Server
server.on('stream', (stream, headers) => {
  // As every such server must: Node emits an error where the stream is broken off.
  stream.on('error', () => {})
  const req = { headers }
  const path = String(headers[':path']).replace(/\?.*/, '')
  if (both) return onePerScope('stream')
  if (path === '/body') return answerWithSize(stream, req)
  if (path === '/writes-in-task') return writeInTask(stream, req)
  witness(req)
  return handlers[path]?.(stream, req)
})
if (both) {
  server.on('request', (req: Http2ServerRequest, res: Http2ServerResponse) => {
    witness(req)
    onePerScope('request')
    res.end('hello')
  })
}
serve(server)

function answerWithSize(stream: ServerHttp2Stream, req: { headers: IncomingHttpHeaders }): void {
  let size = 0
  witness(req, 'stream')
  stream.once('data', () => witness(req, 'data'))
  stream.on('data', (chunk) => (size += chunk.length))
  stream.on('end', () => {
    witness(req, 'end')
    stream.respond({ ':status': 200 })
    stream.end(String(size))
  })
}

function writeInTask(stream: ServerHttp2Stream, req: { headers: IncomingHttpHeaders }): void {
  defer(() => {
    testify('task', markOf(req))
    stream.write('late')
    stream.end('later')
  })
  stream.respond({ ':status': 200 })
  stream.end('hello')
}
