import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword, subscribe } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'
import { Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-sharing-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** Opens a database. A statement waits for a process that is writing: records are forwarded after they were accepted. */
const open = (name = 'shared') => new DatabaseSync(join(folder, `${name}.db`), { timeout: 10_000 })

/** The stored columns of some records. */
function stored(name = 'shared'): Record<string, unknown>[] {
  using database = open(name)
  return database.prepare('SELECT * FROM afterword_records ORDER BY key').all()
}

const hour = 3_600_000

describe('a dispatched job runs in', () => {
  test('another process, if the one that dispatches has worker: false', async () => {
    await using web = await Sibling.start(folder, { options: { worker: false } })
    await using worker = await Sibling.start(folder, { name: 'worker' })
    const id = await web.dispatch('note', ['a'])
    expect(await worker.ran('a')).toMatchObject({ id, attempt: 1, by: 'worker' })
    expect(web.runs).toEqual([])
  })

  test('another process with room, if the one that dispatches has none', async () => {
    await using full = await Sibling.start(folder, { options: { worker: { concurrency: 1 } } })
    await full.dispatch('hang', ['the only one'])
    await full.ran('the only one')
    const id = await full.dispatch('note', ['one too many'])
    await using sibling = await Sibling.start(folder)
    expect(await sibling.ran('one too many')).toMatchObject({ id })
    expect(full.runs).toEqual(['the only one'])
  })

  test('a process that has just found room, although others of its tasks go on', async () => {
    await using worker = await Sibling.start(folder, { options: { worker: { concurrency: 3 } } })
    const all = ['a', 'b', 'c', 'd']
    for (const what of all) await worker.dispatch('hang', [what])
    await Promise.all(['a', 'b', 'c'].map((what) => worker.ran(what)))
    expect(worker.runs).not.toContain('d')
    worker.let('b')
    await worker.ran('d')
  })

  test('one of several processes when the record is due, and each record once', async () => {
    const siblings = await Promise.all(Array.from({ length: 4 }, (_, i) => Sibling.start(folder, { name: `${i}` })))
    await using stack = new AsyncDisposableStack()
    for (const sibling of siblings) stack.use(sibling)
    const expected = Array.from({ length: 320 }, (_, i) => `${i}`)
    await Promise.all(expected.map((what, i) => siblings[i % 4]?.dispatch('note', [what], { delay: (i * 7919) % 800 })))
    const runs = () => siblings.flatMap((sibling) => sibling.runs)
    await Promise.race(siblings.map(({ program }) => program.message('ran', () => runs().length >= expected.length)))
    await Promise.all(siblings.map((sibling) => sibling.close()))
    expect(runs().sort()).toEqual(expected.sort())
    expect(siblings.flatMap(({ reports }) => reports)).toEqual([])
    expect(stored()).toEqual([])
  })

  test('a process whose worker.jobs names the job', async () => {
    await using web = await Sibling.start(folder, { options: { worker: false } })
    await web.dispatch('other', ['not of those'])
    await web.dispatch('note', ['of those'])
    await using worker = await Sibling.start(folder, { options: { worker: { jobs: ['note'] } } })
    await worker.ran('of those')
    // It was due before the one that ran.
    expect(worker.runs).toEqual(['of those'])
    await worker.work({ jobs: ['other'] })
    await worker.ran('not of those')
    const id = await worker.dispatch('note', ['of those before'])
    await expect.poll(() => stored()).toMatchObject([{ job: 'note', owner: 0, args: '["of those before"]' }])
    await worker.work()
    expect(await worker.ran('of those before')).toMatchObject({ id })
  })
})

describe('work()', () => {
  test('holds the process until stop(); the option worker does not', async () => {
    await using idle = await Sibling.start(folder)
    idle.send({ type: 'leave' })
    expect(await idle.program.exited).toEqual({ code: 0, signal: null })

    await using web = await Sibling.start(folder, { options: { worker: false } })
    await using worker = await Sibling.start(folder, { options: { worker: false } })
    await worker.work()
    worker.send({ type: 'leave' })
    await web.dispatch('note', ['still there'])
    await worker.ran('still there')
    worker.send({ type: 'stop' })
    expect(await worker.program.exited).toEqual({ code: 0, signal: null })
  })

  test('ends in order on a signal', async () => {
    await using web = await Sibling.start(folder, { options: { worker: false } })
    await using worker = await Sibling.start(folder)
    await worker.work()
    await web.dispatch('hang', ['under way'])
    await worker.ran('under way')
    worker.program.kill('SIGTERM')
    expect(await worker.program.exited).toEqual({ code: 0, signal: null })
    // The process that has ended is found to be dead.
    await expect
      .poll(() => stored(), { timeout: 10_000 })
      .toMatchObject([{ job: 'hang', owner: -2, attempt: 0, crashes: 0 }])
  })

  test('throws AFTERWORD_NO_JOURNAL without a journal', async () => {
    await using afterword = new Afterword()
    expect(() => afterword.work()).toThrow(expect.objectContaining({ code: 'AFTERWORD_NO_JOURNAL' }))
  })

  test('claims no more than concurrency when jobs are defined one by one', async () => {
    const before = new Afterword({ journal: folder, worker: false })
    const Send = before.job('send', () => {})
    await Promise.all(Array.from({ length: 10 }, () => Send.dispatch()))
    await before.close()
    const after = new Afterword({ journal: folder, worker: { concurrency: 1 } })
    let [running, most, runs] = [0, 0, 0]
    const ended = Promise.withResolvers<void>()
    after.job('send', async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      if (++runs === 10) ended.resolve()
    })
    for (const name of ['b', 'c', 'd']) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      after.job(name, () => {})
    }
    await ended.promise
    await after.close()
    expect(most).toBe(1)
  })

  test('has the options of configure({ worker }) where it is given none', async () => {
    await using afterword = new Afterword({ journal: folder, worker: { jobs: ['a'], concurrency: 3 } })
    const ran: string[] = []
    const [other, one] = ['b', 'a'].map((name) => afterword.job(name, () => void ran.push(name)))
    expect(afterword.work().concurrency).toBe(3)
    await other?.dispatch()
    await one?.dispatch()
    while (ran.length < 1) await new Promise(setImmediate)
    expect(ran).toEqual(['a'])
    expect(afterword.work({ jobs: ['b'] }).concurrency).toBe(3)
    while (ran.length < 2) await new Promise(setImmediate)
    expect(ran).toEqual(['a', 'b'])
    expect(afterword.work({ concurrency: 5 }).concurrency).toBe(5)
  })

  test('takes concurrency: Infinity', async () => {
    using reports = new Reports()
    await using web = await Sibling.start(folder, { options: { worker: false } })
    const ids = await Promise.all(['a', 'b'].map((what) => web.dispatch('note', [what])))
    await using afterword = new Afterword({ journal: folder, worker: { concurrency: Infinity } })
    const ran: unknown[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    afterword.job('note', () => {
      if (ran.push(afterword.currentTask()?.id) === 2) resolve()
    })
    await promise
    expect(ran).toEqual(ids)
    expect(reports.codes).toEqual([])
  })

  test('claims no record once its process is ending', async () => {
    await using web = await Sibling.start(folder, { options: { worker: false } })
    await web.dispatch('hang', ['under way'])
    await using worker = await Sibling.start(folder, {
      options: { worker: { concurrency: 1 }, shutdownTimeout: 20_000 },
    })
    await worker.ran('under way')
    await web.dispatch('note', ['after that'])
    const closed = worker.close()
    worker.let('under way')
    await closed
    expect(worker.runs).toEqual(['under way'])
    await expect.poll(() => stored()).toMatchObject([{ job: 'note', owner: 0 }])
  })
})

