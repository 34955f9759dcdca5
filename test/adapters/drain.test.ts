import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { attach } from '../../src/adapters/node-http.ts'
import { configure, defer, instance } from '../../src/index.ts'
import { createClient } from '../support/client.ts'
import { Marks } from '../support/mark.ts'
import { protocols } from '../support/protocols.ts'
import { createServer } from '../support/servers.ts'

configure({ signals: false })

// A test in the server's own process that reads, after the answer, what a task has written: the answer comes first, so
// it has to wait for the task, and `drain` is how. It sees tasks from the moment of `defer`, also before the response
// was sent, so that there is no gap between the answer and the wait.
test.each(protocols)('drain() lets a test see the effects of a task: %s', async (protocol) => {
  const written: string[] = []
  const server = createServer(protocol, (req, res) => {
    const url = String(req.url)
    defer(async () => {
      await null
      written.push(url)
    })
    res.end('hello')
  })
  attach(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  using marks = new Marks()
  const client = createClient(protocol, (server.address() as AddressInfo).port, marks)
  for (let i = 0; i < 20; i++) {
    await client.visit(`/${i}`).answer
    const { left } = await instance().drain()
    expect({ left, last: written.at(-1), count: written.length }).toEqual({ left: [], last: `/${i}`, count: i + 1 })
  }
  client.close()
  server.close()
  await once(server, 'close')
})
