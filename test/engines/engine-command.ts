import { expect, test } from 'vitest'
import { RecordDesk } from '../../src/dashboard/records/record-desk.ts'
import type { JobView } from '../../src/dashboard/views.ts'
import type { Afterword } from '../../src/index.ts'
import { ended } from '../../src/testing/store-watch.ts'
import { Command } from '../support/command.ts'
import { Reports } from '../support/reports.ts'

/** Runs the command line, and resolves with what became of it. */
export async function cli(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  await using command = new Command(args)
  const code = await command.exited
  const { stdout, stderr } = command
  return { code, stdout, stderr }
}

export const json = async (...args: string[]) => JSON.parse((await cli(...args, '--json')).stdout)

/** Leaves two calls that have failed, and one that waits. Closes the instance. */
export async function fill(afterword: Afterword): Promise<{ failed: string[]; waiting: string }> {
  using _reports = new Reports()
  const Fail = afterword.job('fail', (_what: object) => Promise.reject(new TypeError('no luck')), { retries: 0 })
  const Later = afterword.job('later', (_n: number) => {})
  const both = ended('fail', 2)
  const failed = [await Fail.dispatch({ n: 1, at: new Date(0) }), await Fail.with({ key: 'k' }).dispatch({ n: 2 })]
  await both
  const waiting = await Later.with({ delay: 3_600_000, timeout: 100 }).dispatch(3)
  await afterword.close()
  return { failed, waiting }
}

/** An engine, as the tests of its command line see it. */
export interface EngineCommand {
  readonly engine: string
  /** The parameter of its URL that names where its calls are. */
  readonly parameter: string
  /** A word for the backup of its database. */
  readonly backup: string
  /** The URL of a fresh place for the calls of each test. */
  place(): string
  /** Starts an instance on that place. */
  start(options?: { worker?: boolean }): Afterword
  /** Looks for what is left of calls that were discarded. */
  whenDiscarded?(ids: readonly string[]): Promise<void>
}

