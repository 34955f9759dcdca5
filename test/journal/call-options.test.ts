import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword, type AfterwordOptions, type Job, subscribe } from '../../src/index.ts'
import { FailedRecords } from '../../src/journal/failed-records.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'

let folder: string
let reports: Reports
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'afterword-bound-'))
  reports = new Reports()
})
afterEach(() => {
  reports[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

const hour = 3_600_000
/** The outcomes of the runs of a call with the bound options: one throws, one takes too long, one throws. */
const bound = { retries: 2, backoff: { base: 0 }, timeout: 20 }
const runs = ['failed', 'timed-out', 'failed']

/** An instance, and the job in it. With the options of the job there is one run, or a next one in an hour. */
function start(options: AfterwordOptions): { afterword: Afterword; job: Job<[]> } {
  const afterword = new Afterword({ journal: folder, shutdownTimeout: 0, ...options })
  const fail = () => {
    if (afterword.currentTask()?.attempt === 2) return new Promise(() => {})
    throw new Error('no luck')
  }
  return { afterword, job: afterword.job('fail', fail, { retries: 0, backoff: hour, timeout: hour }) }
}

/** Resolves with the outcome of each run, when one has failed for good. */
function outcomes(): Promise<string[]> {
  const seen: string[] = []
  const unsubscribe = subscribe('task:retrying', ({ outcome }) => void seen.push(outcome.status))
  return new Promise((resolve) => {
    const stop = subscribe('task:ended', ({ outcome }) => {
      if (outcome.status === 'cancelled') return
      unsubscribe()
      stop()
      resolve([...seen, outcome.status])
    })
  })
}

describe('job.with() options', () => {
  test('are stored with the record for the process that claims it', async () => {
    const ended = outcomes()
    const web = start({ worker: false })
    await web.job.with(bound).dispatch()
    const worker = start({})
    expect(await ended).toEqual(runs)
    await worker.afterword.close()
    await web.afterword.close()
  })

  test('hold for a claim that is tried again by another process', async () => {
    const ended = outcomes()
    const { afterword, job } = start({})
    await job.with(bound).dispatch()
    expect(await ended).toEqual(runs)
    await afterword.close()
  })

  test('hold in the next process, and after a retry by hand', async () => {
    const before = start({})
    {
      await using site = await serve(before.afterword, (_req, res) => {
        // In its way, until the process ends.
        before.afterword.defer(() => new Promise(() => {}))
        before.job
          .with({ ...bound, retries: 9 })
          .with({ retries: 2 })
          .defer()
        res.end()
      })
      await site.get()
      await before.afterword.close()
    }
    const ended = outcomes()
    const after = start({})
    expect(await ended).toEqual(runs)
    await after.afterword.close()

    await using failed = new FailedRecords(folder)
    const retried = []
    for await (const page of failed.retry()) retried.push(...page)
    expect(retried).toHaveLength(1)
    const again = outcomes()
    const later = start({})
    expect(await again).toEqual(runs)
    await later.afterword.close()
  })

  test("are stored in an app's own database", async () => {
    using database = new DatabaseSync(join(folder, 'app.db'))
    const ended = outcomes()
    const { afterword, job } = start({ journal: { database } })
    await job.with(bound).dispatch()
    expect(await ended).toEqual(runs)
    await afterword.close()
  })

  test('are stored except a backoff function: another process uses the backoff of the job', async () => {
    const web = start({ worker: false })
    await web.job.with({ retries: 2, backoff: () => 0 }).dispatch()
    const retrying = new Promise<number>((resolve) => {
      const stop = subscribe('task:retrying', ({ delay }) => {
        stop()
        resolve(delay)
      })
    })
    const worker = start({})
    expect(await retrying).toBe(hour)
    await worker.afterword.close()
    await web.afterword.close()
  })
})
