import { createServer as createHttp, type RequestListener } from 'node:http'
import { createServer as createHttp2, createSecureServer } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import type { NodeServer } from '../../src/adapters/node-http.ts'
import { cert, key } from './certificate.ts'
import type { Protocol } from './protocols.ts'

/** A server of that protocol. */
export function createServer(protocol: string | undefined, listener?: RequestListener): NodeServer {
  switch (protocol as Protocol) {
    case 'HTTP/1.1':
      return createHttp(listener)
    case 'HTTPS':
      return createHttps({ key, cert }, listener)
    case 'h2c':
      return createHttp2(listener as never)
    case 'h2':
      return createSecureServer({ key, cert }, listener as never)
  }
}
