import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword, type AfterwordOptions, type JobOptions, subscribe } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'
import { Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-key-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const places: Record<string, () => AfterwordOptions> = {
  'in a journal': () => ({ journal: folder }),
  'in a database of the app': () => ({ journal: { database: new DatabaseSync(join(folder, 'app.db')) } }),
  'in memory': () => ({}),
}
const duplicate = { status: 'cancelled', reason: 'duplicate' }

/** A job whose runs end when they are told to. */
function gate(afterword: Afterword, name = 'gate', options: JobOptions<[what: string]> = {}) {
  const runs: string[] = []
  const begun = new Map<string, PromiseWithResolvers<void>>()
  const ends = new Map<string, PromiseWithResolvers<void>>()
  const failing = new Set<string>()
  const of = (map: typeof ends, what: string) => {
    const known = map.get(what) ?? Promise.withResolvers<void>()
    map.set(what, known)
    return known
  }
  const job = afterword.job(
    name,
    async (what: string) => {
      runs.push(what)
      of(begun, what).resolve()
      await of(ends, what).promise
      if (failing.has(what)) throw new Error('no luck')
    },
    options,
  )
  return {
    job,
    runs,
    begun: (what: string) => of(begun, what).promise,
    end: (what: string) => of(ends, what).resolve(),
    fail: (what: string) => {
      failing.add(what)
      of(ends, what).resolve()
    },
  }
}

describe.each(Object.keys(places))('the option key, %s,', (place) => {
  const open = () => new Afterword({ shutdownTimeout: 0, ...places[place]?.() })

  test('tells all keys apart, also those with NUL and those that are no Unicode', async () => {
    await using afterword = open()
    const { job, runs, begun, end } = gate(afterword, 'gate', { key: (what) => what })
    const keys = [
      'a',
      'a\0',
      'a\0b',
      '\0',
      '\ud800',
      '\udc00',
      '\ufffd',
      'escaped:a',
      'escaped:\\u0000',
      'a\nb',
      '~a',
      'ä',
    ]
    const first = keys.map((key) => job.defer(key))
    await Promise.all(keys.map(begun))
    const second = keys.map((key) => job.defer(key))
    for (const { outcome } of second) expect(await outcome).toEqual(duplicate)
    expect(runs).toEqual(keys)
    for (const key of keys) end(key)
    for (const { outcome } of first) expect(await outcome).toMatchObject({ status: 'done' })
  })

  test('keeps a second call out while the first one waits or runs', async () => {
    await using afterword = open()
    const { job, runs, begun, end } = gate(afterword, 'gate', { key: 'single' })
    const first = job.defer('first')
    const waiting = job.defer('while it waits')
    await first.accepted
    await waiting.accepted
    expect(await waiting.outcome).toEqual(duplicate)
    await begun('first')
    const running = job.defer('while it runs')
    expect(await running.outcome).toEqual(duplicate)
    expect(running.cancel()).toBe(false)
    expect(await job.dispatch('dispatched')).toBe(first.id)
    expect([waiting.id, running.id]).toEqual([first.id, first.id])
    end('first')
    expect((await first.outcome).status).toBe('done')
    expect(runs).toEqual(['first'])
  })

  test('keeps a deferred call out while a dispatched one runs', async () => {
    await using afterword = open()
    const { job, begun, end } = gate(afterword, 'gate', { key: 'single' })
    const id = await job.dispatch('first')
    await begun('first')
    const second = job.defer('second')
    expect(await second.outcome).toEqual(duplicate)
    expect(second.id).toBe(id)
    end('first')
  })

  test('is free again the moment the call is done, has failed for good or was cancelled', async () => {
    await using afterword = open()
    using _reports = new Reports()
    const { job, runs, begun, end, fail } = gate(afterword, 'gate', { key: 'single', retries: 1, backoff: 0 })
    const done = job.defer('done')
    end('done')
    await done.outcome
    const failed = job.defer('failed')
    fail('failed')
    expect((await failed.outcome).status).toBe('failed')
    const cancelled = job.defer('cancelled')
    expect(cancelled.cancel()).toBe(true)
    const later = job.defer('accepted, then cancelled')
    await later.accepted
    expect(later.cancel()).toBe(true)
    const last = job.defer('last')
    await last.accepted
    await begun('last')
    end('last')
    expect((await last.outcome).status).toBe('done')
    expect(runs).toEqual(['done', 'failed', 'failed', 'last'])
  })

  test('is held through all attempts', async () => {
    await using afterword = open()
    using _reports = new Reports()
    const failed = Promise.withResolvers<void>()
    using _subscription = { [Symbol.dispose]: subscribe('task:retrying', () => failed.resolve()) }
    let runs = 0
    const Fail = afterword.job('fail', () => Promise.reject(new Error(`${++runs}`)), {
      key: 'single',
      retries: 1,
      backoff: 1_000_000,
    })
    const first = Fail.defer()
    await failed.promise
    expect(await Fail.defer().outcome).toEqual(duplicate)
    // Runs the retry at once.
    await afterword.drain()
    expect((await first.outcome).status).toBe('failed')
    expect(runs).toBe(2)
  })

  test('gives way to `name`: the later call takes the place of the earlier one', async () => {
    await using afterword = open()
    const { job, runs, begun, end } = gate(afterword, 'gate', { key: 'single', name: 'one for each response' })
    await using site = await serve(afterword, (_req, res) => {
      job.defer('first')
      job.defer('second')
      res.end()
    })
    await site.get()
    await begun('second')
    end('second')
    await afterword.drain()
    expect(runs).toEqual(['second'])
  })

  test('can be a function of the arguments', async () => {
    await using afterword = open()
    const { job, runs, end } = gate(afterword, 'gate', { key: (what) => what.slice(0, 1) })
    const tasks = ['a1', 'b1', 'a2', 'c1'].map((what) => job.defer(what))
    for (const what of ['a1', 'b1', 'c1']) end(what)
    const outcomes = await Promise.all(tasks.map(({ outcome }) => outcome))
    expect(outcomes.map(({ status }) => status)).toEqual(['done', 'done', 'cancelled', 'done'])
    expect(runs.sort()).toEqual(['a1', 'b1', 'c1'])
  })

  test('belongs to its job', async () => {
    await using afterword = open()
    const jobs = ['send', 'send all', 'send all now'].map((name) => gate(afterword, name))
    const tasks = [
      jobs[0]?.job.with({ key: 'all now' }).defer('a'),
      jobs[1]?.job.with({ key: 'now' }).defer('b'),
      jobs[1]?.job.with({ key: 'all now' }).defer('c'),
      jobs[2]?.job.with({ key: 'now' }).defer('d'),
    ]
    for (const { end } of jobs) for (const what of 'abcd') end(what)
    const outcomes = await Promise.all(tasks.map((task) => task?.outcome))
    expect(outcomes.map((outcome) => outcome?.status)).toEqual(['done', 'done', 'done', 'done'])
  })

  test('does not keep the response of a duplicate from its success', async () => {
    await using afterword = open()
    const { job, begun, end } = gate(afterword, 'gate', { key: 'single' })
    await using site = await serve(afterword, (_req, res) => {
      const { id } = job.defer('first')
      void job.dispatch('second')
      res.end(id)
    })
    await site.get()
    await begun('first')
    const response = await fetch(site.url)
    expect([response.status, (await response.text()).length > 0]).toEqual([200, true])
    end('first')
  })

  test.each([
    [
      'throws',
      new TypeError('no such customer'),
      (): string => {
        throw new TypeError('no such customer')
      },
    ],
    [
      'returns no string',
      {
        code: 'AFTERWORD_INVALID_OPTION',
        message: expect.stringContaining('job("gate"): expected its key to be a non-empty string, got 7'),
      },
      (): string => 7 as never,
    ],
    ['returns an empty string', { code: 'AFTERWORD_INVALID_OPTION' }, (): string => ''],
  ])('that %s is an error of the call, and no record is added', async (_what, error, key) => {
    await using afterword = open()
    const { job, runs } = gate(afterword, 'gate', { key })
    expect(() => job.defer('a')).toThrow(expect.objectContaining(error))
    await expect(job.dispatch('b')).rejects.toMatchObject(error)
    expect(await afterword.drain()).toMatchObject({ done: 0, failed: 0, left: [] })
    expect(runs).toEqual([])
  })
})

describe('the option key between processes', () => {
  test('keeps calls of other processes out until it is free', async () => {
    await using first = await Sibling.start(folder)
    await using second = await Sibling.start(folder)
    const call = first.defer('hang', ['first'], { key: 'single' })
    const id = await call.id
    const { id: same, outcome } = second.defer('hang', ['second'], { key: 'single' })
    expect(await same).toBe(id)
    expect(await outcome).toMatchObject(duplicate)
    expect(await second.dispatch('hang', ['third'], { key: 'single' })).toBe(id)
    expect(await second.dispatch('hang', ['fourth'], { key: 'single', delay: 1 })).toBe(id)
    expect(await second.dispatch('note', ['of another job'], { key: 'single' })).not.toBe(id)
    await first.ran('first')
    first.let('first')
    await call.outcome
    // What came of it is stored when something later is.
    await first.dispatch('note', ['later'], { delay: 3_600_000 })
    expect(await second.dispatch('note', ['free'], { key: 'single' })).not.toBe(id)
    await second.ran('free')
    expect(second.runs.filter((what) => what !== 'of another job')).toEqual(['free'])
  })

  test('is held by a record whose process was killed', async () => {
    await using killed = await Sibling.start(folder)
    const id = await killed.defer('hang', ['left'], { key: 'single' }).id
    await killed.ran('left')
    await killed.kill()
    await using next = await Sibling.start(folder)
    expect(await next.defer('hang', ['second'], { key: 'single' }).id).toBe(id)
    expect(await next.ran('left')).toMatchObject({ id })
    expect(await next.dispatch('hang', ['third'], { key: 'single' })).toBe(id)
    next.let('left')
    await next.close()
    expect(next.runs).toEqual(['left'])
    using database = new DatabaseSync(join(folder, 'shared.db'))
    expect(database.prepare('SELECT * FROM afterword_records').all()).toEqual([])
  })

  test('lets one of several calls at the same time in', async () => {
    const siblings = await Promise.all(Array.from({ length: 3 }, () => Sibling.start(folder)))
    await using stack = new AsyncDisposableStack()
    for (const sibling of siblings) stack.use(sibling)
    for (let round = 0; round < 20; round++) {
      const calls = siblings.flatMap((sibling) =>
        [0, 1].map(() => sibling.dispatch('note', [`${round}`], { key: `${round}`, delay: 3_600_000 })),
      )
      expect(new Set(await Promise.all(calls)).size).toBe(1)
    }
    using database = new DatabaseSync(join(folder, 'shared.db'))
    expect(database.prepare('SELECT count(*) AS n FROM afterword_records').get()).toEqual({ n: 20 })
    expect(siblings.flatMap(({ reports }) => reports)).toEqual([])
  })
})
