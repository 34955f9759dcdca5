import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { Afterword } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'
import { Turns } from '../support/turns.ts'

const never = 600_000

/** The next turn of the event loop. */
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve))

test('status(): the tasks of a response that stays open are unsent, and make nothing late', async () => {
  await using afterword = new Afterword()
  const end = Promise.withResolvers<void>()
  await using site = await serve(afterword, (_req, res) => {
    afterword.defer(function save() {})
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n')
    void end.promise.then(() => res.end())
  })
  const response = await fetch(site.url)
  expect(afterword.status()).toMatchObject({ inFlight: 1, unsent: 1, backlog: 0, oldestAge: 0 })
  end.resolve()
  await response.text()
  await afterword.drain()
  expect(afterword.status()).toMatchObject({ inFlight: 0, unsent: 0, done: 1 })
})

test('status(): a task that waits for its retry is retrying, and makes nothing late', async () => {
  await using afterword = new Afterword()
  const task = afterword.defer.with({ retries: 1, backoff: never })(() => Promise.reject(new Error('Not yet')))
  while (afterword.status().retrying === 0) await turn()
  expect(afterword.status()).toMatchObject({ retrying: 1, backlog: 0, running: 0, oldestAge: 0 })
  task.cancel()
  expect(afterword.status().retrying).toBe(0)
})

test('status(): a task that is tried again has been due since then, however long its backoff was', async () => {
  await using afterword = new Afterword()
  const turns = new Turns()
  let tries = 0
  const send = async (name: string) => {
    if (name === 'fails' && ++tries === 1) throw new Error('Not yet')
    await turns.take(name)
  }
  const Send = afterword.job('send', send, { concurrency: 1, retries: 1, backoff: 300 })
  Send.defer('fails')
  while (afterword.status().retrying === 0) await turn()
  Send.defer('blocks')
  await turns.taken('blocks')
  let lastRetrying = performance.now()
  while (afterword.status().retrying === 1) {
    lastRetrying = performance.now()
    await turn()
  }
  const { backlog, oldestAge } = afterword.status()
  expect(backlog).toBe(1)
  expect(oldestAge).toBeLessThanOrEqual(performance.now() - lastRetrying)
  turns.end('blocks')
  await turns.taken('fails')
  turns.end('fails')
  await afterword.drain()
})

test('status(): the backlog has what waits for a limit, and oldestAge is the age of the oldest', async () => {
  await using afterword = new Afterword()
  const turns = new Turns()
  const Send = afterword.job('send', (name: string) => turns.take(name), { concurrency: 1 })
  Send.defer('first')
  await turns.taken('first')
  Send.defer('second')
  Send.defer('third')
  expect(afterword.status()).toMatchObject({ running: 1, backlog: 2 })
  while (afterword.status().oldestAge === 0) await turn()
  expect(afterword.status().tasks).toMatchObject([{ name: 'send', running: 1, backlog: 2 }])
  for (const name of ['first', 'second', 'third']) {
    await turns.taken(name)
    turns.end(name)
  }
  await afterword.drain()
  expect(afterword.status()).toMatchObject({ backlog: 0, oldestAge: 0, tasks: [] })
})

test('status(): items of a batch, debounced calls and calls of a paused job are delayed, and due when that is over', async () => {
  await using afterword = new Afterword()
  const Track = afterword.batch('track', () => {}, { within: never })
  const Index = afterword.job('index', () => {}, { key: 'all', debounce: { quiet: never } })
  const Mail = afterword.job('mail', () => {})
  await Mail.pause()
  Track.defer(1)
  Index.defer()
  const mail = Mail.defer()
  while (afterword.status().delayed < 3) await turn()
  const delayed = { unsent: 0, backlog: 0, running: 0, retrying: 0, delayed: 1, oldestAge: 0 }
  expect(afterword.status().tasks).toEqual(['index', 'mail', 'track'].map((name) => ({ name, ...delayed })))
  await Mail.resume()
  expect(afterword.status()).toMatchObject({ delayed: 2, backlog: 1 })
  expect((await mail.outcome).status).toBe('done')
  await afterword.drain()
  expect(afterword.status()).toMatchObject({ delayed: 0, done: 3 })
})

test('status(): a task behind a long one of its scope is due since it was deferred, not since the response', async () => {
  await using afterword = new Afterword()
  const turns = new Turns()
  let age: number | undefined
  let since = 0
  afterword.defer(async () => {
    await turns.take('long')
    since = performance.now()
    afterword.defer(() => {})
    age = afterword.status().oldestAge
  })
  await turns.taken('long')
  for (let waits = 0; waits < 10; waits++) await new Promise((resolve) => setTimeout(resolve, 5))
  turns.end('long')
  await afterword.drain()
  expect(age).toBeLessThanOrEqual(performance.now() - since)
})