describe('the retry of a claim', () => {
  test('leaves the memory of its process', async () => {
    const afterword = new Afterword({ journal: folder })
    const ended = Promise.withResolvers<unknown>()
    using _subscription = { [Symbol.dispose]: subscribe('task:ended', ({ outcome }) => ended.resolve(outcome)) }
    const Fail = afterword.job('fail', () => Promise.reject(new Error('no luck')), { backoff: hour })
    await Fail.dispatch()
    expect(await ended.promise).toEqual({ status: 'cancelled', reason: 'kept' })
    expect(afterword.status()).toMatchObject({ backlog: 0, running: 0 })
    await afterword.close()
    expect(stored('1')).toMatchObject([{ job: 'fail', attempt: 1, owner: 0, delay: hour }])
  })

  test('runs in any worker with room, and counts on', async () => {
    await using web = await Sibling.start(folder, { options: { worker: false } })
    const id = await web.dispatch('fail', ['again', 1])
    await using first = await Sibling.start(folder)
    expect(await first.ran('again')).toMatchObject({ id, attempt: 1 })
    await first.work()
    first.send({ type: 'stop' })
    first.let('again')
    await using second = await Sibling.start(folder)
    expect(await second.ran('again')).toMatchObject({ id, attempt: 2 })
    second.let('again')
    await second.close()
    expect(stored()).toEqual([])
    expect(first.runs).toEqual(['again'])
  })
})

describe('the shared database', () => {
  test('is waited for while other processes write to it', async () => {
    await using one = await Sibling.start(folder)
    await using two = await Sibling.start(folder)
    await using three = await Sibling.start(folder)
    const write = async (sibling: Sibling) => {
      for (let i = 0; i < 60; i++) await sibling.dispatch('note', [`${i}`], { delay: hour })
    }
    await Promise.all([one, two, three].map(write))
    await expect.poll(() => stored().length).toBe(180)
    expect([one, two, three].flatMap(({ reports }) => reports)).toEqual([])
  })

  test('keeps no call waiting, neither of defer() nor of dispatch()', async () => {
    await using sibling = await Sibling.start(folder)
    await sibling.dispatch('note', ['in time'], { delay: hour })
    using database = open()
    database.exec('BEGIN IMMEDIATE')
    await sibling.dispatch('note', ['late'], { delay: hour })
    for (let i = 0; i < 5; i++) {
      const { id, outcome } = sibling.defer('note', [`${i}`])
      await id
      expect(await outcome).toMatchObject({ status: 'done' })
    }
    database.exec('ROLLBACK')
    await sibling.close()
    expect(stored().map(({ args }) => args)).toEqual(['["in time"]', '["late"]'])
    expect(sibling.reports).toEqual([])
  })

  test('is waited for by a process that starts, whose own records are stored meanwhile', async () => {
    await using first = await Sibling.start(folder)
    await first.dispatch('note', ['in time'], { delay: hour })
    using database = open()
    database.exec('BEGIN IMMEDIATE')
    await using second = await Sibling.start(folder)
    const { id, outcome } = second.defer('note', ['mine'])
    await id
    expect(await outcome).toMatchObject({ status: 'done' })
    database.exec('ROLLBACK')
    await second.dispatch('note', ['shared'], { delay: hour })
    expect(second.reports).toEqual([])
  })
})
