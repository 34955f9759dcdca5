import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { type Answer, mostWaiting } from './answer.ts'
import { type Call, splitUrl } from './call.ts'

/** A request of Node, as a framework may have changed it. */
export type NodeRequest = (IncomingMessage | Http2ServerRequest) & {
  /** The URL as the client has it, where a router has cut off the path at which it is mounted. */
  readonly originalUrl?: string
  /** The body, where the app has a body-parser. */
  readonly body?: unknown
}
export type NodeResponse = ServerResponse | Http2ServerResponse

/** Makes a call of a request of Node. @param request the request for `authorize` @param parsed the body, where the framework has read it */
export function nodeCall(req: NodeRequest, request: unknown = req, parsed: unknown = req.body): Call {
  return {
    ...splitUrl(req.originalUrl ?? req.url ?? '/'),
    method: req.method ?? 'GET',
    peer: req.socket?.remoteAddress,
    httpVersion: req.httpVersion,
    mayEncode: true,
    request,
    header: (name) => {
      // The pseudo-header of HTTP/2.
      const value = req.headers[name] ?? (name === 'host' ? req.headers[':authority'] : undefined)
      return Array.isArray(value) ? value.join(', ') : value
    },
    body: (most) => (parsed === undefined ? readBody(req, most) : Promise.resolve(parsed)),
  }
}

async function readBody(req: NodeRequest, most: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > most) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Sends an answer on a response of Node. */
export function sendNode(res: NodeResponse, { status, headers, body, stream }: Answer, isHead: boolean): void {
  // The types of the two kinds of responses have no call in common.
  const response = res as ServerResponse
  if (response.headersSent || response.destroyed) return
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  response.writeHead(status, { ...headers, ...(stream === undefined && length) })
  if (stream === undefined || isHead) return void response.end(isHead ? undefined : body)
  response.flushHeaders?.()
  const ended = stream({
    write: (text) => {
      if (response.writableEnded || response.destroyed) return false
      response.write(text)
      return response.writableLength <= mostWaiting
    },
    end: () => void response.end(),
    destroy: () => void response.destroy(),
  })
  response.on('error', () => {})
  response.once('close', ended)
}
