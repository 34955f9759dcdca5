import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createClient } from '../support/client.ts'
import { Marks } from '../support/mark.ts'
import { type Host, hosts, http1Hosts } from '../support/protocols.ts'
import { Wire } from '../support/wire.ts'
import { App } from './app.ts'

const file = fileURLToPath(new URL('programs/connections.ts', import.meta.url))

function start(kind: string, { protocol, node }: Host, entry: string): Promise<App> {
  const command = (node: string) => [node, '--disable-warning=ExperimentalWarning', file, kind, protocol, entry]
  return App.start({ node, command })
}

const fronts = [
  ...hosts.map((host) => ({ ...host, entry: 'auto' })),
  ...http1Hosts.filter(({ node }) => node === 24).map((host) => ({ ...host, entry: 'express' })),
]

describe.each(fronts)(
  'a server that gets its connections from another one, $protocol, $entry, on Node $node',
  (host) => {
    test('SIGTERM waits for a task, not for a connection that is kept alive', async () => {
      await using app = await start('front', host, host.entry)
      using marks = new Marks()
      const client = createClient(host.protocol, app.port, marks)
      expect((await client.visit('/').answer).body.toString()).toBe('ok')
      // The task knows the status: it began when the response was sent.
      await app.visited('held mail 200')
      app.kill('SIGTERM')
      await app.printed(/stopping/)
      app.gate.release()
      expect(await app.exited).toBe(0)
      expect(app.gate.visits).toEqual(['held mail 200', 'held mail 200 ended'])
      client.close()
    })

    test('SIGTERM waits for a request in flight', async () => {
      await using app = await start('front', host, host.entry)
      using marks = new Marks()
      const client = createClient(host.protocol, app.port, marks)
      const { answer } = client.visit('/slow')
      await app.visited('held answer')
      app.kill('SIGTERM')
      await app.printed(/stopping/)
      app.gate.release()
      expect((await answer).body.toString()).toBe('ok')
      expect(await app.exited).toBe(0)
      expect(app.gate.visits).toContain('slow ran')
      client.close()
    })
  },
)

describe.each(http1Hosts)('an upgraded connection, $protocol on Node $node', (host) => {
  test('SIGTERM does not wait for it, but for a request in flight beside it', async () => {
    await using app = await start('upgrade', host, 'auto')
    const wire = new Wire(host.protocol, app.port)
    wire.write('GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    await wire.until('\r\n\r\n')
    using marks = new Marks()
    const client = createClient(host.protocol, app.port, marks)
    const { answer } = client.visit('/slow')
    await app.visited('held answer')
    app.kill('SIGTERM')
    await app.printed(/stopping/)
    wire.write('still here')
    await wire.until('still here')
    app.gate.release()
    expect((await answer).body.toString()).toBe('ok')
    expect(await app.exited).toBe(0)
    expect(app.gate.visits).toContain('slow ran')
    client.close()
  })
})

describe.each(['express', 'fastify'])('a route for WebSockets, %s', (framework) => {
  const routes = fileURLToPath(new URL('programs/websocket-routes.ts', import.meta.url))

  test('its tasks run at once, outside any request, and SIGTERM does not wait for the socket', async () => {
    const command = (node: string) => [node, '--disable-warning=ExperimentalWarning', routes, framework]
    await using app = await App.start({ command })
    const socket = new WebSocket(`ws://127.0.0.1:${app.port}/room`)
    await once(socket, 'open')
    await app.visited('joined of undefined')
    socket.send('hello')
    await once(socket, 'message')
    await app.visited('message of undefined')
    app.kill('SIGTERM')
    expect(await app.exited).toBe(0)
    expect(app.stderr).toBe('')
  })
})
