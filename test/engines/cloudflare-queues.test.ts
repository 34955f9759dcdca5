import { fileURLToPath } from 'node:url'
import { Miniflare, type WorkerOptions } from 'miniflare'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../support/worker.ts'
import { AtOnce } from './room.ts'

const program = fileURLToPath(new URL('programs/queue-worker.ts', import.meta.url))

interface Event {
  readonly type: string
  readonly name: string
  readonly args: unknown[]
  readonly id: string
  readonly attempt: number
  readonly bodies: Record<string, unknown>[]
  readonly reports: string[]
  readonly body: unknown
}

type Answer = string | undefined | Promise<string | undefined>

let script: string
let deadScript: string
beforeAll(async () => {
  script = await bundle(program, 'worker')
  deadScript = `export default { async queue(batch, env) {
    for (const { body, attempts } of batch.messages)
      await env.TEST.fetch('http://test', { method: 'POST', body: JSON.stringify({ type: 'dead', body, attempts }) })
  } }`
})

interface SiteOptions {
  readonly bindings?: Record<string, unknown>
  readonly consumer?: { maxBatchSize?: number; maxRetries?: number; deadLetterQueue?: string }
  /** Further Workers. */
  readonly more?: WorkerOptions[]
  /** The Worker that consumes the dead letters. */
  readonly deadTo?: 'app'
}

/** A Worker in `workerd` with its queues, and the events that it tells. */
class Site implements AsyncDisposable {
  readonly events: Event[] = []
  answer: (event: Event) => Answer = () => undefined
  readonly #miniflare: Miniflare
  #listeners: (() => void)[] = []

