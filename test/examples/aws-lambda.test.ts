import { Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test, vi } from 'vitest'
import { repository } from '../../tools/next-build.ts'

type Handler = (...args: unknown[]) => Promise<{ statusCode: number; body?: string }>

// The handlers are called as Lambda's runtime calls them; what it defines for them is its documented interface.
let example: { streaming: Handler; buffered: Handler }
const events: string[] = []
const context = { getRemainingTimeInMillis: () => 3000 }
const event = (email: string) => ({ body: JSON.stringify({ email }) })
const tasks = ['welcome a@b.c', 'track signup a@b.c']

beforeAll(async () => {
  vi.stubGlobal('awslambda', {
    streamifyResponse: (handler: Handler) => handler,
    HttpResponseStream: {
      from: (stream: Writable, { statusCode }: { statusCode: number }) => {
        events.push(`status ${statusCode}`)
        return stream
      },
    },
  })
  vi.spyOn(console, 'log').mockImplementation((line) => events.push(line))
  example = await import(pathToFileURL(`${repository}examples/aws-lambda/handler.ts`).href)
  return () => vi.unstubAllGlobals()
})

function sink(): Writable {
  return new Writable({
    write(chunk, _encoding, written) {
      events.push(String(chunk))
      written()
    },
  }).on('finish', () => events.push('answered'))
}

test('streaming: the tasks run when the client has its answer', async () => {
  events.length = 0
  await example.streaming(event('a@b.c'), sink(), context)
  expect(events).toEqual(['status 201', '{"email":"a@b.c"}', 'answered', ...tasks])
  events.length = 0
  await example.streaming(event('nobody'), sink(), context)
  expect(events).toEqual(['status 400', 'No e-mail address', 'answered'])
})

test('buffered: the tasks run before the answer', async () => {
  events.length = 0
  expect(await example.buffered(event('a@b.c'), context)).toEqual({ statusCode: 201, body: '{"email":"a@b.c"}' })
  expect(events).toEqual(tasks)
  expect(await example.buffered(event('nobody'), context)).toMatchObject({ statusCode: 400 })
})
