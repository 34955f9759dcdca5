import { afterEach, expect, test } from 'vitest'
import { withAfterword } from '../../src/adapters/fetch.ts'
import { provideRequestContext } from '../../src/adapters/web/platform-context.ts'
import { currentTask, defer, finishRequest, instance, onSent, waitUntil } from '../../src/index.ts'
import { flush } from '../../src/testing/index.ts'
import { Reports } from '../support/reports.ts'

// Handlers called as their hosts call them; that of Bun, Deno and Workers themselves is tested by the contract.
afterEach(async () => void (await flush()))
const request = (path = '/page?x=1') => new Request(`http://localhost${path}`)

/** The context that Vercel, Netlify and Workers hand to a handler. */
class Context {
  readonly work: Promise<unknown>[] = []
  waitUntil(work: Promise<unknown>): void {
    this.work.push(work)
  }
}

test('withAfterword() on a host without waitUntil runs the tasks before the response, and status() says so', async () => {
  const seen: unknown[] = []
  const handler = withAfterword(async (_request: Request) => {
    defer(async () => {
      await new Promise(setImmediate)
      seen.push(currentTask()?.request)
      defer(() => seen.push('nested'))
    })
    return new Response('fine', { status: 201 })
  })
  const { before } = instance().status()
  const response = await handler(request())
  const sent = { method: 'GET', path: '/page', status: 201, delivered: true, aborted: false }
  expect(seen).toEqual([sent, 'nested'])
  expect([response.status, await response.text()]).toEqual([201, 'fine'])
  expect(instance().status().before).toBe(before + 1)
})

test('withAfterword() returns a response without tasks as it is, at once', async () => {
  const response = new Response('fine')
  const { before } = instance().status()
  expect(await withAfterword(() => response)(request())).toBe(response)
  expect(instance().status().before).toBe(before)
})

test('withAfterword() rethrows the error of a handler, after its tasks have run with its status', async () => {
  const statuses: unknown[] = []
  const fails = (error: unknown) =>
    withAfterword((_request: Request): Response => {
      defer(() => statuses.push(currentTask()?.request?.status))
      throw error
    })(request())
  await expect(fails(new Error('broken'))).rejects.toThrow('broken')
  await expect(fails(Object.assign(new Error('gone'), { status: 410 }))).rejects.toThrow('gone')
  expect(statuses).toEqual([500, 410])
})

test.each([
  ['Workers and edge functions', (context: Context) => [{ NAME: 'env' }, context]],
  ['Netlify', (context: Context) => [context]],
])('waitUntil() of %s gets the work during the request; tasks run after the response', async (_, extras) => {
  const events: string[] = []
  const context = new Context()
  const handler = withAfterword(async (_request: Request, ..._extras: unknown[]) => {
    defer(() => events.push('task'))
    events.push(`handed over: ${context.work.length}`)
    return new Response('fine')
  })
  const response = await handler(request(), ...extras(context))
  events.push('answered')
  expect(await response.text()).toBe('fine')
  await Promise.all(context.work)
  expect(events).toEqual(['handed over: 1', 'answered', 'task'])
})

test("withAfterword() finds Vercel's waitUntil where @vercel/functions finds it", async () => {
  const symbol = Symbol.for('@vercel/request-context')
  const platform = globalThis as { [symbol]?: { get(): Context } }
  const context = new Context()
  platform[symbol] = { get: () => context }
  const ran: string[] = []
  try {
    await withAfterword((_request: Request) => {
      defer(() => ran.push('task'))
      return new Response('fine')
    })(request())
    expect(context.work).toHaveLength(1)
  } finally {
    delete platform[symbol]
  }
  await Promise.all(context.work)
  expect(ran).toEqual(['task'])
})

test('withAfterword() does not take the context of afterword/auto for a platform', async () => {
  provideRequestContext('@vercel/request-context')
  const ran: string[] = []
  await withAfterword((_request: Request) => {
    defer(() => ran.push('task'))
    return new Response('fine')
  })(request())
  expect(ran).toEqual(['task'])
  Reflect.deleteProperty(globalThis, Symbol.for('@vercel/request-context'))
})

