import { H3 } from 'h3'
import { Hono } from 'hono'
import { withAfterword } from '../../../src/adapters/fetch.ts'
import { afterword as forH3 } from '../../../src/adapters/h3.ts'
import { afterword as forHono } from '../../../src/adapters/hono.ts'
import { defer } from '../../../src/index.ts'

// Answers with bodies of every kind, on Bun or Deno. Arguments: what serves them; whether a task is deferred; the path of an HTML file.
const [way = 'fetch', defers = '', html = ''] = process.argv.slice(2)

const { Bun, Deno } = globalThis as {
  Bun?: { serve(options: object): { port: number }; file(path: string): Blob }
  Deno?: { serve(options: object, fetch: unknown): { addr: { port: number } } }
}
const large = 300_000

function form(): FormData {
  const data = new FormData()
  data.set('name', 'Ada')
  return data
}

const chunks = (...texts: string[]) =>
  new ReadableStream({
    start(controller) {
      for (const text of texts) controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    },
  })

const answers: Record<string, () => Response> = {
  '/text': () => new Response('hello'),
  '/large-text': () => new Response('é'.repeat(large)),
  '/typed-text': () =>
    new Response('{}', { status: 201, headers: { 'content-type': 'application/x', 'x-own': 'yes' } }),
  '/empty-text': () => new Response(''),
  '/nothing': () => new Response(null, { status: 204 }),
  '/json': () => Response.json({ name: 'Ada' }),
  '/bytes': () => new Response(new Uint8Array([1, 2, 255])),
  '/large-bytes': () => new Response(new Uint8Array(large).fill(255)),
  '/blob': () => new Response(new Blob(['PNG'], { type: 'image/png' })),
  '/large-blob': () => new Response(new Blob(['x'.repeat(large)], { type: 'image/png' })),
  '/form': () => new Response(form()),
  '/parameters': () => new Response(new URLSearchParams({ name: 'Ada' })),
  '/stream': () => new Response(chunks('first', 'second')),
  '/file': () => new Response(Bun?.file(html) ?? 'no files here'),
}

function answer(path: string): Response {
  if (defers === 'defers') defer(() => {})
  return (answers[path] as () => Response)()
}

const pathOf = (request: Request) => new URL(request.url).pathname

function handlerOf(): (request: Request) => unknown {
  if (way === 'hono') {
    const app = new Hono()
    app.use(forHono())
    app.get('/text', (c) => {
      answer('/text')
      return c.text('hello')
    })
    app.get('*', (c) => answer(c.req.path))
    return (request) => app.fetch(request)
  }
  if (way === 'h3') {
    const app = new H3({ silent: true })
    app.use(forH3())
    app.get('/text', () => {
      answer('/text')
      return 'hello'
    })
    app.get('/**', (event) => answer(event.url.pathname))
    return (request) => app.fetch(request)
  }
  return withAfterword(async (request: Request) => answer(pathOf(request)))
}

const fetch = handlerOf()
if (Bun !== undefined) console.log(`listening ${Bun.serve({ port: 0, fetch }).port} ${Object.keys(answers).join(' ')}`)
if (Deno !== undefined)
  console.log(`listening ${Deno.serve({ port: 0, onListen() {} }, fetch).addr.port} ${Object.keys(answers).join(' ')}`)
