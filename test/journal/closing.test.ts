import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword, Retry } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Program } from '../support/program.ts'
import { Reports } from '../support/reports.ts'
import { Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-closing-'))))
afterEach(() => rmSync(folder, { recursive: true }))

function stored(name: string): Record<string, unknown>[] {
  using database = new DatabaseSync(join(folder, `${name}.db`))
  return database.prepare('SELECT * FROM afterword_records ORDER BY key').all()
}

test('close() runs a record that is accepted meanwhile, or leaves it to the next process, but not both', async () => {
  for (let i = 0; i < 3; i++) {
    await using program = new Program(new URL('programs/closing.ts', import.meta.url), { args: [folder] })
    expect(await program.exited).toMatchObject({ code: 0 })
    const { runs, outcome } = JSON.parse(program.stdout)
    expect([runs, outcome]).toEqual(runs === 0 ? [0, 'cancelled'] : [1, 'done'])
    const left = stored('1').length
    expect(runs + left).toBe(1)
    await using next = new Afterword({ journal: folder })
    if (left > 0) await new Promise<void>((resolve) => void next.job('note', () => resolve()))
  }
})

test("close() with onError: 'stop' does not skip tasks behind a record that is left to the next process", async () => {
  using reports = new Reports()
  const afterword = new Afterword({ journal: folder, onError: 'stop' })
  const began = Promise.withResolvers<void>()
  const free = Promise.withResolvers<void>()
  const fail = async () => {
    began.resolve()
    await free.promise
    throw new Error('no luck')
  }
  const Fail = afterword.job('fail', fail, { retries: 1, backoff: 60_000 })
  const ran: string[] = []
  const Send = afterword.job('send', () => void ran.push('sent'))
  await using site = await serve(afterword, (_req, res) => {
    Fail.defer()
    Send.defer()
    res.end('fine')
  })
  expect(await site.get()).toBe('fine')
  await began.promise
  const closed = afterword.close()
  free.resolve()
  await closed
  expect(ran).toEqual(['sent'])
  expect(stored('1')).toMatchObject([{ job: 'fail' }])
  expect(reports.codes).toEqual(['AFTERWORD_TASK_RETRIED'])
})

test('close() can be called twice at once', async () => {
  const afterword = new Afterword({ journal: folder })
  await afterword.job('note', () => {}).defer().accepted
  await Promise.all([afterword.close(), afterword.close()])
  await afterword.close()
})

test('job.dispatch() with a delay after close() rejects with AFTERWORD_CLOSED', async () => {
  const afterword = new Afterword({ journal: folder })
  const Send = afterword.job('send', () => {})
  await afterword.close()
  await expect(Send.with({ delay: 1 }).dispatch()).rejects.toMatchObject({ code: 'AFTERWORD_CLOSED' })
})

test('job.with({ delay }) takes a delay that is longer than any timer', async () => {
  const afterword = new Afterword({ journal: folder })
  const Send = afterword.job('send', () => {})
  const days = 24 * 3_600_000
  await Send.with({ delay: 60 * days }).dispatch()
  await Send.with({ delay: Infinity }).dispatch()
  await afterword.close()
  const [first, last] = stored('shared').map(({ created, run_at: runAt }) => Number(runAt) - Number(created))
  expect(first).toBe(60 * days)
  expect(last).toBeGreaterThan(365 * days)
})

test('backoff that returns no time does not keep other records from being stored', async () => {
  using reports = new Reports()
  const afterword = new Afterword({ journal: folder, shutdownTimeout: 0 })
  let runs = 0
  const fail = (ms: number) => {
    runs++
    throw Retry.after(ms)
  }
  const Fail = afterword.job('fail', fail, { retries: 1, backoff: 0 })
  // As if made of a header that is a date.
  expect((await Fail.defer(Number.NaN).outcome).status).toBe('failed')
  expect(runs).toBe(2)
  const never = Fail.defer(Infinity)
  await never.accepted
  expect((await afterword.job('note', () => {}).defer().outcome).status).toBe('done')
  await afterword.close()
  expect(await never.outcome).toEqual({ status: 'cancelled', reason: 'kept' })
  expect(stored('1')).toMatchObject([{ job: 'fail', attempt: 1 }])
  expect(reports.codes).toEqual(['AFTERWORD_TASK_RETRIED', 'AFTERWORD_TASK_FAILED', 'AFTERWORD_TASK_RETRIED'])
})

describe('a handler that runs on after close()', () => {
  const start = () => Sibling.start(folder, { options: { worker: { concurrency: 8 } } })
  /** Leaves a call to the next process. */
  const leave = async (what: string) => {
    await using killed = await start()
    await killed.defer('hang', [what]).id
    await killed.ran(what)
    await killed.kill()
  }
  const calls: Record<string, (sibling: Sibling) => unknown> = {
    'was deferred': (sibling) => sibling.defer('hang', ['x']).id,
    'was deferred with a key': (sibling) => sibling.defer('hang', ['x'], { key: 'k' }).id,
    'was dispatched': (sibling) => sibling.dispatch('hang', ['x']),
    'was left by a dead process': () => {},
  }

  test.each(Object.keys(calls))('runs in no other process meanwhile, nor later, if its call %s', async (how) => {
    if (how === 'was left by a dead process') await leave('x')
    await using closed = await start()
    await calls[how]?.(closed)
    await closed.ran('x')
    closed.send({ type: 'close', stays: true })
    await closed.program.message('closed')
    await using other = await start()
    await leave('of a dead process')
    // It has looked at the slots of both.
    await other.ran('of a dead process')
    expect(other.runs).toEqual(['of a dead process'])
    other.let('of a dead process')
    closed.let('x')
    closed.send({ type: 'leave' })
    await closed.program.exited
    await leave('of another one')
    await other.ran('of another one')
    expect(other.runs).toEqual(['of a dead process', 'of another one'])
  })

  test('runs again in another process once its own one has ended', async () => {
    await using closed = await start()
    await closed.dispatch('hang', ['x'])
    await closed.ran('x')
    closed.send({ type: 'close', stays: true })
    await closed.program.message('closed')
    await using other = await start()
    await closed.kill()
    expect(await other.ran('x')).toMatchObject({ attempt: 1 })
  })
})
