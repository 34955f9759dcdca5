import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { Afterword, type CurrentTask, type Outcome, type SentResponse } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'

describe('defer() order', () => {
  it('runs the tasks of a scope one after another, scopes side by side', async () => {
    await using afterword = new Afterword()
    const log: string[] = []
    const bothBegan = Promise.withResolvers<void>()
    let begun = 0
    await using site = await serve(afterword, (req, res) => {
      const name = req.url?.slice(1)
      afterword.defer(async () => {
        log.push(`${name} 1 begins`)
        if (++begun === 2) bothBegan.resolve()
        await bothBegan.promise
        log.push(`${name} 1 ends`)
      })
      afterword.defer(() => void log.push(`${name} 2`))
      res.end()
    })
    await Promise.all([site.get('/a'), site.get('/b')])
    await afterword.drain()
    for (const name of ['a', 'b']) {
      expect(log.filter((line) => line.startsWith(name))).toEqual([`${name} 1 begins`, `${name} 1 ends`, `${name} 2`])
    }
  })

  it('lets no more scopes wait for promises than concurrency allows', async () => {
    await using afterword = new Afterword({ concurrency: 3 })
    let running = 0
    let most = 0
    for (let i = 0; i < 20; i++) {
      afterword.defer(async () => {
        most = Math.max(most, ++running)
        await new Promise(setImmediate)
        running--
      })
    }
    const report = await afterword.drain()
    expect(report).toEqual({ done: 20, failed: 0, left: [] })
    expect(most).toBe(3)
  })

  it('gives each scope its turn: a long one does not keep a short one waiting', async () => {
    await using afterword = new Afterword({ concurrency: 1, turnBudget: 1000 })
    const log: string[] = []
    const free = Promise.withResolvers<void>()
    afterword.defer(() => free.promise)
    await using site = await serve(afterword, (req, res) => {
      const name = req.url as string
      for (let i = 0; i < (name === '/long' ? 100 : 1); i++) afterword.defer(() => void log.push(name))
      // When this runs the response was sent, and the scope stands in the lane.
      afterword.onSent(() => void (name === '/short' && setImmediate(free.resolve)))
      res.end()
    })
    await site.get('/long')
    await site.get('/short')
    await afterword.drain()
    expect(log).toHaveLength(101)
    expect(log.indexOf('/short')).toBe(1)
  })
})

describe('defer.with({ name })', () => {
  it('lets the last task of a name win, in one scope', async () => {
    await using afterword = new Afterword()
    const ran: string[] = []
    const firsts: Promise<Outcome>[] = []
    await using site = await serve(afterword, (req, res) => {
      const save = afterword.defer.with({ name: 'save' })
      firsts.push(save(() => void ran.push(`${req.url} first`)).outcome)
      afterword.defer(() => void ran.push(`${req.url} unnamed`))
      save(() => void ran.push(`${req.url} last`))
      res.end()
    })
    await site.get('/a')
    await site.get('/b')
    await afterword.drain()
    expect(ran).toEqual(['/a unnamed', '/a last', '/b unnamed', '/b last'])
    expect(await Promise.all(firsts)).toEqual(Array(2).fill({ status: 'cancelled', reason: 'replaced' }))
  })

  it('does not let two calls of one job replace each other', async () => {
    await using afterword = new Afterword()
    const sent: string[] = []
    const Send = afterword.job('send', (to: string) => void sent.push(to))
    await using site = await serve(afterword, (_req, res) => {
      Send.defer('a')
      Send.defer('b')
      res.end()
    })
    await site.get()
    await afterword.drain()
    expect(sent).toEqual(['a', 'b'])
  })
})

describe('defer.with({ when })', () => {
  const answers: Record<string, number> = { '/ok': 200, '/moved': 301, '/missing': 404, '/broken': 500 }

  it("runs 'success' tasks after a status below 400 only, others always", async () => {
    await using afterword = new Afterword()
    const ran: string[] = []
    const seen: SentResponse[] = []
    await using site = await serve(afterword, (req, res) => {
      const url = req.url as string
      afterword.defer.with({ when: 'success' })(() => void ran.push(`success ${url}`))
      afterword.defer.with({ when: (sent) => seen.push(sent) > 0 && sent.status === 404 })(
        () => void ran.push(`404 ${url}`),
      )
      afterword.defer(() => void ran.push(`always ${url}`))
      res.statusCode = answers[url] as number
      res.end()
    })
    for (const path of Object.keys(answers)) {
      await fetch(site.url + path, { redirect: 'manual' })
      await afterword.drain()
    }
    expect(ran).toEqual([
      'success /ok',
      'always /ok',
      'success /moved',
      'always /moved',
      '404 /missing',
      'always /missing',
      'always /broken',
    ])
    expect(seen[2]).toEqual({ method: 'GET', path: '/missing', status: 404, delivered: true, aborted: false })
    expect(afterword.status()).toMatchObject({ done: 7, cancelled: 5 })
  })

  it('runs outside a request for any when', async () => {
    await using afterword = new Afterword()
    expect(await afterword.defer.with({ when: 'success' })(() => 'ran').outcome).toEqual({
      status: 'done',
      value: 'ran',
    })
  })
})

