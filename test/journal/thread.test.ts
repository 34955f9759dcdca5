import { subscribe as listen, unsubscribe } from 'node:diagnostics_channel'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Program } from '../support/program.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-thread-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** The records of a folder that no process has open. */
function stored(): unknown[] {
  return ['1', 'shared'].flatMap((name) => {
    using database = new DatabaseSync(join(folder, `${name}.db`))
    return database.prepare('SELECT key, job, args, owner FROM afterword_records').all()
  })
}

/** The threads that are started meanwhile; Node tells of each. */
class Threads implements Disposable {
  #last: Worker | undefined
  #next = Promise.withResolvers<void>()
  readonly #add = (message: unknown) => {
    this.#last = (message as { worker: Worker }).worker
    this.#next.resolve()
  }

  constructor() {
    listen('worker_threads', this.#add)
  }

  /** Ends the last one. Resolves when its end is known. */
  async end(): Promise<void> {
    this.#next = Promise.withResolvers()
    await this.#last?.terminate()
  }

  /** Resolves when there is another. */
  get started(): Promise<void> {
    return this.#next.promise
  }

  [Symbol.dispose](): void {
    unsubscribe('worker_threads', this.#add)
  }
}

/** Counts the runs of a job by what they are given. */
class Runs {
  readonly counts = new Map<number, number>()
  #changed = Promise.withResolvers<void>()

  add(n: number): void {
    this.counts.set(n, (this.counts.get(n) ?? 0) + 1)
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  of(n: number): number {
    return this.counts.get(n) ?? 0
  }

  /** Resolves when all of them have run. */
  async until(all: readonly number[]): Promise<void> {
    while (!all.every((n) => this.counts.has(n))) await this.#changed.promise
  }
}

test.each(['defer', 'dispatch'] as const)(
  'job.%s() while the thread of the journal is away is kept, as later calls are',
  async (how) => {
    using threads = new Threads()
    using reports = new Reports()
    const afterword = new Afterword({ journal: folder })
    const runs = new Runs()
    const Send = afterword.job('send', (n: number) => runs.add(n))
    await Send.defer(0).accepted
    await using site = await serve(afterword, async (req, res) => {
      const n = Number(req.url?.slice(1))
      if (n === 1) await threads.end()
      // Not waited for by the handler.
      if (how === 'defer') Send.defer(n)
      else void Send.dispatch(n)
      res.end('kept')
    })
    const meanwhile = await fetch(`${site.url}/1`)
    expect([meanwhile.status, await meanwhile.text()]).toEqual([200, 'kept'])
    await threads.started
    const later = await fetch(`${site.url}/2`)
    expect([later.status, await later.text()]).toEqual([200, 'kept'])
    await runs.until([0, 1, 2])
    await afterword.close()
    expect(stored()).toEqual([])
    expect([...runs.counts]).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
    ])
    expect(reports.codes).toEqual(['AFTERWORD_JOURNAL_FAILED'])
  },
)

test('close() while the thread is away: records that have run do not run again', async () => {
  using threads = new Threads()
  using reports = new Reports()
  const afterword = new Afterword({ journal: folder })
  const free = Promise.withResolvers<void>()
  const Send = afterword.job('send', () => free.promise)
  const sent = Send.defer()
  await sent.accepted
  await threads.end()
  free.resolve()
  await sent.outcome
  await afterword.close()
  expect(stored()).toEqual([])
  expect(reports.codes).toEqual(['AFTERWORD_JOURNAL_FAILED'])
})

test('a thread that dies leaves adopted slots with the process that runs their records', async () => {
  const tell = new URL('programs/journal-server.ts', import.meta.url)
  {
    await using dead = new Program(tell, { args: [folder, 'dead'] })
    dead.send({ type: 'keep', job: 'stay', what: 'left' })
    await dead.message('kept')
  }
  using threads = new Threads()
  using reports = new Reports()
  const afterword = new Afterword({ journal: folder })
  const began = Promise.withResolvers<void>()
  const free = Promise.withResolvers<void>()
  let runs = 0
  afterword.job('stay', () => {
    runs++
    began.resolve()
    return free.promise
  })
  await began.promise
  await using sibling = new Program(tell, { args: [folder, 'sibling'] })
  await sibling.message('ready')
  const deaths = 6
  for (let death = 0; death < deaths; death++) {
    await threads.end()
    await threads.started
    // It has had time to look around.
    sibling.send({ type: 'keep', job: 'note', what: `${death}` })
    await sibling.message('ran', ({ what }) => what === `${death}`)
  }
  free.resolve()
  await afterword.close()
  expect(runs).toBe(1)
  expect(sibling.messages.filter(({ type, what }) => type === 'ran' && what === 'left')).toEqual([])
  expect(stored()).toEqual([])
  expect(reports.codes).toEqual(Array.from({ length: deaths }, () => 'AFTERWORD_JOURNAL_FAILED'))
})