/** The tests of the command line that each engine passes. */
export function describeEngineCommand({ engine, parameter, backup, place, start, whenDiscarded }: EngineCommand): void {
  test(`the dashboard pages through what ${engine} keeps, counts it, and makes calls due`, async () => {
    const { failed, waiting } = await fill(start())
    await using desk = new RecordDesk(place())
    const all: JobView[] = []
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const page = await desk.page({ limit: 1, ...(cursor !== undefined && { cursor }) })
      all.push(...page.jobs)
      cursor = page.next
    }
    expect(all.map(({ id }) => id).sort()).toEqual([...failed, waiting].sort())
    expect(all.map(({ state }) => state)).toEqual(['failed', 'failed', 'later'])
    expect(all[0]).toMatchObject({ job: 'fail', error: 'TypeError: no luck' })
    const { jobs, counts } = await desk.page({ state: 'failed', search: 'NO LUCK', limit: 10 })
    expect(jobs).toHaveLength(2)
    expect(counts.toSorted((a, b) => (a.job < b.job ? -1 : 1))).toEqual([
      { job: 'fail', state: 'failed', count: 2 },
      { job: 'later', state: 'later', count: 1 },
    ])
    expect((await desk.page({ job: 'later', limit: 10 })).jobs.map(({ id }) => id)).toEqual([waiting])
    expect(await desk.find(waiting, true)).toMatchObject({ args: '3', isRevealed: true })
    const changed: boolean[] = []
    await desk.change(async (writer) => {
      for await (const page of writer.run([waiting, ...failed])) changed.push(...page.map(({ done }) => done))
    })
    expect(changed).toEqual([true, false, false])
    expect((await desk.page({ state: 'pending', limit: 10 })).jobs.map(({ id }) => id)).toEqual([waiting])
  })

  test(`afterword status, list and show look into what ${engine} keeps`, async () => {
    const { failed, waiting } = await fill(start())
    expect(await json('status', place())).toEqual([
      { name: 'afterword/fail/1', running: 0, pending: 0, failed: 2, stuck: [], paused: [] },
      { name: 'afterword/later/1', running: 0, pending: 1, failed: 0, stuck: [], paused: [] },
    ])
    expect((await cli('status', place())).stdout).toContain('afterword/fail/1')
    const all = await json('list', place())
    expect(all.map(({ state }: { state: string }) => state)).toEqual(['failed', 'failed', 'pending'])
    const ids = all.map(({ id }: { id: string }) => id)
    expect(ids.slice(0, 2).sort()).toEqual([...failed].sort())
    const [pending] = await json('list', place(), '--state', 'pending')
    expect(pending).toMatchObject({
      id: waiting,
      job: 'later',
      version: 1,
      attempt: 0,
      args: [3],
      options: { timeout: 100 },
    })
    expect(Date.parse(pending.runAt) - Date.parse(pending.created)).toBeGreaterThanOrEqual(3_600_000)
    expect(await json('list', place(), '--job', 'fail', '--limit', '1')).toHaveLength(1)
    expect(await json('show', place(), failed[1] as string)).toMatchObject({
      id: failed[1],
      state: 'failed',
      reason: 'failed',
      attempt: 1,
      key: 'k',
      args: [{ n: 2 }],
      error: expect.stringMatching(/^TypeError: no luck\n/),
    })
    expect((await cli('list', place())).stdout).toContain('TypeError: no luck')
    expect(await json('show', place(), 'none')).toBe(null)
  })

  test('afterword retry makes failed calls pending again, but for one whose key is taken', async () => {
    const { failed, waiting } = await fill(start())
    const afterword = start({ worker: false })
    const seen: unknown[] = []
    const Fail = afterword.job('fail', (what: { n: number }) => {
      seen.push([what.n, afterword.currentTask()?.attempt])
    })
    const holder = await Fail.with({ key: 'k', delay: 3_600_000 }).dispatch({ n: 3 })
    expect(await json('retry', place(), '--all')).toEqual(
      expect.arrayContaining([
        { id: failed[0], done: true },
        { id: failed[1], done: false },
      ]),
    )
    expect((await cli('retry', place(), waiting)).code).toBe(1)
    const ran = ended('fail', 1)
    afterword.work()
    await ran
    expect(seen).toEqual([[1, 1]])
    expect(await afterword.cancel(holder)).toBe(true)
    const other = ended('fail', 1)
    expect(await cli('retry', place(), failed[1] as string)).toMatchObject({ code: 0 })
    await other
    expect(seen).toEqual([
      [1, 1],
      [2, 1],
    ])
    await afterword.close()
  })

  test('a call that was retried by hand has all of its attempts, and fails for good once more', async () => {
    const { failed } = await fill(start())
    using _reports = new Reports()
    await cli('retry', place(), failed[0] as string)
    const afterword = start()
    const attempts: (number | undefined)[] = []
    const ran = ended('fail', 1)
    const fail = () => {
      attempts.push(afterword.currentTask()?.attempt)
      throw new Error('still')
    }
    afterword.job('fail', fail, { retries: 1, backoff: 0 })
    await ran
    await afterword.close()
    expect(attempts).toEqual([1, 2])
    expect(await json('show', place(), failed[0] as string)).toMatchObject({ state: 'failed', attempt: 2 })
  })

  test('afterword discard deletes failed calls, and by its id one that waits', async () => {
    const { failed, waiting } = await fill(start())
    expect(await json('discard', place(), waiting, failed[0] as string)).toEqual([
      { id: waiting, done: true },
      { id: failed[0], done: true },
    ])
    expect((await cli('discard', place(), waiting)).stdout).toBe(`${waiting} is no record that waits or has failed\n`)
    expect((await cli('discard', place(), '--all')).stdout).toBe('1 record is deleted.\n')
    expect(await json('list', place())).toEqual([])
    await whenDiscarded?.([...failed, waiting])
  })

  test('a call that runs is shown as running, and is neither retried nor discarded', async () => {
    await using afterword = start()
    const begun = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const Slow = afterword.job('slow', () => {
      begun.resolve()
      return gate.promise
    })
    const id = await Slow.dispatch()
    await begun.promise
    expect(await json('show', place(), id)).toMatchObject({ id, state: 'running' })
    expect(await json('retry', place(), id)).toEqual([{ id, done: false }])
    expect(await json('discard', place(), id)).toEqual([{ id, done: false }])
    const ran = ended('slow', 1)
    gate.resolve()
    await ran
  })

  test.each([['pause'], ['resume']])('afterword %s of an engine says that it keeps no pauses', async (command) => {
    const { code, stdout, stderr } = await cli(command, place(), 'fail')
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(new RegExp(`^AFTERWORD_NOT_PAUSED: .*${engine} keeps no pauses.*--jobs\\.\n$`))
  })

  test('afterword backup of an engine says that the backup is that of its database', async () => {
    const { code, stderr } = await cli('backup', place(), 'copy')
    expect(code).toBe(1)
    expect(stderr).toMatch(
      new RegExp(`^AFTERWORD_NO_BACKUP: ${engine} keeps its calls in a database of its own, .*${backup}.*\\.\n$`),
    )
  })

  test('a parameter of the URL that nothing knows, and a state that an engine does not know, are wrong usage', async () => {
    const misspelt = `${parameter.slice(0, 2)}${parameter.slice(3)}`
    expect(await cli('status', place().replace(`${parameter}=`, `${misspelt}=`))).toEqual({
      code: 2,
      stdout: '',
      stderr: `status knows no parameter "${misspelt}" of a URL. Did you mean "${parameter}"?\nUsage: afterword status <folder|url>\n`,
    })
    for (const state of ['paused', 'done']) {
      expect(await cli('list', place(), '--state', state)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(
          new RegExp(
            `^--state of ${engine} expects one of failed, running, pending, got "${state}"\\.\nUsage: afterword list `,
          ),
        ),
      })
    }
  })

  test('the tables have no column that is empty', async () => {
    await fill(start())
    const [head] = (await cli('status', place())).stdout.split('\n')
    expect(head?.split(/ +/)).toEqual(['name', 'running', 'pending', 'failed'])
    const [columns] = (await cli('list', place())).stdout.split('\n')
    expect(columns?.split(/ +/)).toEqual([
      'id',
      'state',
      'job',
      'version',
      'attempt',
      'created',
      'runAt',
      'reason',
      'args',
      'error',
    ])
    const [waiting] = (await cli('list', place(), '--state', 'pending')).stdout.split('\n')
    expect(waiting).not.toMatch(/pid|reason|error/)
  })
}
