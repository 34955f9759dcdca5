import { once } from 'node:events'
import { defer, finishRequest } from '../../../src/index.ts'
import { go, markOf, note, tell, witness } from '../../support/stage.ts'
import type { Handlers } from './handlers.ts'

const chunk = 'x'.repeat(64 * 1024)

/** Handlers that answer in full, each in its way. */
export const answers: Handlers = {
  '/plain': (req, res) => {
    witness(req)
    res.end('hello')
  },
  '/large': (req, res) => {
    witness(req)
    res.end(chunk.repeat(32))
  },
  '/status': (req, res) => {
    witness(req)
    res.statusCode = Number(req.headers['x-status'])
    res.end()
  },
  '/deferred-last': (req, res) => {
    res.end('hello')
    witness(req)
  },
  '/notes': (_req, res) => {
    defer(note, 'task')
    res.end('hello')
  },
  '/three': (req, res) => {
    witness(req, 'first')
    res.end('hello')
    witness(req, 'second')
    witness(req, 'third')
  },
  '/awaits': async (req, res) => {
    const mark = markOf(req)
    tell('waiting', mark)
    await go(mark)
    witness(req)
    res.end('hello')
  },
  '/hints': async (req, res) => {
    witness(req)
    res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
    await go(markOf(req))
    res.end('hello')
  },
  '/stream': async (req, res) => {
    witness(req)
    res.write('begin ')
    await go(markOf(req))
    for (let i = 0; i < 32; i++) if (!res.write(chunk)) await once(res, 'drain')
    res.end(' end')
  },
  '/trailers': (req, res) => {
    witness(req)
    res.setHeader('Trailer', 'X-Sum')
    res.write('hello')
    res.addTrailers({ 'X-Sum': '42' })
    res.end()
  },
  '/end-twice': (req, res) => {
    witness(req)
    res.end('once')
    res.end()
    res.end()
  },
  '/write-after-end': (req, res) => {
    // Node's own answer to it. Without a listener it ends the process, on any server.
    res.on('error', () => {})
    witness(req)
    res.end('once')
    res.write('twice')
  },
  '/body': (req, res) => {
    let size = 0
    witness(req, 'handler')
    req.once('data', () => witness(req, 'data'))
    req.on('data', (chunk) => (size += chunk.length))
    req.on('end', () => {
      witness(req, 'end')
      res.end(String(size))
    })
  },
  '/body-readable': (req, res) => {
    let size = 0
    req.on('readable', () => {
      for (let chunk = req.read(); chunk !== null; chunk = req.read()) size += chunk.length
    })
    req.on('end', () => {
      witness(req)
      res.end(String(size))
    })
  },
  '/body-iterated': async (req, res) => {
    let size = 0
    for await (const chunk of req) size += chunk.length
    witness(req)
    res.end(String(size))
  },
  '/too-short': (req, res) => {
    witness(req)
    res.setHeader('content-length', '20')
    res.end('0123456789')
  },
  '/too-long': (req, res) => {
    witness(req)
    res.setHeader('content-length', '5')
    res.end('0123456789')
  },
  '/strict': (req, res) => {
    witness(req)
    res.strictContentLength = true
    res.setHeader('content-length', '20')
    try {
      res.end('0123456789')
    } catch {
      // The headers are out.
      res.destroy()
    }
  },
  '/finish-request': async (req, res) => {
    witness(req)
    res.write('hello')
    const outcomes = await finishRequest()
    note(`outcomes: ${outcomes.map(({ status }) => status)}`)
  },
}
