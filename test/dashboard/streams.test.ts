import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { sendNode } from '../../src/adapters/handler/node-exchange.ts'
import { eventStream } from '../../src/dashboard/answers.ts'
import { dashboard } from '../../src/dashboard/dashboard.ts'
import { Streams } from '../../src/dashboard/streams.ts'
import { Afterword, instance } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { EventStream } from './event-stream.ts'

afterAll(() => instance().close())

test('the stream of a page that reads nothing is broken off: its memory is free, and the others go on', async () => {
  await using afterword = new Afterword()
  const streams = new Streams(afterword, () => {})
  const opened: ServerResponse[] = []
  await using site = await serve(afterword, (_req, res) => {
    opened.push(res)
    sendNode(
      res,
      eventStream((output) => streams.add(output, [])),
      false,
    )
  })
  const { port } = new URL(site.url)
  const socket = connect(Number(port), '127.0.0.1')
    .pause()
    .on('error', () => {})
  using _socket = { [Symbol.dispose]: () => socket.destroy() }
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await expect.poll(() => streams.size, { timeout: 60_000 }).toBe(1)
  const [slow] = opened as [ServerResponse]
  const closed = once(slow, 'close')
  await using reader = await EventStream.open(site.url)
  const requests = [{ path: 'x'.repeat(2 ** 18) }] as never
  while (streams.size > 1) {
    streams.send('requests', requests)
    await reader.next('requests')
  }
  await closed
  expect([slow.destroyed, slow.writableFinished]).toEqual([true, false])
  streams.send('requests', requests)
  expect(await reader.next('requests')).toEqual(requests)
  await streams.stop()
})

test('a hundred pages can be open at once; one more is refused until one was closed', async () => {
  await using site = await serve(instance(), dashboard())
  const url = `${site.url}/events`
  await using stack = new AsyncDisposableStack()
  const pages: EventStream[] = []
  for (let page = 0; page < 100; page++) pages.push(stack.use(await EventStream.open(url)))
  const refused = await fetch(url)
  expect([refused.status, await refused.json()]).toEqual([
    503,
    { message: 'Too many pages are open, or the process ends.' },
  ])
  await pages[0]?.[Symbol.asyncDispose]()
  await expect
    .poll(
      async () => {
        const { response } = stack.use(await EventStream.open(url))
        return response.status
      },
      { timeout: 60_000 },
    )
    .toBe(200)
})
