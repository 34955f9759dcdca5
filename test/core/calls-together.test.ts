import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword, type AfterwordOptions, type JobOptions } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'
import { Turns } from '../support/turns.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-together-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const places: Record<string, () => AfterwordOptions> = {
  'in a journal': () => ({ journal: folder }),
  'in an encrypted journal': () => ({ journal: { path: folder, encrypt: { key: '7'.repeat(64) } } }),
  'in a database of the app': () => ({ journal: { database: new DatabaseSync(join(folder, 'app.db')) } }),
  'in memory': () => ({}),
}
const duplicate = { status: 'cancelled', reason: 'duplicate' }
const hour = 3_600_000

describe.each(Object.keys(places))('%s,', (place) => {
  const open = () => new Afterword({ shutdownTimeout: 0, ...places[place]?.() })

  test('uniqueFor: the key stays taken once the call is done, for that time', async () => {
    await using afterword = open()
    const runs: string[] = []
    const run = (what: string) => void runs.push(what)
    const Hook = afterword.job('hook', run, { key: (what) => what, uniqueFor: hour })
    const first = Hook.defer('a')
    expect(await first.outcome).toMatchObject({ status: 'done' })
    const second = Hook.defer('a')
    expect(await second.outcome).toEqual(duplicate)
    await second.accepted
    expect(second.id).toBe(first.id)
    expect(await Hook.dispatch('a')).toBe(first.id)
    expect(await Hook.defer('b').outcome).toMatchObject({ status: 'done' })
    expect(runs).toEqual(['a', 'b'])
  })

  test('uniqueFor: the key is free after that time, and at once where the call has failed or was cancelled', async () => {
    await using afterword = open()
    using _reports = new Reports()
    const runs: string[] = []
    const run = (what: string) => {
      runs.push(what)
      if (what === 'fails') throw new Error('no luck')
    }
    const options: JobOptions<[string]> = { key: (what) => what, uniqueFor: 1, retries: 0 }
    const Brief = afterword.job('brief', run, options)
    await Brief.defer('brief').outcome
    let outcome = await Brief.defer('brief').outcome
    while (outcome.status !== 'done') {
      await new Promise(setImmediate)
      outcome = await Brief.defer('brief').outcome
    }
    const Long = afterword.job('long', run, { ...options, uniqueFor: hour })
    for (let call = 0; call < 2; call++) expect(await Long.defer('fails').outcome).toMatchObject({ status: 'failed' })
    const cancelled = Long.defer('cancelled')
    expect(cancelled.cancel()).toBe(true)
    expect(await Long.defer('cancelled').outcome).toMatchObject({ status: 'done' })
    expect(runs).toEqual(['brief', 'brief', 'fails', 'fails', 'cancelled'])
  })

  test('expires: a call that has waited for longer does not run', async () => {
    await using afterword = open()
    const turns = new Turns()
    const Call = afterword.job('call', (what: string) => turns.take(what), { concurrency: 1 })
    const first = Call.defer('first')
    await turns.taken('first')
    const late = Call.with({ expires: 1 }).defer('late')
    const inTime = Call.with({ expires: hour }).defer('in time')
    await late.accepted
    const since = Date.now()
    while (Date.now() <= since + 2) await new Promise(setImmediate)
    turns.end('first')
    await first.outcome
    expect(await late.outcome).toEqual({ status: 'cancelled', reason: 'expired' })
    await turns.taken('in time')
    turns.end('in time')
    expect(await inTime.outcome).toMatchObject({ status: 'done' })
    expect(turns.all).toEqual(['first', 'in time'])
  })

  test('lane: all calls run, one at a time for each lane, in order, and lanes side by side', async () => {
    await using afterword = open()
    const turns = new Turns()
    const Sync = afterword.job('sync', (account: string, n: number) => turns.take(`${account}${n}`), {
      lane: (account) => account,
    })
    for (const n of [1, 2, 3]) for (const account of ['a', 'b']) Sync.defer(account, n)
    for (const n of [1, 2, 3]) {
      await Promise.all([turns.taken(`a${n}`), turns.taken(`b${n}`)])
      expect(turns.waiting.toSorted()).toEqual([`a${n}`, `b${n}`])
      turns.end(`a${n}`)
      turns.end(`b${n}`)
    }
    expect(turns.all.filter((what) => what.startsWith('a'))).toEqual(['a1', 'a2', 'a3'])
  })

  test('lane: a call that fails, or is cancelled, lets the next one run', async () => {
    await using afterword = open()
    using _reports = new Reports()
    const runs: string[] = []
    const began = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    const last = Promise.withResolvers<void>()
    const run = async (what: string) => {
      runs.push(what)
      if (what === 'last') last.resolve()
      if (what !== 'fails') return
      began.resolve()
      await end.promise
      throw new Error('no luck')
    }
    const Sync = afterword.job('sync', run, { lane: () => 'one', retries: 0 })
    Sync.defer('fails')
    await began.promise
    const cancelled = Sync.defer('cancelled')
    await cancelled.accepted
    expect(await afterword.cancel(cancelled.id)).toBe(true)
    Sync.defer('last')
    end.resolve()
    await last.promise
    expect(runs).toEqual(['fails', 'last'])
  })

  test('pause: calls wait until resume, those of other jobs and the rest of the scope do not', async () => {
    await using afterword = open()
    const runs: string[] = []
    const ran = new Map(['dispatched', 'deferred'].map((what) => [what, Promise.withResolvers<void>()]))
    const run = (what: string) => {
      runs.push(what)
      ran.get(what)?.resolve()
    }
    const Mail = afterword.job('mail', run)
    const Other = afterword.job('other', run)
    await Mail.pause()
    const outcomes: Promise<unknown>[] = []
    const all = afterword.defer(async () => {
      outcomes.push(Mail.defer('deferred').outcome, Other.defer('other').outcome)
      void Mail.dispatch('dispatched')
    })
    await all.outcome
    await outcomes[1]
    expect(await Other.defer('another').outcome).toMatchObject({ status: 'done' })
    expect(runs).toEqual(['other', 'another'])
    await Mail.resume()
    await Promise.all([outcomes[0], ...Array.from(ran.values(), ({ promise }) => promise)])
    expect(runs.slice(2).toSorted()).toEqual(['deferred', 'dispatched'])
  })

  test('pause: status() names the job until resume', async () => {
    await using afterword = open()
    const Mail = afterword.job('mail', () => {})
    await afterword.job('b', () => {}).pause()
    await Mail.pause()
    expect(afterword.status().paused).toEqual(['b', 'mail'])
    await Mail.resume()
    expect(afterword.status().paused).toEqual(['b'])
  })

  test('pause: items of a batch wait until resume, also those that waited for others of their batch', async () => {
    await using afterword = open()
    const runs: number[][] = []
    const Track = afterword.batch<number>('track', (items) => void runs.push(items), { size: 3, within: hour })
    const first = [Track.defer(1), Track.defer(2)]
    // Their turn comes before that of a task which is deferred later.
    await afterword.defer(() => {}).outcome
    await Track.pause()
    expect(afterword.status().paused).toEqual(['track'])
    const third = Track.defer(3)
    await afterword.defer(() => {}).outcome
    expect(runs).toEqual([])
    await Track.resume()
    await Promise.all([...first, third].map(({ outcome }) => outcome))
    expect(runs.map((items) => items.toSorted())).toEqual([[1, 2, 3]])
  })

  test('pause: that of a job that no journal keeps lasts while other jobs are paused and resumed', async () => {
    await using afterword = open()
    const Light = afterword.job('light', () => {}, { keep: false })
    const Mail = afterword.job('mail', () => {})
    await Light.pause()
    await Mail.pause()
    await Mail.resume()
    expect(afterword.status().paused).toEqual(['light'])
    await Light.resume()
    expect(afterword.status().paused).toEqual([])
    expect(await Light.defer().outcome).toMatchObject({ status: 'done' })
  })

  test('debounce: many calls of a key make one run, with the arguments of the last one', async () => {
    await using afterword = open()
    const runs: [string, number][] = []
    const ran = new Map(['a', 'b'].map((key) => [key, Promise.withResolvers<void>()]))
    const run = (key: string, n: number) => {
      runs.push([key, n])
      ran.get(key)?.resolve()
    }
    const Index = afterword.job('index', run, { key: (key) => key, debounce: { quiet: 300 } })
    for (let n = 1; n <= 20; n++) for (const key of ['a', 'b']) Index.defer(key, n)
    await Promise.all(Array.from(ran.values(), ({ promise }) => promise))
    expect(runs.toSorted()).toEqual([
      ['a', 20],
      ['b', 20],
    ])
  })

  test('debounce: cancel({ key }) withdraws the call that waits, also one whose turn has not come', async () => {
    await using afterword = open()
    const Index = afterword.job('index', (_key: string) => {}, { key: (key) => key, debounce: { quiet: hour } })
    const [first, other] = [Index.defer('a'), Index.defer('b')]
    await Promise.all([first.accepted, other.accepted])
    // Behind their turns.
    await afterword.defer(() => {}).outcome
    await Index.defer('a').accepted
    expect(await Index.cancel({ key: 'a' })).toBe(true)
    expect(await Index.cancel({ key: 'a' })).toBe(false)
    expect(await Index.cancel({ key: 'b' })).toBe(true)
  })

  test('debounce: a run comes at the latest `longest` after the first call', async () => {
    await using afterword = open()
    const ran = Promise.withResolvers<number>()
    const Index = afterword.job('index', (n: number) => ran.resolve(n), {
      key: 'one',
      debounce: { quiet: 500, longest: 500 },
    })
    let calls = 0
    // It is never quiet for so long.
    const calling = setInterval(() => void Index.defer(++calls), 50)
    expect(await ran.promise).toBeGreaterThan(1)
    clearInterval(calling)
  })
})

