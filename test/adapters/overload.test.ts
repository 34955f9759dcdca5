import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { attach, type NodeServer } from '../../src/adapters/node-http.ts'
import { Afterword, type AfterwordOptions } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'
import { createServer } from '../support/servers.ts'
import { Turns } from '../support/turns.ts'

interface Answer {
  readonly status: number
  readonly header: unknown
  readonly body: string
}

/** An instance with one task that runs and as many due as are allowed: full until the test lets the first one end. */
async function full(options: AfterwordOptions) {
  const afterword = new Afterword({ maxBacklog: 3, concurrency: 1, ...options })
  const turns = new Turns()
  const ran: string[] = []
  afterword.defer(() => turns.take('running'))
  await turns.taken('running')
  for (let i = 0; i < 3; i++) afterword.defer(() => void ran.push('due'))
  return {
    afterword,
    ran,
    makeRoom: () => turns.end('running'),
    [Symbol.asyncDispose]: () => afterword.close(),
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate)
}

/** A header, a body, and then what must no longer count: Node throws at it, whether the response is held or has left. */
function listener(defer: () => void): RequestListener {
  return (_req, res) => {
    defer()
    res.setHeader('x-kept', 'yes')
    res.on('error', () => {})
    res.end('kept')
    res.statusCode = 500
    expect(() => res.setHeader('x-kept', 'no')).toThrow()
    res.end('lost')
  }
}

const servers: Record<string, (defer: () => void) => NodeServer> = {
  'HTTP/1.1': (defer) => createServer('HTTP/1.1', listener(defer)),
  'HTTP/1.1, in pieces': (defer) =>
    createServer('HTTP/1.1', (_req, res) => {
      defer()
      res.setHeader('x-kept', 'yes')
      res.write('ke')
      res.end('pt')
    }),
  'HTTP/2, compatibility API': (defer) => createServer('h2c', listener(defer)),
  'HTTP/2, core API': (defer) =>
    http2.createServer().on('stream', (stream) => {
      defer()
      stream.respond({ ':status': 200, 'x-kept': 'yes' })
      stream.end('kept')
    }),
}

async function ask(server: NodeServer, title: string): Promise<{ answer: Promise<Answer>; leave: () => void }> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  if (title.startsWith('HTTP/1')) {
    const leaving = new AbortController()
    const answer = fetch(origin, { signal: leaving.signal }).then(async (response) => ({
      status: response.status,
      header: response.headers.get('x-kept'),
      body: await response.text(),
    }))
    return { answer, leave: () => leaving.abort() }
  }
  const session = http2.connect(origin)
  const stream = session.request().setEncoding('utf8')
  const answer = (async () => {
    const [headers] = await once(stream, 'response')
    const body = (await stream.toArray()).join('')
    session.close()
    return { status: headers[':status'], header: headers['x-kept'], body }
  })()
  return { answer, leave: () => session.destroy() }
}

describe.each(Object.entries(servers))('past maxBacklog, %s', (title, create) => {
  it("overload: 'hold' lets a response leave when there is room, as its handler has ended it", async () => {
    await using site = await full({})
    const { afterword, ran, makeRoom } = site
    using reports = new Reports()
    const server = create(() => afterword.defer(() => void ran.push('task')))
    attach(server, afterword)
    const { answer } = await ask(server, title)
    void answer.then(() => ran.push('answered'))
    await until(() => afterword.status().held === 1)
    expect(ran).toEqual([])
    makeRoom()
    expect(await answer).toEqual({ status: 200, header: 'yes', body: 'kept' })
    await afterword.drain()
    expect(ran[0]).toBe('due')
    expect(ran.toSorted()).toEqual(['answered', 'due', 'due', 'due', 'task'])
    expect(afterword.status().held).toBe(0)
    expect(reports.codes.filter((code) => code !== 'AFTERWORD_LATE_WRITE')).toEqual([])
    server.close()
  })

  it("overload: 'before' runs the tasks of the request before its response", async () => {
    await using site = await full({ overload: 'before' })
    const { afterword, ran, makeRoom } = site
    using _reports = new Reports()
    const server = create(() => {
      afterword.defer(async () => void ran.push(`task, delivered: ${afterword.currentTask()?.request?.delivered}`))
      afterword.defer(() => void ran.push('second task'))
    })
    attach(server, afterword)
    const { answer } = await ask(server, title)
    expect(await answer).toEqual({ status: 200, header: 'yes', body: 'kept' })
    expect(ran).toEqual(['task, delivered: true', 'second task'])
    expect(afterword.status()).toMatchObject({ before: 1, inFlight: 0 })
    makeRoom()
    await afterword.drain()
    server.close()
  })

  it("overload: 'hold' lets other responses leave when the client of a held one disconnects", async () => {
    await using site = await full({})
    const { afterword, ran, makeRoom } = site
    using _reports = new Reports()
    let requests = 0
    const server = create(() => {
      const number = ++requests
      afterword.defer(() => void ran.push(`task ${number}`))
    })
    attach(server, afterword)
    const first = await ask(server, title)
    first.answer.catch(() => {})
    await until(() => afterword.status().held === 1)
    const second = await ask(server, title)
    await until(() => afterword.status().held === 2)
    first.leave()
    await until(() => afterword.status().inFlight === 1)
    makeRoom()
    expect((await second.answer).body).toBe('kept')
    await afterword.drain()
    expect(ran.sort()).toEqual(['due', 'due', 'due', 'task 1', 'task 2'])
    server.close()
  })
})

describe('past maxBacklog', () => {
  it("overload: 'reject' lets defer() throw an error that Express answers with 503", async () => {
    await using site = await full({ overload: 'reject' })
    const { afterword, makeRoom } = site
    const app = express()
    app.get('/', (_req, res) => {
      afterword.defer(() => {})
      res.send('fine')
    })
    const server = createServer('HTTP/1.1', app)
    attach(server, afterword)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
    makeRoom()
    await afterword.drain()
    server.close()
  })

  it('defer() past twice maxBacklog throws under any policy', async () => {
    await using site = await full({})
    const { afterword, makeRoom } = site
    for (let i = 0; i < 3; i++) afterword.defer(() => {})
    expect(() => afterword.defer(() => {})).toThrow('6 tasks are waiting, of 6 at most')
    makeRoom()
    await afterword.drain()
  })

  it('a response without tasks is never held', async () => {
    await using site = await full({})
    const { afterword, makeRoom } = site
    const server = createServer('HTTP/1.1', (_req, res) => void res.end('free'))
    attach(server, afterword)
    const { answer } = await ask(server, 'HTTP/1.1')
    expect((await answer).body).toBe('free')
    makeRoom()
    await afterword.drain()
    server.close()
  })
})
