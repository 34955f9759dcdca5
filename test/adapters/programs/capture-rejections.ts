import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer as createHttp } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import { attach } from '../../../src/adapters/node-http.ts'
import { configure, job } from '../../../src/index.ts'
import { serve } from '../../support/stage.ts'

// A server whose listeners are asynchronous and fail, which `captureRejections` answers. Arguments: the protocol, `both` (of the APIs of
// HTTP/2), and the folder of a journal or `plain`.
const [protocol, api, folder = 'plain'] = process.argv.slice(2)
if (folder !== 'plain') configure({ journal: folder })
const Keep = job('keep', () => {})
const keep = () => void (folder !== 'plain' && Keep.defer())
// The servers of Node take no option for that.
EventEmitter.captureRejections = true

interface Target {
  write(text: string): unknown
  end(text: string): unknown
}

async function play(url: string | undefined, target: Target): Promise<void> {
  keep()
  if (url === '/after-write') target.write('hel')
  if (url === '/after-end') target.end('hello')
  throw new Error('of an asynchronous listener')
}

const server = protocol === 'HTTP/1.1' ? createHttp() : createHttp2()
if (api === 'both') {
  // One of them answers, the other one looks on.
  server.on('stream', async (stream, headers) => {
    stream.on('error', () => {})
    if (headers[':path']?.startsWith('/stream')) {
      stream.respond({ ':status': 201 })
      await play(headers[':path'].slice('/stream'.length), stream)
    } else keep()
  })
}
server.on('request', async (req: { url?: string }, res: ServerResponse) => {
  res.on('error', () => {})
  if (req.url?.startsWith('/stream')) keep()
  else await play(req.url, res)
})
if (folder !== 'plain') attach(server)
serve(server)