  constructor({ bindings = {}, consumer = {}, more = [], deadTo }: SiteOptions = {}) {
    const TEST = async (request: { json(): Promise<unknown> }) => {
      const event = (await request.json()) as Event
      this.events.push(event)
      for (const listener of this.#listeners) listener()
      return new Response((await this.answer(event)) ?? '') as never
    }
    const common = {
      modules: true,
      compatibilityDate: '2026-07-01',
      compatibilityFlags: ['nodejs_compat'],
      serviceBindings: { TEST },
      queueProducers: { JOBS: 'jobs', DEAD: 'dead' },
    }
    const worker = { ...common, name: 'app', script, bindings }
    const dead = { maxBatchTimeout: 0 }
    const jobs = { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 10, ...consumer }
    this.#miniflare = new Miniflare({
      handleRuntimeStdio: () => {},
      workers: [
        { ...worker, queueConsumers: { jobs, ...(deadTo && { dead }) } },
        { ...common, name: 'dead', script: deadScript, queueConsumers: deadTo ? {} : { dead } },
        ...more.map((other) => ({ ...common, ...other })),
      ],
    } as ConstructorParameters<typeof Miniflare>[0])
  }

  async get(path: string, options: { worker?: string; signal?: AbortSignal } = {}) {
    const { worker, ...init } = options
    const { origin } = await this.#miniflare.ready
    const answer = await (worker === undefined
      ? fetch(new URL(path, origin), init)
      : ((await this.#miniflare.getWorker(worker)) as unknown as { fetch: typeof fetch }).fetch(
          `http://${worker}${path}`,
        ))
    return { status: answer.status, text: await answer.text(), retryAfter: answer.headers.get('retry-after') }
  }

  /** Sends messages that nobody has made with a job. */
  async send(...bodies: unknown[]): Promise<void> {
    const queue = await this.#miniflare.getQueueProducer('JOBS')
    await queue.sendBatch(bodies.map((body) => ({ body, contentType: 'json' })))
  }

  runs(): Event[] {
    return this.events.filter(({ type }) => type === 'ran')
  }

  /** Resolves with the first events of a type, once there are so many. */
  async seen(type: string, count = 1): Promise<Event[]> {
    for (;;) {
      const found = this.events.filter((event) => event.type === type)
      if (found.length >= count) return found.slice(0, count)
      await new Promise<void>((resolve) => this.#listeners.push(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#miniflare.dispose()
  }
}

test('a response leaves when the queue has its jobs, sent in one batch, and they run in the consumer', async () => {
  await using site = new Site()
  const gate = Promise.withResolvers<string>()
  site.answer = ({ type }) => (type === 'batch' ? gate.promise : undefined)
  let isAnswered = false
  const answer = site.get('/defer?count=3&what=a').then((answer) => {
    isAnswered = true
    return answer
  })
  const [batch] = await site.seen('batch')
  // Requests that come later are answered meanwhile: nothing of one waits for another.
  expect((await site.get('/status')).status).toBe(200)
  expect(isAnswered).toBe(false)
  gate.resolve('')
  expect(await answer).toMatchObject({ status: 200, text: 'answered' })
  const runs = await site.seen('ran', 3)
  expect(runs.map(({ args }) => args).sort()).toEqual([0, 1, 2].map((n) => ['a', n]))
  expect(runs.map(({ id }) => id).sort()).toEqual(batch?.bodies.map(({ id }) => id).sort())
  expect(site.events.filter(({ type }) => type === 'batch')).toHaveLength(1)
})

test('a queue that takes no batch within holdTimeout makes the response a 503 with Retry-After, and dispatch() reject', async () => {
  await using site = new Site({ bindings: { HOLD: 300 } })
  site.answer = ({ type }) => (type === 'batch' ? 'refuse' : undefined)
  expect(await site.get('/defer')).toMatchObject({ status: 503, retryAfter: '1' })
  expect(await site.get('/dispatch')).toMatchObject({ status: 503, retryAfter: '1' })
  const { engineAway, sending } = JSON.parse((await site.get('/status')).text)
  expect({ isAway: engineAway > 0, sending }).toEqual({ isAway: true, sending: 0 })
  site.answer = () => undefined
  expect(await site.get('/defer?what=later')).toMatchObject({ status: 200 })
  const [ran] = await site.seen('ran')
  expect(ran?.args).toEqual(['later', 0])
  expect(ran?.reports).toEqual(['AFTERWORD_ENGINE_AWAY', 'AFTERWORD_ENGINE_REFUSED', 'AFTERWORD_ENGINE_REFUSED'])
})

test('a batch that the queue does not take at once is sent again, and the response waits', async () => {
  await using site = new Site()
  let batches = 0
  site.answer = ({ type }) => (type === 'batch' && ++batches < 3 ? 'refuse' : undefined)
  expect(await site.get('/defer')).toMatchObject({ status: 200 })
  await site.seen('ran')
  expect(batches).toBe(3)
})

test('250 jobs of one request are three batches, and five large ones are two', async () => {
  await using site = new Site()
  expect(await site.get('/defer?count=250')).toMatchObject({ status: 200 })
  const batches = () => site.events.filter(({ type }) => type === 'batch')
  const sizes = () =>
    batches()
      .map(({ bodies }) => bodies.length)
      .sort((a, b) => b - a)
  expect(sizes()).toEqual([100, 100, 50])
  const args = (await site.seen('ran', 250)).map(({ args }) => args[1])
  expect(new Set(args).size).toBe(250)
  expect(await site.get('/large?count=60000&what=5')).toMatchObject({ status: 200 })
  expect(sizes()).toEqual([100, 100, 50, 4, 1])
})

test('a call that no message has room for is refused at the call', async () => {
  await using site = new Site()
  const { status, text } = await site.get('/large?count=130000')
  expect(status).toBe(400)
  expect(JSON.parse(text)).toMatchObject({ code: 'AFTERWORD_PAYLOAD_TOO_LARGE' })
  expect(text).toContain('what a message of Cloudflare Queues has room for (125000)')
  expect(await site.get('/large?count=120000')).toMatchObject({ status: 200 })
  await site.seen('ran')
})

test('cancel() of a deferred call takes it back before the response ends: nothing is sent', async () => {
  await using site = new Site()
  expect(await site.get('/cancel')).toMatchObject({ text: 'true' })
  await site.get('/dispatch?what=after')
  expect((await site.seen('ran')).map(({ args }) => args[0])).toEqual(['after'])
  expect(site.events.filter(({ type }) => type === 'batch')).toHaveLength(1)
})

describe('the consumer', () => {
  test('one message fails, is tried again and counts its attempts; the others of its batch run once', async () => {
    await using site = new Site()
    site.answer = ({ type, args, attempt }) => (type === 'ran' && args[1] === 1 && attempt < 3 ? 'fail' : undefined)
    await site.get('/dispatch?count=3&what=a')
    const runs = (await site.seen('ran', 5)).map(({ args, attempt }) => [args[1], attempt])
    expect(runs.sort()).toEqual([
      [0, 1],
      [1, 1],
      [1, 2],
      [1, 3],
      [2, 1],
    ])
  })

  test('a call that has failed for good becomes a dead letter, with its last error and its attempts', async () => {
    await using site = new Site()
    site.answer = ({ type, args }) => (type === 'ran' ? String(args[0]) : undefined)
    await site.get('/dispatch?what=fail')
    await site.get('/dispatch?what=never')
    const dead = (await site.seen('dead', 2)).map((event) => event.body)
    expect(dead).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          job: 'send',
          attempt: 3,
          reason: 'failed',
          error: expect.stringContaining('Error: no'),
        }),
        expect.objectContaining({ job: 'send', attempt: 1, reason: 'failed' }),
      ]),
    )
    expect((await site.seen('ran', 4)).map(({ attempt }) => attempt).sort()).toEqual([1, 1, 2, 3])
  })

  test('a delayed call runs when it is due', async () => {
    await using site = new Site()
    const called = Date.now()
    await site.get('/delay?count=1500')
    await site.seen('ran')
    expect(Date.now() - called).toBeGreaterThanOrEqual(1500)
  })

  test('no more calls of a job run at once than its concurrency, nor than the worker has', async () => {
    await using site = new Site({ bindings: { WORKER: { concurrency: 3 } }, consumer: { maxBatchSize: 20 } })
    const atOnce: Record<string, AtOnce> = { limited: new AtOnce(2), send: new AtOnce(3) }
    site.answer = async ({ type, name }) => {
      if (type === 'ran') await atOnce[name]?.run()
      return undefined
    }
    await site.get('/limited?count=10')
    await site.seen('ran', 10)
    await site.get('/dispatch?count=10')
    await site.seen('ran', 20)
    expect([atOnce.limited?.most, atOnce.send?.most]).toEqual([2, 3])
  })

  test('what a run defers, dispatches and begins has ended or is in the queue when the batch is over', async () => {
    await using site = new Site()
    site.answer = ({ type, args }) => (type === 'ran' && args[0] === 'root' ? 'defers' : undefined)
    await site.get('/dispatch?what=root')
    const runs = await site.seen('ran', 5)
    expect(runs.map(({ args }) => args[0]).sort()).toEqual([
      'deferred',
      'dispatched',
      'in memory',
      'root',
      'waited for',
    ])
  })

  test('a run whose calls the queue does not take is delivered again', async () => {
    await using site = new Site({ bindings: { HOLD: 200 } })
    let roots = 0
    site.answer = ({ type, args, bodies }) => {
      if (type === 'ran' && args[0] === 'root') return ++roots === 1 ? 'defers' : undefined
      const isNested = type === 'batch' && bodies.some(({ args }) => String(args).includes('deferred'))
      return isNested ? 'refuse' : undefined
    }
    await site.get('/dispatch?what=root')
    const isRoot = ({ type, args }: Event) => type === 'ran' && args[0] === 'root'
    await expect.poll(() => site.events.filter(isRoot).length, { timeout: 60_000 }).toBe(2)
    expect(new Set(site.events.filter(isRoot).map(({ id, attempt }) => `${id} ${attempt}`)).size).toBe(1)
  })

  test('a run that the end of its invocation cuts short has timed out; what has not begun is handed back uncounted', async () => {
    await using site = new Site({ bindings: { LIMIT: 1000, WORKER: { concurrency: 1 } } })
    let isFirst = true
    site.answer = ({ type }) => {
      if (type !== 'ran' || !isFirst) return undefined
      isFirst = false
      return 'hang'
    }
    await site.get('/dispatch?count=2&what=a')
    const runs = (await site.seen('ran', 3)).map(({ args, attempt }) => [args[1], attempt])
    expect(runs[0]?.[1]).toBe(1)
    expect(runs.sort()).toEqual(
      runs[0]?.[0] === 0
        ? [
            [0, 1],
            [0, 2],
            [1, 1],
          ]
        : [
            [0, 1],
            [1, 1],
            [1, 2],
          ],
    )
  })

  test('a call of a newer release waits for a consumer that knows its version', async () => {
    const newer = { name: 'newer', script, bindings: { NEWER: true } } as WorkerOptions
    await using site = new Site({ more: [newer] })
    await site.get('/mail?what=ada', { worker: 'newer' })
    // The second try tells that the first one has come to nothing.
    await expect
      .poll(() => site.events.filter(({ type, bodies }) => type === 'batch' && Number(bodies[0]?.waits) >= 2).length, {
        timeout: 60_000,
      })
      .toBeGreaterThan(0)
    await site.get('/newer')
    const [ran] = await site.seen('ran')
    expect(ran).toMatchObject({
      args: ['ada', 2],
      attempt: 1,
      reports: ['AFTERWORD_UNKNOWN_JOB', 'AFTERWORD_DUPLICATE_JOB'],
    })
  })

  test('a batch whose consumer has ended comes again and counts no attempt; after five times its call is a dead letter', async () => {
    await using site = new Site()
    site.answer = ({ type }) => (type === 'end' ? 'crash' : undefined)
    await site.get('/dispatch?what=a')
    const [dead] = await site.seen('dead')
    expect(site.runs().map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1])
    expect(dead?.body).toMatchObject({
      reason: 'failed',
      attempt: 0,
      error: expect.stringContaining('was running 5 times in a row'),
    })
  })

  test('a call becomes a dead letter by max_retries too, as it is', async () => {
    await using site = new Site({ consumer: { maxRetries: 1, deadLetterQueue: 'dead' } })
    site.answer = ({ type }) => (type === 'end' ? 'crash' : undefined)
    await site.get('/dispatch?what=a')
    const [dead] = await site.seen('dead')
    expect(dead?.body).toEqual({
      id: site.runs()[0]?.id,
      job: 'send',
      version: 1,
      args: expect.any(String),
      attempt: 0,
    })
  })

  test('a dead letter that the consumer is given runs again, its attempts forgotten', async () => {
    await using site = new Site({ deadTo: 'app' })
    let runs = 0
    site.answer = ({ type }) => (type === 'ran' && ++runs === 1 ? 'never' : undefined)
    await site.get('/dispatch?what=a')
    const [first, second] = await site.seen('ran', 2)
    expect(second).toMatchObject({ id: first?.id, attempt: 1, args: ['a', 0] })
  })

  test('a message that is no call becomes a dead letter as it is, and holds no other one up', async () => {
    await using site = new Site()
    await site.send({ hello: 'you' }, 'text', { id: 'a', job: 'send', args: 'broken', version: 1, attempt: 0 })
    await site.get('/dispatch?what=a')
    const [ran] = await site.seen('ran')
    const dead = (await site.seen('dead', 3)).map(({ body }) => body)
    expect(dead).toEqual(
      expect.arrayContaining([
        { reason: 'unreadable', failedAt: expect.any(Number), message: { hello: 'you' } },
        { reason: 'unreadable', failedAt: expect.any(Number), message: 'text' },
        expect.objectContaining({ id: 'a', reason: 'failed', error: expect.stringContaining('is not valid JSON') }),
      ]),
    )
    expect(ran?.args).toEqual(['a', 0])
  })
})

