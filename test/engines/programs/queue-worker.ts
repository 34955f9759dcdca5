import { env } from 'cloudflare:workers'
import { withAfterword } from '../../../src/adapters/fetch.ts'
import { cloudflareQueues, type Queue } from '../../../src/engines/cloudflare-queues.ts'
import { configure, currentTask, defer, instance, job, Retry, subscribe, waitUntil } from '../../../src/index.ts'

// A Worker whose every step asks the test: what its jobs do, and whether its queue takes a batch.

/** Tells the test of an event. @returns what the test says to that */
async function ask(event: object): Promise<string> {
  const answer = await env.TEST.fetch('http://test', { method: 'POST', body: JSON.stringify(event) })
  return answer.text()
}

/** The queue, which asks before it takes a batch. */
const queue = {
  async sendBatch(messages: Iterable<{ body: unknown }>) {
    const bodies = [...messages].map(({ body }) => body)
    const answer = await ask({ type: 'batch', bodies })
    if (answer === 'refuse') throw new Error('Too Many Requests')
    return env.JOBS.sendBatch(messages)
  },
} satisfies Queue

const afterword = configure({
  engine: cloudflareQueues({ queue, deadLetterQueue: env.DEAD, ...(env.LIMIT && { limit: env.LIMIT }) }),
  holdTimeout: env.HOLD ?? 10_000,
  ...(env.WORKER && { worker: env.WORKER }),
})
subscribe('report', ({ error }) => reports.push(error.code))
let reports: string[] = []

async function handle(type: string, args: unknown[]): Promise<void> {
  const { id, attempt, name } = currentTask() ?? {}
  const told = reports
  reports = []
  const answer = await ask({ type, name, args, id, attempt, reports: told })
  switch (answer) {
    case 'fail':
      throw new Error('no')
    case 'soon':
      throw Retry.after(1)
    case 'never':
      throw Retry.never('no')
    case 'hang':
      return new Promise((_, reject) => {
        currentTask()?.signal.addEventListener('abort', () => reject(new Error('aborted')))
      })
    case 'defers':
      Send.defer('deferred')
      defer(() => handle('ran', ['in memory']))
      void Send.dispatch('dispatched')
      return waitUntil(new Promise((resolve) => setTimeout(resolve, 100)).then(() => handle('ran', ['waited for'])))
  }
}

const Send = job('send', (...args: unknown[]) => handle('ran', args), { retries: 2, backoff: 0 })
const Limited = job('limited', (...args: unknown[]) => handle('ran', args), { concurrency: 2 })
let Mail = job('mail', (to: string) => handle('ran', [to, 1]))
const newer = () =>
  (Mail = job('mail', (to: string) => handle('ran', [to, 2]), { version: 2, upgrade: (args: [string]) => args }))
if (env.NEWER) newer()

async function route(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url)
  const count = Number(searchParams.get('count') ?? 1)
  const what = searchParams.get('what') ?? ''
  const all = Array.from({ length: count }, (_, n) => n)
  switch (pathname) {
    case '/defer':
      for (const n of all) Send.defer(what, n)
      break
    case '/dispatch':
      return Response.json(await Promise.all(all.map((n) => Send.dispatch(what, n))))
    case '/limited':
      await Promise.all(all.map((n) => Limited.dispatch(n)))
      break
    case '/delay':
      await Send.with({ delay: count }).dispatch(what)
      break
    case '/large':
      for (let left = Number(what || 1); left > 0; left--) Send.defer('x'.repeat(count))
      break
    case '/cancel':
      return Response.json(Send.defer(what).cancel())
    case '/mail':
      await Mail.dispatch(what)
      break
    case '/newer':
      newer()
      break
    case '/define':
      job(what, () => {}, { [searchParams.get('option') ?? '']: JSON.parse(searchParams.get('value') ?? '') })
      break
    case '/status':
      return Response.json(instance().status())
  }
  return new Response('answered')
}

export const worker = {
  fetch: withAfterword(async (request: Request) => {
    try {
      return await route(request)
    } catch (error) {
      const { code, message } = error as { code: string; message: string }
      return Response.json({ code, message }, { status: code === 'AFTERWORD_ENGINE_REFUSED' ? 503 : 400 })
    }
  }),
  async queue(batch: object, _env: unknown, context: object) {
    await afterword.queue(batch, _env, context)
    // The queue hears nothing of an invocation that ends like this, as of one whose isolate has died.
    if ((await ask({ type: 'end' })) === 'crash') throw new Error('The consumer has ended')
  },
}