describe('in memory,', () => {
  test('debounce: earlier calls are replaced, and a drain waits for no further one', async () => {
    await using afterword = new Afterword()
    const runs: number[] = []
    const Index = afterword.job('index', (n: number) => void runs.push(n), { key: 'one', debounce: { quiet: hour } })
    const [first, second] = [Index.defer(1), Index.defer(2)]
    expect(await first.outcome).toEqual({ status: 'cancelled', reason: 'replaced' })
    expect(await afterword.drain()).toMatchObject({ done: 1, left: [] })
    expect(await second.outcome).toMatchObject({ status: 'done' })
    expect(runs).toEqual([2])
  })

  test('expires: a task that waits for its retry does not run again', async () => {
    await using afterword = new Afterword()
    let runs = 0
    const fail = () => {
      runs++
      throw new Error('no luck')
    }
    const Call = afterword.job('call', fail, { expires: 20, backoff: 40, retries: 5 })
    expect(await Call.defer().outcome).toMatchObject({ status: 'cancelled', reason: 'expired' })
    expect(runs).toBe(1)
  })
})

describe('options that do not go together', () => {
  const send = (_to: string) => {}
  const key = (to: string) => to
  const debounce = { quiet: 1 }
  test.each<[string, object]>([
    ['debounce to be left out where there is no key', { debounce }],
    ['debounce to be left out where there is a lane', { debounce, key, lane: key }],
    ['debounce to be left out where there is uniqueFor', { debounce, key, uniqueFor: 1 }],
    ["when to be 'always' where there is debounce", { debounce, key, when: 'success' }],
    ["when to be 'always' where there is lane", { lane: key, when: 'success' }],
    ['delay to be left out where there is lane', { lane: key, delay: 1 }],
    ['uniqueFor to be left out where there is no key', { uniqueFor: 1 }],
    ['debounce to be { quiet, longest }', { debounce: 2, key }],
    ["debounce's longest to be quiet (50) or more, got 5", { debounce: { quiet: 50, longest: 5 }, key }],
    ['lane to be a function of the arguments', { lane: 'one' }],
    ['expires to be a number of milliseconds', { expires: -1 }],
  ])('are refused: %s', (message, options) => {
    const afterword = new Afterword()
    expect(() => afterword.job('send', send, options)).toThrow(`job("send"): expected ${message}`)
  })

  test('are refused where they are bound to a call', () => {
    const Send = new Afterword().job('send', send, { lane: key })
    expect(() => Send.with({ delay: 1 })).toThrow('job("send").with: expected delay to be left out where there is lane')
  })

  test.each([[7], [''], [undefined]])('a lane that is no text is refused at the call: %j', (lane) => {
    const Send = new Afterword().job('send', send, { lane: () => lane as never })
    expect(() => Send.defer('a')).toThrow('job("send"): expected its lane to be a non-empty string')
  })
})