describe('cancel()', () => {
  it('keeps a waiting task from running, not one that has begun', async () => {
    await using afterword = new Afterword()
    const ran: string[] = []
    const results = Promise.withResolvers<unknown>()
    await using site = await serve(afterword, (_req, res) => {
      const running = afterword.defer(async () => {
        ran.push('running')
        results.resolve({ again: waiting.cancel(), running: running.cancel(), outcome: await waiting.outcome })
      })
      const waiting = afterword.defer(() => void ran.push('waiting'))
      expect(waiting.cancel()).toBe(true)
      res.end()
    })
    await site.get()
    expect(await results.promise).toEqual({
      again: false,
      running: false,
      outcome: { status: 'cancelled', reason: 'cancel' },
    })
    expect(await afterword.drain()).toMatchObject({ left: [] })
    expect(ran).toEqual(['running'])
    expect(afterword.status()).toMatchObject({ backlog: 0, running: 0, inFlight: 0, done: 1, cancelled: 1 })
  })
})

describe('defer.with({ now })', () => {
  it('runs while the response is still open', async () => {
    await using afterword = new Afterword()
    await using site = await serve(afterword, (_req, res) => {
      res.write('open, ')
      afterword.defer.with({ now: true })(() => res.end('and the task ends it'))
    })
    expect(await site.get()).toBe('open, and the task ends it')
  })
})

describe('onSent()', () => {
  it('runs ahead of every backlog and outside the limits', async () => {
    await using afterword = new Afterword({ concurrency: 1 })
    const log: string[] = []
    const released = Promise.withResolvers<void>()
    afterword.defer(() => released.promise)
    await using site = await serve(afterword, (_req, res) => {
      afterword.defer(() => void log.push('task'))
      afterword.onSent(() => {
        log.push('sent')
        released.resolve()
      })
      res.end()
    })
    await site.get()
    await afterword.drain()
    expect(log).toEqual(['sent', 'task'])
  })

  it('leaves tasks that a callback defers in their place: one after another', async () => {
    await using afterword = new Afterword()
    const log: string[] = []
    await using site = await serve(afterword, (_req, res) => {
      afterword.defer(async () => {
        log.push('first begins')
        for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
        log.push('first ends')
      })
      afterword.defer(() => void log.push('second'))
      afterword.onSent(() => void afterword.defer(() => void log.push('third')))
      res.end()
    })
    await site.get()
    await afterword.drain()
    expect(log).toEqual(['first begins', 'first ends', 'second', 'third'])
  })

  it('runs at once when the response was sent before, and outside a request', async () => {
    await using afterword = new Afterword()
    const log: string[] = []
    const wentOn = Promise.withResolvers<void>()
    await using site = await serve(afterword, async (_req, res) => {
      res.end()
      await afterword.finishRequest()
      afterword.onSent(() => void log.push('after the response'))
      wentOn.resolve()
    })
    await site.get()
    await wentOn.promise
    await afterword.drain()
    afterword.onSent(() => void log.push('outside'))
    await afterword.drain()
    expect(log).toEqual(['after the response', 'outside'])
  })
})

describe('currentTask()', () => {
  it('tells the task of itself, across awaits, and no other code', async () => {
    await using afterword = new Afterword()
    const seen: (CurrentTask | undefined)[] = []
    const ids: string[] = []
    await using site = await serve(afterword, (_req, res) => {
      seen.push(afterword.currentTask())
      for (const name of ['first', 'second']) {
        const deferred = afterword.defer.with({ name })(async () => {
          await null
          await new Promise(setImmediate)
          seen.push(afterword.currentTask())
        })
        ids.push(deferred.id)
      }
      res.statusCode = 201
      res.end()
    })
    await site.get('/path?secret=1')
    await afterword.drain()
    expect(seen[0]).toBeUndefined()
    expect(seen.slice(1).map((task) => [task?.id, task?.name, task?.attempt])).toEqual([
      [ids[0], 'first', 1],
      [ids[1], 'second', 1],
    ])
    const request = { method: 'GET', path: '/path', status: 201, delivered: true, aborted: false }
    expect(seen.slice(1).map((task) => task?.request)).toEqual([request, request])
    expect(afterword.currentTask()).toBeUndefined()
  })
})

