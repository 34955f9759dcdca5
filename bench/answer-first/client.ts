import { get as getHttp, Agent as HttpAgent, type IncomingMessage } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { get as getHttps, Agent as HttpsAgent } from 'node:https'
import { cert as ca } from '../../test/support/certificate.ts'
import { answer } from '../program.ts'
import type { Protocol, Series, Times } from './protocol.ts'

/** Gets a path and resolves at the last byte. All requests of a client share one connection. */
type Get = (path: string) => Promise<void>

function createGet(protocol: Protocol, port: number): Get {
  switch (protocol) {
    case 'HTTP/1.1': {
      const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 })
      return (path) => read((listen) => getHttp({ host: '127.0.0.1', port, path, agent }, listen))
    }
    case 'HTTPS': {
      const agent = new HttpsAgent({ keepAlive: true, maxSockets: 1, ca })
      return (path) => read((listen) => getHttps({ host: '127.0.0.1', port, path, agent }, listen))
    }
    case 'h2c':
      return getFrom(connect(`http://127.0.0.1:${port}`))
    case 'h2':
      return getFrom(connect(`https://127.0.0.1:${port}`, { ca }))
  }
}

function read(get: (listen: (res: IncomingMessage) => void) => { on(event: 'error', fail: (e: Error) => void): void }) {
  return new Promise<void>((resolve, reject) => {
    get((res) => res.on('end', resolve).resume()).on('error', reject)
  })
}

function getFrom(session: ClientHttp2Session): Get {
  return (path) =>
    new Promise((resolve, reject) => session.request({ ':path': path }).on('end', resolve).on('error', reject).resume())
}

async function time(get: Get, path: string): Promise<number> {
  const start = performance.now()
  await get(path)
  const elapsed = performance.now() - start
  await get('/ready')
  return elapsed
}

answer<Series, Times>(async ({ protocol, port, way, requests }) => {
  const get = createGet(protocol, port)
  for (let i = 0; i < 3; i++) await time(get, '/without')
  const times = { with: [] as number[], without: [] as number[] }
  for (let i = 0; i < requests; i++) {
    times.with.push(await time(get, `/${way}`))
    times.without.push(await time(get, '/without'))
  }
  return times
})