test('withAfterword({ limit }) reports tasks that do not fit into the time by name', async () => {
  using reports = new Reports()
  const context = new Context()
  const signals: (AbortSignal | undefined)[] = []
  const handler = withAfterword(
    (_request: Request, _env: object, _context: Context) => {
      defer(function hangs() {
        signals.push(currentTask()?.signal)
        return new Promise(() => {})
      })
      defer(function never() {})
      return new Response('fine')
    },
    // Far longer than it takes to begin the first task.
    { limit: 500 },
  )
  await handler(request(), {}, context)
  await Promise.all(context.work)
  expect(signals[0]?.aborted).toBe(true)
  expect(reports.codes).toEqual(['AFTERWORD_TASK_TIMED_OUT', 'AFTERWORD_OUT_OF_TIME'])
  expect(reports.all[1]?.error.message).toContain('"never"')
})

test('withAfterword({ limit }) gives up on a retry that would come too late', async () => {
  using reports = new Reports()
  const context = new Context()
  const handler = withAfterword(
    (_request: Request, _context: Context) => {
      defer.with({ retries: 5, backoff: () => 60_000 })(() => Promise.reject(new Error('fails')))
      return new Response('fine')
    },
    { limit: 1000 },
  )
  await handler(request(), context)
  await Promise.all(context.work)
  expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
})

test('finishRequest() before the response is returned throws and says what to do', async () => {
  const handler = withAfterword(async (_request: Request) => {
    const error = await finishRequest().catch((error: unknown) => error)
    return Response.json(error)
  })
  expect(await (await handler(request())).json()).toMatchObject({ code: 'AFTERWORD_RESPONSE_NOT_RETURNED' })
})

test('onSent() and waitUntil() work in a fetch handler', async () => {
  const events: string[] = []
  const context = new Context()
  const handler = withAfterword((_request: Request, _context: Context) => {
    defer(() => events.push('task'))
    onSent(() => events.push('sent'))
    waitUntil(Promise.resolve().then(() => events.push('begun')))
    return new Response('fine')
  })
  await handler(request(), context)
  await Promise.all(context.work)
  expect(events).toEqual(['begun', 'sent', 'task'])
})

test('withAfterword() within withAfterword() leaves the tasks to the outer response', async () => {
  const events: unknown[] = []
  const context = new Context()
  const app = withAfterword(async (request: Request, context: Context) => {
    const { pathname } = new URL(request.url)
    defer(() => events.push([pathname, currentTask()?.request?.path]))
    if (pathname === '/outer') await app(new Request('http://localhost/inner'), context)
    events.push(`${pathname} answers`)
    return new Response('fine')
  })
  await app(request('/outer'), context)
  await Promise.all(context.work)
  expect(events).toEqual(['/inner answers', '/outer answers', ['/outer', '/outer'], ['/inner', '/outer']])
})

test('withAfterword() keeps a small body in one piece, and passes a stream on', async () => {
  const context = new Context()
  const cancelled: unknown[] = []
  const handler = withAfterword((request: Request, _context: Context) => {
    defer(() => cancelled.push(currentTask()?.request?.aborted))
    const headers = { 'set-cookie': 'a=1', 'x-name': 'Ada' }
    if (new URL(request.url).pathname === '/at-once') return new Response('x'.repeat(60_000), { status: 202, headers })
    const stream = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('first')),
      cancel: (reason) => void cancelled.push(reason),
    })
    return new Response(stream, { headers })
  })
  const atOnce = await handler(request('/at-once'), context)
  expect([atOnce.status, atOnce.headers.get('x-name'), atOnce.headers.getSetCookie()]).toEqual([202, 'Ada', ['a=1']])
  expect(await atOnce.text()).toBe('x'.repeat(60_000))
  await Promise.all(context.work)

  const streaming = await handler(request('/streams'), context)
  const reader = streaming.body?.getReader()
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('first')
  await reader?.cancel('the client left')
  await Promise.all(context.work)
  expect(cancelled).toEqual([false, 'the client left', true])
})

test('withAfterword() passes the error of a stream on, and its tasks run', async () => {
  const context = new Context()
  const seen: unknown[] = []
  const handler = withAfterword((_request: Request, _context: Context) => {
    defer(() => seen.push(currentTask()?.request?.delivered))
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise(setImmediate)
          await new Promise(setImmediate)
          controller.error(new Error('broken'))
        },
      }),
    )
  })
  const response = await handler(request(), context)
  await expect(response.text()).rejects.toThrow('broken')
  await Promise.all(context.work)
  expect(seen).toEqual([false])
})

test('withAfterword() keeps the `this` of a handler that is a method', async () => {
  const app = {
    greeting: 'hello',
    fetch: withAfterword(function (this: { greeting: string }, _request: Request) {
      return new Response(this.greeting)
    } as (request: Request) => Response),
  }
  expect(await (await app.fetch(request())).text()).toBe('hello')
})