describe('the async context of a task', () => {
  it("keeps the caller's AsyncLocalStorage stores, after nested defers too", async () => {
    await using afterword = new Afterword()
    const user = new AsyncLocalStorage<string>()
    const seen: string[] = []
    const see = (what: string) => void seen.push(`${what} ${user.getStore()}`)
    await using site = await serve(afterword, (req, res) => {
      user.run(`of ${req.url}`, () => {
        afterword.defer(async () => {
          see('task')
          await null
          see('task, later')
          user.run(`inside ${req.url}`, () => afterword.defer(see, 'nested'))
        })
        afterword.onSent(() => see('onSent'))
      })
      afterword.defer(see, 'without')
      res.end()
    })
    await site.get('/1')
    await afterword.drain()
    await site.get('/2')
    await afterword.drain()
    const expected = (path: string) => [
      `onSent of ${path}`,
      `task of ${path}`,
      `task, later of ${path}`,
      'without undefined',
      `nested inside ${path}`,
    ]
    expect(seen).toEqual([...expected('/1'), ...expected('/2')])
  })

  it('does not leak into timers of the scheduler', async () => {
    await using afterword = new Afterword()
    const user = new AsyncLocalStorage<object>()
    const store = await (async () => {
      const store = { large: new Array(1000).fill(0) }
      await user.run(store, () => afterword.defer(async () => await new Promise(setImmediate)).outcome)
      return new WeakRef(store)
    })()
    await collected(store, () => afterword.defer(() => {}).outcome)
  })

  it('lets go of function, arguments and context when the task has ended, although the handle is kept', async () => {
    await using afterword = new Afterword()
    const [deferred, argument] = (() => {
      const argument = { large: new Array(1000).fill(0) }
      return [afterword.defer((value: object) => Object.keys(value), argument), new WeakRef(argument)] as const
    })()
    expect(await deferred.outcome).toEqual({ status: 'done', value: ['large'] })
    await collected(argument, () => new Promise(setImmediate))
    expect(deferred.id).toBeTypeOf('string')
  })

  /** Resolves when nothing holds on to the object any more; `goOn` keeps the scheduler at work meanwhile. */
  async function collected(reference: WeakRef<object>, goOn: () => Promise<unknown>): Promise<void> {
    while (reference.deref() !== undefined) {
      await goOn()
      await new Promise(setImmediate)
      globalThis.gc?.()
    }
  }
})

describe('waitUntil()', () => {
  it('takes begun work into drain() and the reports', async () => {
    await using afterword = new Afterword()
    const work = Promise.withResolvers<void>()
    await using site = await serve(afterword, (_req, res) => {
      afterword.waitUntil(work.promise)
      res.end('answered')
    })
    expect(await site.get()).toBe('answered')
    expect(afterword.status()).toMatchObject({ running: 1, backlog: 0 })
    expect((await afterword.drain({ timeout: 0 })).left).toMatchObject([{ name: 'waitUntil', kept: false }])
    work.resolve()
    expect(await afterword.drain()).toEqual({ done: 1, failed: 0, left: [] })
  })
})

describe('the backlog', () => {
  it('refuses more than maxBacklog with an error that web frameworks answer with 503', async () => {
    await using afterword = new Afterword({ maxBacklog: 2, overload: 'reject' })
    const ran: number[] = []
    const push = (n: number) => void ran.push(n)
    afterword.defer(push, 1)
    afterword.defer(push, 2)
    expect(() => afterword.defer(push, 3)).toThrow(
      expect.objectContaining({
        code: 'AFTERWORD_OVERLOADED',
        status: 503,
        statusCode: 503,
        headers: { 'retry-after': '1' },
      }),
    )
    await afterword.drain()
    afterword.defer(push, 4)
    await afterword.drain()
    expect(ran).toEqual([1, 2, 4])
  })

  it('tells its numbers in status()', async () => {
    await using afterword = new Afterword()
    const work = Promise.withResolvers<void>()
    afterword.defer(() => work.promise)
    afterword.defer(() => {})
    expect(afterword.status()).toMatchObject({ inFlight: 0, backlog: 2, running: 0, done: 0 })
    while (afterword.status().done === 0) await new Promise(setImmediate)
    expect(afterword.status()).toMatchObject({ running: 1, backlog: 0, done: 1 })
    expect(afterword.status().oldestAge).toBe(0)
    work.resolve()
    await afterword.drain()
    expect(afterword.status()).toEqual({
      inFlight: 0,
      unsent: 0,
      backlog: 0,
      running: 0,
      retrying: 0,
      delayed: 0,
      oldestAge: 0,
      tasks: [],
      held: 0,
      heldForRecords: 0,
      journalLag: 0,
      slowest: [],
      ending: false,
      paused: [],
      before: 0,
      done: 2,
      failed: 0,
      timedOut: 0,
      cancelled: 0,
      sending: 0,
      oldestSending: 0,
      journalOpen: true,
      engineReached: true,
      engineAway: 0,
    })
  })
})