test('close() leaves the kept calls of a paused job to a later process', async () => {
  const afterword = new Afterword({ journal: folder, shutdownTimeout: 3_600_000 })
  const Mail = afterword.job('mail', () => {})
  await Mail.pause()
  const task = Mail.defer()
  await task.accepted
  // Behind its turn.
  await afterword.defer(() => {}).outcome
  const ended = afterword.close()
  expect(await task.outcome).toEqual({ status: 'cancelled', reason: 'kept' })
  await ended
  await using next = new Afterword({ journal: folder })
  const ran = Promise.withResolvers<void>()
  const Again = next.job('mail', () => ran.resolve())
  await Again.resume()
  await ran.promise
})

test('a journal that is opened again by the same instance runs the calls of a paused job after resume', async () => {
  await using afterword = new Afterword({ journal: folder })
  const define = (run: (what: string) => void) => afterword.job('mail', run)
  const Before = define(() => {})
  await Before.pause()
  await Before.defer('before').accepted
  await afterword.close()
  expect(afterword.status().paused).toEqual([])
  afterword.configure({ journal: folder })
  const runs = new Set<string>()
  const Again = define((what) => void runs.add(what))
  while (afterword.status().paused.length === 0) await new Promise(setImmediate)
  const task = Again.defer('again')
  await task.accepted
  await afterword.defer(() => {}).outcome
  await Again.resume()
  expect(await task.outcome).toMatchObject({ status: 'done' })
  while (runs.size < 2) await new Promise(setImmediate)
})
