import { PassThrough, Writable } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { withAfterword } from '../../src/adapters/aws-lambda.ts'
import { currentTask, defer, finishRequest, instance } from '../../src/index.ts'
import { flush } from '../../src/testing/index.ts'
import { Reports } from '../support/reports.ts'

// Handlers called as Lambda's runtime calls them, with the event of a function URL (payload format 2.0).
afterEach(async () => void (await flush()))
const event = { rawPath: '/signup', requestContext: { http: { method: 'POST' } } }
const context = (left = 10_000) => ({ getRemainingTimeInMillis: () => left })

test('withAfterword() without response streaming runs the tasks before the answer', async () => {
  const seen: unknown[] = []
  const handler = withAfterword(async (_event: typeof event, _context: ReturnType<typeof context>) => {
    defer(() => seen.push(currentTask()?.request))
    return { statusCode: 201, body: 'welcome' }
  })
  const { before } = instance().status()
  expect(await handler(event, context())).toEqual({ statusCode: 201, body: 'welcome' })
  expect(seen).toEqual([{ method: 'POST', path: '/signup', status: 201, delivered: true, aborted: false }])
  expect(instance().status().before).toBe(before + 1)
})

test('withAfterword() with response streaming runs the tasks when the stream has ended, within the invocation', async () => {
  const events: string[] = []
  const stream = new PassThrough()
  stream.on('finish', () => events.push('answered')).resume()
  const handler = withAfterword(
    async (_event: typeof event, responseStream: Writable, _context: ReturnType<typeof context>) => {
      defer(async () => {
        await new Promise(setImmediate)
        events.push('task')
      })
      responseStream.end('welcome')
    },
  )
  const { before } = instance().status()
  await handler(event, stream, context())
  expect(events).toEqual(['answered', 'task'])
  expect(instance().status().before).toBe(before)
})

test('withAfterword() runs the tasks of a client that has gone', async () => {
  const seen: unknown[] = []
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('reset')) })
  stream.on('error', () => {})
  const handler = withAfterword(
    async (_event: typeof event, responseStream: Writable, _context: ReturnType<typeof context>) => {
      defer(() => seen.push(currentTask()?.request?.aborted))
      responseStream.end('welcome')
    },
  )
  await handler(event, stream, context())
  expect(seen).toEqual([true])
})

test('withAfterword() takes a handler that throws, and one without tasks', async () => {
  const seen: unknown[] = []
  const handler = withAfterword(async (_event: typeof event, _context: ReturnType<typeof context>) => {
    defer(() => seen.push(currentTask()?.request?.status))
    throw new Error('broken')
  })
  await expect(handler(event, context())).rejects.toThrow('broken')
  expect(seen).toEqual([500])
  expect(await withAfterword(async (_event: object, _context: ReturnType<typeof context>) => 7)({}, context())).toBe(7)
})

test('withAfterword() reports tasks that do not fit into the invocation; finishRequest() says what to do', async () => {
  using reports = new Reports()
  const handler = withAfterword(async (_event: typeof event, _context: ReturnType<typeof context>) => {
    defer(() => new Promise(() => {}))
    defer(() => {})
    return finishRequest().catch(({ code }) => code)
  })
  // Without what the host needs at the end: half a second, far longer than it takes to begin the first task.
  expect(await handler(event, context(1000))).toBe('AFTERWORD_RESPONSE_NOT_RETURNED')
  expect(reports.codes).toEqual(['AFTERWORD_TASK_TIMED_OUT', 'AFTERWORD_OUT_OF_TIME'])
})

test.each([
  ['a REST API, payload format 1.0', { path: '/v1', httpMethod: 'PUT', requestContext: {} }, 'PUT', '/v1'],
  ['a load balancer', { path: '/elb', httpMethod: 'DELETE', requestContext: { elb: {} } }, 'DELETE', '/elb'],
  ['a schedule, without a request context', { source: 'aws.events', requestContext: null }, 'GET', '/'],
  ['a test without an event', null, 'GET', '/'],
])('withAfterword() takes the event of %s, and a handler that is a method', async (_, event, method, path) => {
  const seen: unknown[] = []
  const app = {
    status: 202,
    handler: withAfterword(async function (this: { status: number }, _event: unknown, _context: unknown) {
      defer(() => seen.push(currentTask()?.request))
      return { statusCode: this.status }
    } as never),
  }
  expect(await app.handler(event as never, undefined as never)).toEqual({ statusCode: 202 })
  expect(seen).toEqual([{ method, path, status: 202, delivered: true, aborted: false }])
})
