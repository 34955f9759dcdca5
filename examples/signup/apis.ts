import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** The time of the slow API, in ms. */
const slowness = 2000

/** Starts an API that takes events; it answers 503 to those that ask for it. */
export function startAnalytics() {
  return listen((req, res) => {
    req.resume().on('end', () => res.writeHead(req.headers['x-please-fail'] === 'yes' ? 503 : 202).end())
  })
}

/** Starts an API that knows which company a domain belongs to, and takes its time to say so. */
export function startCompanies() {
  return listen(async (req, res) => {
    await delay(slowness)
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ company: decodeURIComponent(req.url?.slice(1) ?? '') }))
  })
}

/** A small HTTP server on loopback. */
async function listen(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { url, close }
}