test('two requests at once send a batch each, and one whose client leaves holds no other one up', async () => {
  await using site = new Site()
  const held = Promise.withResolvers<string>()
  site.answer = ({ type, bodies }) =>
    type === 'batch' && String(bodies[0]?.args).includes('slow') ? held.promise : undefined
  const leaving = new AbortController()
  const [left, stays] = [site.get('/defer?what=slow', { signal: leaving.signal }), site.get('/defer?what=slow')]
  left.catch(() => {})
  await site.seen('batch', 2)
  expect(await site.get('/defer?what=fast')).toMatchObject({ status: 200 })
  leaving.abort()
  await expect(left).rejects.toThrow()
  expect(await site.get('/dispatch?what=fast')).toMatchObject({ status: 200 })
  held.resolve('')
  expect(await stays).toMatchObject({ status: 200 })
  expect((await site.seen('batch', 4)).map(({ bodies }) => bodies.length)).toEqual([1, 1, 1, 1])
  await expect
    .poll(() => site.runs().map(({ args }) => args[0]), { timeout: 60_000 })
    .toEqual(expect.arrayContaining(['slow', 'fast', 'fast']))
})

test('a job with an option that the queue has no counterpart of is refused when it is defined', async () => {
  await using site = new Site()
  for (const [option, value] of Object.entries({ key: 'k', rate: { runs: 1, per: 1 }, when: 'success' })) {
    const query = `what=other-${option}&option=${option}&value=${encodeURIComponent(JSON.stringify(value))}`
    const { text } = await site.get(`/define?${query}`)
    expect(text).toContain(
      `The job \\"other-${option}\\" has the option ${option}, which Cloudflare Queues has no counterpart of.`,
    )
  }
})