test('status(): a task that asks counts as running, before and after its first await', async () => {
  await using afterword = new Afterword()
  const seen: number[] = []
  await afterword.defer(async () => {
    seen.push(afterword.status().running)
    await turn()
    seen.push(afterword.status().running)
  }).outcome
  expect(seen).toEqual([1, 1])
})

test('status().tasks tells at most 500 names apart', async () => {
  await using afterword = new Afterword()
  const last = Array.from({ length: 502 }, (_, n) => afterword.defer.with({ name: `mail ${n}` })(() => {}))
  const { tasks, backlog } = afterword.status()
  expect(backlog).toBe(last.length)
  expect(tasks).toHaveLength(501)
  expect(tasks.find(({ name }) => name === '(other)')).toMatchObject({ backlog: 2 })
})

test('status(): calls of a job count under its name, whatever they are named', async () => {
  await using afterword = new Afterword()
  const Mail = afterword.job('mail', () => {})
  for (const user of ['ada', 'bob']) Mail.with({ name: `mail to ${user}` }).defer()
  expect(afterword.status().tasks).toMatchObject([{ name: 'mail', backlog: 2 }])
})

test('status(): a response that waits for its records is held, and the journal lags meanwhile', async () => {
  const noServer = pgBoss({ connectionString: 'postgres://afterword@127.0.0.1:1/none' })
  await using afterword = new Afterword({ engine: noServer, holdTimeout: 3000, shutdownTimeout: 100 })
  using reports = new Reports()
  const Send = afterword.job('send', () => {})
  await using site = await serve(afterword, (_req, res) => {
    Send.defer()
    res.end('kept')
  })
  const answer = fetch(site.url)
  while (afterword.status().heldForRecords === 0) await turn()
  expect(afterword.status()).toMatchObject({ held: 1, heldForRecords: 1, inFlight: 1, backlog: 0 })
  while (afterword.status().journalLag === 0) await turn()
  expect((await answer).status).toBe(503)
  expect(afterword.status()).toMatchObject({ held: 0, heldForRecords: 0, journalLag: 0 })
  expect(reports.codes).toContain('AFTERWORD_ENGINE_REFUSED')
})

test('status().journalLag tells for how long a change waits for a database that another process has locked', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-lag-'))
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
  await using afterword = new Afterword({ journal: folder })
  const Send = afterword.job('send', (_user: string) => {}, { lane: (user) => user })
  await Send.dispatch('ada')
  while (afterword.status().done === 0) await turn()
  while (afterword.status().journalLag > 0) await turn()
  {
    using database = new DatabaseSync(join(folder, 'shared.db'), { timeout: 10_000 })
    database.exec('BEGIN IMMEDIATE')
    void Send.dispatch('bob')
    while (afterword.status().journalLag < 50) await turn()
    database.exec('ROLLBACK')
  }
  while (afterword.status().done === 1) await turn()
  while (afterword.status().journalLag > 0) await turn()
})

test.each([
  ['hold', 100],
  ['before', 13],
] as const)(
  'status() of an instance with overload %s: the numbers in all are the sums of those by name',
  async (overload, maxBacklog) => {
    await using afterword = new Afterword({ overload, maxBacklog })
    const turns = new Turns()
    let tries = 0
    const differences: unknown[] = []
    const compare = () => {
      const { tasks, oldestAge: _age, ...all } = afterword.status()
      for (const state of ['unsent', 'backlog', 'running', 'retrying', 'delayed'] as const) {
        const sum = tasks.reduce((sum, counts) => sum + counts[state], 0)
        if (sum !== all[state]) differences.push({ state, sum, all: all[state] })
      }
    }
    const Track = afterword.batch('track', compare, { size: 2, within: never })
    const Flaky = afterword.job('flaky', () => void (++tries % 2 === 1 && fail()), { retries: 1, backoff: 1 })
    await using site = await serve(afterword, (req, res) => {
      Flaky.defer()
      Track.defer(1)
      afterword.defer(compare)
      afterword.defer(() => turns.take(String(req.url)))
      afterword.onSent(compare)
      const cancelled = afterword.defer(() => {})
      compare()
      res.once('finish', () => afterword.defer(compare))
      res.end()
      cancelled.cancel()
      compare()
    })
    const urls = ['/a', '/b', '/c', '/d']
    const answers = urls.map((url) => site.get(url))
    for (const url of urls) {
      await turns.taken(url)
      compare()
      turns.end(url)
    }
    await Promise.all(answers)
    compare()
    await afterword.drain()
    compare()
    expect(afterword.status()).toMatchObject({ unsent: 0, backlog: 0, running: 0, retrying: 0, delayed: 0, tasks: [] })
    expect(differences).toEqual([])
  },
)

function fail(): never {
  throw new Error('failed on purpose')
}
