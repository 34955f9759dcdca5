import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-limits-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** The number of shared records of a job that some process has claimed. */
function claimed(job: string): unknown {
  using database = new DatabaseSync(join(folder, 'shared.db'), { timeout: 5000 })
  const select = 'SELECT count(*) AS n FROM afterword_records WHERE owner > 0 AND job = ?'
  return database.prepare(select).get(job)?.n
}

const many = Array.from({ length: 100 }, (_, i) => `${i}`)
const one = { limits: { hang: { concurrency: 1 } } }
const web = { options: { worker: false } }

/** Leaves records of a job behind that wait in no process. */
async function leave(job: string, settings = {}): Promise<void> {
  await using left = await Sibling.start(folder, { ...web, ...settings })
  await Promise.all(many.map((what) => left.dispatch(job, [what])))
  await left.close()
}

describe('a job at its concurrency', () => {
  test('keeps no dispatched call of another job waiting', async () => {
    await using worker = await Sibling.start(folder, one)
    await Promise.all(many.map((what) => worker.dispatch('hang', [what])))
    await worker.dispatch('note', ['at once'])
    await worker.ran('at once')
    await worker.dispatch('note', ['a little later'], { delay: 10 })
    await worker.ran('a little later')
    expect(worker.runs.filter((what) => many.includes(what))).toHaveLength(1)
  })

  test('is claimed no more often than it can begin, and goes on when it has room', async () => {
    await leave('hang')
    await using worker = await Sibling.start(folder, { limits: { hang: { concurrency: 2 } } })
    await Promise.all(['0', '1'].map((what) => worker.ran(what)))
    await worker.dispatch('note', ['another'], { delay: 10 })
    await worker.ran('another')
    expect(claimed('hang')).toBe(2)
    worker.let('1')
    await worker.ran('2')
    worker.let('0')
    await worker.ran('3')
    expect(worker.runs.filter((what) => many.includes(what))).toEqual(['0', '1', '2', '3'])
  })

  test('keeps no other job waiting in the process that takes over from one that died', async () => {
    {
      await using dead = await Sibling.start(folder, one)
      for (const what of many) await dead.defer('hang', [what]).id
      await dead.defer('note', ['innocent']).id
      await dead.kill()
    }
    await using next = await Sibling.start(folder, one)
    await next.ran('innocent')
    expect(next.runs.filter((what) => many.includes(what)).length).toBeLessThanOrEqual(1)
  })

  test('leaves the calls for which it has no room to another process', async () => {
    await using first = await Sibling.start(folder, { name: 'first', ...one })
    await first.dispatch('hang', ['of the first'])
    await first.ran('of the first')
    const id = await first.dispatch('hang', ['of the second'])
    await using second = await Sibling.start(folder, { name: 'second', ...one })
    expect(await second.ran('of the second')).toMatchObject({ id, by: 'second' })
  })
})

test('a job at its rate keeps no other job waiting, and goes on when the rate allows', async () => {
  await leave('note')
  await using worker = await Sibling.start(folder, { limits: { note: { rate: { runs: 3, per: 500 } } } })
  await worker.ran('2')
  await worker.dispatch('other', ['at once'], { delay: 1 })
  await worker.ran('at once')
  // Nothing but the time asks for these.
  await worker.ran('8')
  expect(worker.runs.filter((what) => what !== 'at once')).toEqual(many.slice(0, worker.runs.length - 1))
})

test('claims that have not begun when their process begins to end run in another one meanwhile', async () => {
  await leave('hang')
  // One task at a time: the other claims wait for their turn.
  await using ending = await Sibling.start(folder, { options: { concurrency: 1, shutdownTimeout: 600_000 } })
  await ending.ran('0')
  await ending.work()
  ending.program.kill('SIGTERM')
  await using sibling = await Sibling.start(folder)
  await Promise.all(many.slice(1, 64).map((what) => sibling.ran(what)))
  expect(ending.runs).toEqual(['0'])
  ending.let('0')
  expect(await ending.program.exited).toEqual({ code: 0, signal: null })
})

test('calls of a job whose rate is used up keep no shutdown waiting, and run in the next process; those in memory are waited for', async () => {
  const runs: string[] = []
  const rate = { runs: 2, per: 3_600_000 }
  {
    await using afterword = new Afterword({ journal: folder, shutdownTimeout: 600_000 })
    const note = (what: string) => void runs.push(what)
    const began = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    const both = (what: string) => {
      began.resolve()
      note(what)
      return end.promise
    }
    const Limited = afterword.job('note', note, { rate })
    const Both = afterword.job('hang', both, { rate, concurrency: 1 })
    const calls = ['1', '2', '3', '4'].map((what) => Limited.defer(what))
    const more = ['5', '6', '7'].map((what) => Both.defer(what))
    // A task of the same scope waits behind one that waits for the rate.
    afterword.defer(() => {
      Limited.defer('8')
      afterword.defer(note, 'in memory')
    })
    await Promise.all([...calls.slice(0, 2).map(({ outcome }) => outcome), began.promise])
    // Two have begun, and the others wait for the rate by now.
    await Promise.all([...calls, ...more].map(({ accepted }) => accepted))
    const closed = afterword.close()
    end.resolve()
    await closed
    for (const { outcome } of [...calls.slice(2), ...more.slice(2)])
      expect(await outcome).toEqual({ status: 'cancelled', reason: 'kept' })
    expect(afterword.status()).toMatchObject({ done: 6, cancelled: 0, backlog: 0 })
  }
  expect(runs.toSorted()).toEqual(['1', '2', '5', '6', 'in memory'])
  await using next = await Sibling.start(folder)
  await Promise.all(['3', '4', '7', '8'].map((what) => next.ran(what)))
})