test('a thread that dies amid close(): the next one stores the outcomes', async () => {
  using threads = new Threads()
  using reports = new Reports()
  const afterword = new Afterword({ journal: folder })
  const Send = afterword.job('send', () => {})
  // The thread is up: it has looked for the key.
  await Send.with({ key: 'first' }).defer().outcome
  const sent = Array.from({ length: 50 }, () => Send.defer())
  await Promise.all(sent.map(({ outcome }) => outcome))
  const closed = afterword.close()
  await threads.end()
  await closed
  expect(stored()).toEqual([])
  expect(reports.codes).toEqual(['AFTERWORD_JOURNAL_FAILED'])
})

test.each(['defer', 'dispatch'] as const)(
  'job.%s() when the thread dies amid several groups: no job is refused, each runs once',
  async (how) => {
    using threads = new Threads()
    using reports = new Reports()
    const afterword = new Afterword({ journal: folder })
    const runs = new Runs()
    const Send = afterword.job('send', (n: number) => runs.add(n))
    await Send.defer(0).accepted
    const kept: number[] = []
    let next = 1
    let end: Promise<void> | undefined
    const caller = async () => {
      while (kept.length < 2000) {
        const n = next++
        await (how === 'defer' ? Send.defer(n).accepted : Send.with({ delay: 300 }).dispatch(n))
        kept.push(n)
        if (kept.length > 1000) end ??= threads.end()
      }
    }
    await Promise.all(Array.from({ length: 300 }, caller))
    await end
    await threads.started
    await runs.until(kept)
    await afterword.close()
    expect(stored()).toEqual([])
    expect(kept.filter((n) => runs.of(n) !== 1)).toEqual([])
    expect(reports.codes).toEqual(['AFTERWORD_JOURNAL_FAILED'])
  },
)

test('a thread that dies under load: every job is answered and runs once', async () => {
  using threads = new Threads()
  using reports = new Reports()
  // So few that most of what is dispatched is stored, and handed out.
  const afterword = new Afterword({ journal: folder, worker: { concurrency: 2 } })
  const deferred = new Runs()
  const dispatched = new Runs()
  const Send = afterword.job('send', (n: number) => deferred.add(n))
  const Single = afterword.job('single', (n: number) => deferred.add(n), { key: (n) => `${n}` })
  const Share = afterword.job('share', (n: number) => dispatched.add(n))
  await using site = await serve(afterword, async (req, res) => {
    const n = Number(req.url?.slice(1))
    if (n % 3 === 0) Send.defer(n)
    else if (n % 3 === 1) Single.defer(n)
    else await Share.dispatch(n).catch(() => {})
    res.end()
  })
  const deaths = 4
  const answered: number[] = []
  let next = 0
  for (let death = 0; death < deaths; death++) {
    // After so many answers, amid the others.
    const enough = answered.length + 3 + 9 * death
    let end: Promise<void> | undefined
    const client = async () => {
      while (answered.length < enough) {
        const n = next++
        const { status } = await fetch(`${site.url}/${n}`)
        expect(status).toBe(200)
        answered.push(n)
        if (answered.length === enough - 1) end ??= threads.end()
      }
    }
    await Promise.all(Array.from({ length: 16 }, client))
    await end
    await threads.started
  }
  const own = answered.filter((n) => n % 3 !== 2)
  const shared = answered.filter((n) => n % 3 === 2)
  await Promise.all([deferred.until(own), dispatched.until(shared)])
  await afterword.close()
  expect(stored()).toEqual([])
  expect(own.filter((n) => deferred.of(n) !== 1)).toEqual([])
  expect(shared.filter((n) => dispatched.of(n) !== 1)).toEqual([])
  expect(reports.codes.filter((code) => code === 'AFTERWORD_JOURNAL_FAILED')).toHaveLength(deaths)
})
