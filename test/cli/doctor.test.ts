import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, request, type ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { serve as serveHono } from '@hono/node-server'
import compression from 'compression'
import express from 'express'
import { afterEach, expect, test } from 'vitest'
import { withAfterword } from '../../src/adapters/fetch.ts'
import { attach } from '../../src/adapters/node-http.ts'
import type { Diagnosis } from '../../src/cli/doctor/diagnosis.ts'
import { instance } from '../../src/index.ts'
import { doctor } from '../../src/observe/doctor.ts'
import { cert, key } from '../support/certificate.ts'
import { Command } from '../support/command.ts'
import { Reports } from '../support/reports.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

interface Listening {
  address(): unknown
  close(): unknown
  listen(port: number, host: string, listening: () => void): unknown
  closeAllConnections?(): void
}

async function listen(server: Listening): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections?.()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** An app with a doctor, which Afterword sees. @returns its port */
function app(listener: RequestListener = doctor()): Promise<number> {
  const server = createServer(listener)
  attach(server, instance())
  return listen(server)
}

/** Handles the answer of an app, in a proxy, as it comes. */
type Forward = (answer: IncomingMessage, out: ServerResponse) => void

/** A proxy before some apps, which get its requests in turn. @returns its port */
function proxy(ports: readonly number[], forward: Forward): Promise<number> {
  let next = 0
  const server = createServer((req, res) => {
    const port = ports[next++ % ports.length]
    request({ port, path: req.url, headers: req.headers, agent: false }, (answer) => forward(answer, res)).end()
  })
  return listen(server)
}

/** Hands an answer on when nothing has come for as long as the work takes. */
const untilQuiet: Forward = (answer, out) => {
  const chunks: Buffer[] = []
  const send = () =>
    out.writeHead(answer.statusCode ?? 500, { 'content-type': 'application/json' }).end(Buffer.concat(chunks))
  answer.on('data', (chunk: Buffer) => void chunks.push(chunk))
  // The work of a visit takes 1.5 s. An answer about a result needs no patience.
  answer.on('end', () => (answer.headers['x-visit'] === undefined ? send() : void setTimeout(send, 2000)))
}

interface Examined {
  readonly code: number | null
  readonly diagnoses: readonly Diagnosis[]
}

async function examine(url: string, env: Record<string, string> = {}): Promise<Examined> {
  using _reports = new Reports()
  await using command = new Command(['doctor', url, '--json'], { env })
  const code = await command.exited
  if (command.stdout === '') throw new Error(command.stderr)
  const { diagnoses } = JSON.parse(command.stdout)
  return { code, diagnoses }
}

const arrivalsOf = ({ findings }: Diagnosis) => findings.map(({ arrival }) => arrival)

test('afterword doctor finds that clients of a bare server have the last byte before the work begins', async () => {
  const port = await app()
  const { code, diagnoses } = await examine(`http://127.0.0.1:${port}/`)
  expect(diagnoses.map(arrivalsOf)).toEqual([['before', 'before', 'before']])
  expect(diagnoses[0]).toMatchObject({ protocol: 'HTTP/1.1', faults: [], remarks: [] })
  expect(code).toBe(0)
})

test('afterword doctor finds the same of Express with compression, and tells the encoding', async () => {
  const site = express().use(compression()).get('/doctor', doctor())
  const { code, diagnoses } = await examine(`http://127.0.0.1:${await app(site)}/doctor`)
  expect(diagnoses.map(arrivalsOf)).toEqual([['before', 'before', 'before']])
  expect(diagnoses[0]?.findings[2]?.encoding).toBe('br')
  expect(code).toBe(0)
})

test('afterword doctor examines HTTP/1.1 and HTTP/2 of a server that has both', async () => {
  const server = createSecureServer({ key, cert, allowHTTP1: true }, doctor() as never)
  attach(server, instance())
  const port = await listen(server)
  const { code, diagnoses } = await examine(`https://localhost:${port}/`, { NODE_TLS_REJECT_UNAUTHORIZED: '0' })
  expect(diagnoses.map(({ protocol }) => protocol)).toEqual(['HTTP/1.1', 'HTTP/2'])
  expect(diagnoses.flatMap(arrivalsOf)).toEqual(Array(6).fill('before'))
  expect(code).toBe(0)
})

test('afterword doctor finds a proxy that keeps each response until it is quiet', async () => {
  const handler = doctor()
  const port = await app((req, res) => {
    if (req.url?.includes('visit=')) res.setHeader('x-visit', '1')
    return handler(req, res)
  })
  const { code, diagnoses } = await examine(`http://127.0.0.1:${await proxy([port], untilQuiet)}/`)
  expect(diagnoses.map(arrivalsOf)).toEqual([['after', 'after', 'after']])
  expect(diagnoses[0]?.faults).toEqual([expect.stringContaining('proxy_buffering off')])
  expect(code).toBe(1)
})

test('afterword doctor finds a proxy that keeps only responses without a content-length', async () => {
  const handler = doctor()
  const port = await app((req, res) => {
    if (req.url?.includes('visit=')) res.setHeader('x-visit', '1')
    return handler(req, res)
  })
  const forward: Forward = (answer, out) => {
    if (answer.headers['content-length'] === undefined) return untilQuiet(answer, out)
    out.writeHead(answer.statusCode ?? 500, answer.headers)
    answer.pipe(out)
  }
  const { code, diagnoses } = await examine(`http://127.0.0.1:${await proxy([port], forward)}/`)
  expect(diagnoses.map(arrivalsOf)).toEqual([['before', 'after', 'before']])
  expect(diagnoses[0]?.faults).toEqual([expect.stringContaining('without a content-length')])
  expect(code).toBe(1)
})

