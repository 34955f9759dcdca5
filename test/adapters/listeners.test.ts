import { once } from 'node:events'
import { Server } from 'node:http'
import { expect, test } from 'vitest'
import { attach, type NodeServer } from '../../src/adapters/node-http.ts'
import { protocols } from '../support/protocols.ts'
import { createServer } from '../support/servers.ts'

async function counts(server: NodeServer): Promise<Record<string, number>> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const counted = Object.fromEntries(server.eventNames().map((name) => [name, server.listenerCount(name as 'close')]))
  server.close()
  await once(server, 'close')
  return counted
}

test.each(protocols)('a server gets no listeners that others could count or remove: %s', async (protocol) => {
  const server = createServer(protocol)
  attach(server)
  expect(await counts(server)).toEqual(await counts(createServer(protocol)))
})

test('nor from afterword/auto', async () => {
  const plain = await counts(new Server())
  await import('../../src/adapters/auto.ts')
  expect(await counts(new Server())).toEqual(plain)
})
