import { waitUntil } from '@vercel/functions'
import { defer } from 'afterword'
import { revalidatePath } from 'next/cache'
import { cookies, headers } from 'next/headers'
import { notFound, redirect } from 'next/navigation'
import { after } from 'next/server'
import { Keep, outside } from '../../../jobs.ts'
import { go, markOf, note, testify } from '../../../stage.ts'

const encoder = new TextEncoder()

const cases: Record<string, (mark: string, request: Request) => Response | Promise<Response>> = {
  defer: () => new Response('deferred'),
  addressed(mark, request) {
    // As a callback of a connection that was opened when the process started.
    outside(() => {
      defer(note, 'elsewhere')
      defer.in(request)(testify, 'addressed', mark)
    })
    return new Response('addressed')
  },
  proxied() {
    defer.with({ name: 'one per scope' })(note, 'route')
    return new Response('proxied')
  },
  after(mark) {
    after(() => {
      testify('first', mark)
      after(() => testify('nested', mark))
      defer(testify, 'deferred', mark)
    })
    after(() => testify('second', mark))
    return new Response('after')
  },
  promise(mark) {
    after(go(mark).then(() => note('promise')))
    after(Promise.reject(new Error('in a promise')))
    return new Response('promise')
  },
  failing(mark) {
    after(() => {
      throw new Error('in after')
    })
    after(() => testify('next', mark))
    return new Response('failing')
  },
  'vercel-functions'(mark) {
    waitUntil(go(mark).then(() => note('waitUntil')))
    waitUntil(Promise.reject(new Error('in waitUntil')))
    return new Response('waitUntil')
  },
  stream(mark) {
    after(() => testify('after', mark))
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(encoder.encode('first '))
        await go(mark)
        controller.enqueue(encoder.encode('last'))
        controller.close()
      },
    })
    return new Response(body)
  },
  endless(mark) {
    after(() => testify('after', mark))
    return new Response(new ReadableStream({ start: (controller) => controller.enqueue(encoder.encode('first ')) }))
  },
  'request-data'() {
    after(async () => note(`${(await cookies()).get('name')?.value}, ${(await headers()).get('x-from')}`))
    return new Response('data')
  },
  revalidates() {
    after(() => revalidatePath('/cached'))
    return new Response('revalidates')
  },
  async plain(mark) {
    await go(mark)
    return new Response('plain')
  },
  async waits(mark) {
    after(() => note('after'))
    await go(mark)
    return new Response('waited')
  },
  'waits-after'(mark) {
    after(async () => {
      await go(mark)
      note('after')
    })
    return new Response('not yet')
  },
  throws() {
    throw new Error('in a handler')
  },
  keeps() {
    Keep.defer('little')
    return new Response('kept')
  },
  'can-not-keep'() {
    Keep.defer('much'.repeat(60_000))
    return new Response('kept')
  },
  'can-not-keep-stream'() {
    Keep.defer('much'.repeat(60_000))
    return new Response(new Blob(['kept']).stream())
  },
  'not-found': () => notFound(),
  redirect: () => redirect('/t/defer'),
}

export async function GET(request: Request, { params }: { params: Promise<{ what: string }> }): Promise<Response> {
  const { what } = await params
  const mark = markOf(request.headers)
  if (what !== 'plain') defer(testify, 'route', mark)
  return cases[what]?.(mark, request) ?? new Response(null, { status: 400 })
}