test('afterword doctor tells of several processes, and of a proxy that says so', async () => {
  const ports = await Promise.all([app(doctor()), app(doctor()), app(doctor())])
  const forward: Forward = (answer, out) => {
    out.writeHead(answer.statusCode ?? 500, { ...answer.headers, via: '1.1 balancer' })
    answer.pipe(out)
  }
  const { code, diagnoses } = await examine(`http://127.0.0.1:${await proxy(ports, forward)}/`)
  expect(diagnoses.map(arrivalsOf)).toEqual([['before', 'before', 'before']])
  expect(diagnoses[0]?.remarks).toEqual(
    expect.arrayContaining(['A proxy answers: via 1.1 balancer.', '3 processes answer at this URL.']),
  )
  expect(code).toBe(0)
})

test('afterword doctor finds a host that runs the work before the response', async () => {
  const handler = doctor()
  const fetch = withAfterword((request: Request, env: object) => handler(request, env))
  const port = await new Promise<number>((resolve) => {
    const server = serveHono({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(port))
    closing.push(() => server.close())
  })
  const { code, diagnoses } = await examine(`http://127.0.0.1:${port}/`)
  expect(diagnoses.map(arrivalsOf)).toEqual([['after', 'after', 'after']])
  expect(diagnoses[0]?.faults).toEqual([expect.stringContaining('The host runs nothing after a response')])
  expect(code).toBe(1)
})

test('afterword doctor tells that a proxy speaks HTTP/1.0 to the app', async () => {
  const port = await app(doctor({ token: 'secret' }))
  const http10 = createServer((req, res) => {
    const { authorization } = req.headers
    const head = `GET ${req.url} HTTP/1.0\r\nhost: localhost\r\nauthorization: ${authorization}\r\n\r\n`
    const socket = connect(port, '127.0.0.1', () => void socket.write(head))
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk))
    socket.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      res
        .writeHead(Number(text.split(' ', 2)[1]), { connection: 'close' })
        .write(text.slice(text.indexOf('\r\n\r\n') + 4))
      res.end()
    })
  })
  // The proxy shares the thread of the app here: when it learns that the connection has ended is no matter of the test.
  const { diagnoses } = await examine(`http://127.0.0.1:${await listen(http10)}/`, { AFTERWORD_TOKEN: 'secret' })
  expect(diagnoses[0]?.remarks).toEqual([
    expect.stringContaining('The request came to the app in HTTP/1.0'),
    expect.stringContaining('Connections are closed after each response'),
    expect.stringContaining('content-length of a response does not reach'),
  ])
})

test('afterword doctor finds that no adapter sees the requests', async () => {
  const { code, diagnoses } = await examine(`http://127.0.0.1:${await listen(createServer(doctor()))}/`)
  expect(diagnoses[0]?.faults).toEqual([expect.stringContaining('No adapter has opened a scope')])
  expect(code).toBe(1)
})

test('afterword doctor says where there is none, and what is no URL', async () => {
  const port = await listen(createServer((_req, res) => void res.writeHead(404).end('none')))
  await using none = new Command(['doctor', `http://127.0.0.1:${port}/`])
  expect(await none.exited).toBe(1)
  expect(none.stderr).toMatch(/^There is no doctor at that URL \(status 404\)/)
  await using wrong = new Command(['doctor', 'folder'])
  expect(await wrong.exited).toBe(2)
  expect(wrong.stderr).toMatch(/^doctor expects a URL with http:\/\/ or https:\/\/, got "folder"\./)
})

test('doctor() answers no other machine, no proxy and no production without a token; with one, whoever has it', async () => {
  const url = `http://127.0.0.1:${await app()}/`
  expect((await fetch(url)).status).toBe(200)
  expect((await fetch(url, { headers: { 'x-forwarded-for': '192.0.2.1' } })).status).toBe(403)
  expect((await doctor()(new Request(url))).status).toBe(403)
  const guarded = `http://127.0.0.1:${await app(doctor({ token: 'a b c' }))}/`
  expect((await fetch(guarded)).status).toBe(403)
  expect((await fetch(guarded, { headers: { authorization: 'Bearer a b d' } })).status).toBe(403)
  expect((await fetch(guarded, { headers: { authorization: 'Bearer a b c' } })).status).toBe(200)
  await using refused = new Command(['doctor', guarded])
  expect(await refused.exited).toBe(1)
  expect(refused.stderr).toContain('Give it a token')
  const { code } = await examine(guarded, { AFTERWORD_TOKEN: 'a b c' })
  expect(code).toBe(0)
})

test.each(['cross-site', 'same-site'])(
  'doctor() without a token answers no %s page that a browser of this machine shows',
  async (site) => {
    const url = `http://127.0.0.1:${await app()}/?visit=1`
    const asked = request(url, { headers: { 'sec-fetch-site': site } })
    const [answer] = await once(asked.end(), 'response')
    answer.resume()
    expect(answer.statusCode).toBe(403)
  },
)
