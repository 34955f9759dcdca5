import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Actions } from '../../src/dashboard/records/actions.ts'
import { RecordDesk } from '../../src/dashboard/records/record-desk.ts'
import type { ActionRequest, ActionView, JobFilter, JobView } from '../../src/dashboard/views.ts'
import { Afterword } from '../../src/index.ts'
import type { JournalOptions } from '../../src/options/journal-options.ts'
import { ConsoleProgram } from '../support/console-program.ts'
import { Reports } from '../support/reports.ts'

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-dashboard-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Leaves failed and delayed records in a journal that no process has open. */
async function leave(journal: string | JournalOptions, { failed = 0, delayed = 0 }): Promise<void> {
  await using afterword = new Afterword({ journal, signals: false, worker: false })
  using _reports = new Reports()
  const Send = afterword.job('send', (to: string) => Promise.reject(new Error(`${to} refused`)), { retries: 0 })
  const calls = Array.from({ length: failed }, (_, n) => Send.with({ key: `key-${n}` }).defer(`user-${n}`))
  await Promise.all(calls.map(({ outcome }) => outcome))
  for (let n = 0; n < delayed; n++) await Send.with({ delay: 3_600_000 }).dispatch(`late-${n}`)
}

/** Reads all pages of a filter. */
async function allOf(desk: RecordDesk, filter: JobFilter, limit: number): Promise<JobView[]> {
  const all: JobView[] = []
  for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
    const page = await desk.page({ ...filter, limit, ...(cursor !== undefined && { cursor }) })
    expect(page.jobs.length).toBeLessThanOrEqual(limit)
    all.push(...page.jobs)
    cursor = page.next
  }
  return all
}

/** Carries an action out. */
function act(desk: RecordDesk, request: ActionRequest): Promise<ActionView> {
  return new Promise((resolve) => {
    const actions = new Actions(
      () => desk,
      (action) => action.endedAt !== undefined && resolve(action),
    )
    actions.begin(request, 'ada')
  })
}

test('pages have what has failed first, the newest first, and each record once', async () => {
  const folder = newFolder()
  await leave(folder, { failed: 7, delayed: 5 })
  await using desk = new RecordDesk(folder)
  const all = await allOf(desk, {}, 3)
  expect(all.map(({ state }) => state)).toEqual([...new Array(7).fill('failed'), ...new Array(5).fill('later')])
  expect(new Set(all.map(({ id }) => id)).size).toBe(12)
  const failedAt = all.slice(0, 7).map(({ failedAt }) => failedAt as number)
  expect(failedAt).toEqual(failedAt.toSorted((a, b) => b - a))
  const { counts, matching } = await desk.page({ state: 'failed', limit: 1 })
  expect(matching).toBe(7)
  expect(counts).toEqual(
    expect.arrayContaining([
      { job: 'send', state: 'failed', count: 7 },
      { job: 'send', state: 'later', count: 5 },
    ]),
  )
})

test('pages find a part of the error, of the key and of the job, a whole id, and nothing in arguments', async () => {
  const folder = newFolder()
  await leave(folder, { failed: 4, delayed: 1 })
  await using desk = new RecordDesk(folder)
  expect(await allOf(desk, { search: 'USER-2 refused' }, 10)).toMatchObject([{ error: 'Error: user-2 refused' }])
  expect(await allOf(desk, { search: 'key-3' }, 10)).toHaveLength(1)
  expect(await allOf(desk, { search: 'sen' }, 10)).toHaveLength(5)
  expect(await allOf(desk, { search: '100%' }, 10)).toEqual([])
  expect(await allOf(desk, { search: 'late-0' }, 10)).toEqual([])
  const [record] = await allOf(desk, { state: 'later' }, 10)
  expect(await allOf(desk, { search: record?.id as string }, 10)).toEqual([record])
})

test('pages go through 100,000 records, of which each has its turn while others come and go', async () => {
  const folder = newFolder()
  await leave(folder, { delayed: 1 })
  using database = new DatabaseSync(join(folder, 'shared.db'))
  const first = 3 * 2 ** 44
  database.exec(`WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO afterword_records (key, job, version, args, created, run_at, owner)
    SELECT ${first} + i, iif(i % 25000 = 0, 'rare', 'usual'), 1, (SELECT args FROM afterword_records), i, 1, 0 FROM n`)
  await using desk = new RecordDesk(folder)
  expect((await allOf(desk, { job: 'rare' }, 50)).map(({ created }) => created)).toEqual([
    100_000, 75_000, 50_000, 25_000,
  ])
  const seen = new Set<number>()
  for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
    const { jobs, next } = await desk.page({ job: 'usual', limit: 200, ...(cursor !== undefined && { cursor }) })
    for (const { created } of jobs) seen.add(created)
    // The last ones of the page are done meanwhile.
    const last = jobs.at(-1)
    if (last !== undefined) database.prepare('DELETE FROM afterword_records WHERE key = ?').run(first + last.created)
    cursor = next
  }
  expect(seen.size).toBe(100_000 - 4)
})

test('arguments are hidden until they are revealed', async () => {
  const folder = newFolder()
  await leave(folder, { failed: 1 })
  await using desk = new RecordDesk(folder)
  const [{ id = '' } = {}] = await allOf(desk, {}, 10)
  const hidden = await desk.find(id, false)
  expect(hidden).toMatchObject({ args: '(1 argument, hidden)', isRevealed: false, key: 'key-0', reason: 'failed' })
  expect(hidden?.stack).toContain('Error: user-0 refused\n')
  expect(hidden?.history.map(({ state }) => state)).toEqual(['deferred', 'failed'])
  expect(await desk.find(id, true)).toMatchObject({ args: "'user-0'", isRevealed: true })
  expect(await desk.find('none', true)).toBeUndefined()
})

test('what is encrypted is decrypted only where it is revealed, with the key', async () => {
  const folder = newFolder()
  const key = new Uint8Array(32).fill(7)
  await leave({ path: folder, encrypt: { key } }, { failed: 1 })
  await using desk = new RecordDesk(folder, { key, previous: [] })
  await using without = new RecordDesk(folder)
  const [{ id = '', error } = {}] = await allOf(desk, {}, 10)
  expect(error).toBe('(sealed)')
  expect(await desk.find(id, false)).toMatchObject({ args: '(sealed)', stack: '(sealed)', key: '(sealed)' })
  const revealed = await desk.find(id, true)
  expect(revealed?.args).toBe("'user-0'")
  expect(revealed?.stack).toContain('user-0 refused')
  expect(await without.find(id, true)).toMatchObject({ args: '(sealed)', stack: '(sealed)' })
})

test('actions retry, run now and discard: some records, or all that match', async () => {
  const folder = newFolder()
  await leave(folder, { failed: 5, delayed: 3 })
  await using desk = new RecordDesk(folder)
  const [{ id = '' } = {}] = await allOf(desk, { state: 'failed' }, 10)
  expect(await act(desk, { action: 'retry', ids: [id, 'none'], expected: 2 })).toMatchObject({
    who: 'ada',
    what: '2 records',
    done: 1,
    unchanged: 1,
    isCancelled: false,
    error: undefined,
  })
  expect(await act(desk, { action: 'run', filter: {}, expected: 3 })).toMatchObject({
    what: 'all later records',
    done: 3,
  })
  expect(await allOf(desk, { state: 'later' }, 10)).toEqual([])
  expect(await allOf(desk, { state: 'pending' }, 10)).toHaveLength(4)
  const search = { state: 'failed', search: 'refused' } as const
  expect(await act(desk, { action: 'discard', filter: search, expected: 4 })).toMatchObject({
    what: 'all failed records with "refused"',
    done: 4,
    unchanged: 0,
  })
  expect(await allOf(desk, {}, 10)).toHaveLength(4)
})

test('an action can be cancelled, and the log tells who did what', async () => {
  const folder = newFolder()
  await leave(folder, { failed: 250 })
  await using desk = new RecordDesk(folder)
  const ended = Promise.withResolvers<ActionView>()
  const actions = new Actions(
    () => desk,
    (action) => action.endedAt !== undefined && ended.resolve(action),
  )
  const { id } = actions.begin({ action: 'retry', filter: { job: 'send' }, expected: 250 }, 'ada')
  actions.cancel(id)
  expect(await ended.promise).toMatchObject({ isCancelled: true, done: 0 })
  expect(actions.cancel('none')).toBeUndefined()
  expect(actions.log).toMatchObject([{ id, who: 'ada', action: 'retry', what: 'all failed records of "send"' }])
})

test('actions end with their instance, and say so', async () => {
  const folder = newFolder()
  await leave(folder, { failed: 250 })
  await using desk = new RecordDesk(folder)
  const afterword = new Afterword({ signals: false })
  const ended = Promise.withResolvers<ActionView>()
  const actions = new Actions(
    () => desk,
    (action) => action.endedAt !== undefined && ended.resolve(action),
    () => afterword.status().ending,
  )
  actions.begin({ action: 'discard', filter: {}, expected: 250 }, 'ada')
  await afterword.close()
  expect(await ended.promise).toMatchObject({ isCancelled: false, error: expect.stringContaining('The process ends.') })
  expect((await allOf(desk, {}, 100)).length).toBeGreaterThan(0)
})

test('a page is full beside a process that does not answer', async () => {
  const folder = newFolder()
  await leave(folder, { failed: 60 })
  const program = fileURLToPath(new URL('../cli/programs/blocked.ts', import.meta.url))
  const flags = ['--disable-warning=ExperimentalWarning']
  await using blocked = new ConsoleProgram([process.execPath, ...flags, program], { env: { BLOCKED_FOLDER: folder } })
  await blocked.printed(/blocked/)
  await using desk = new RecordDesk(folder)
  expect((await desk.page({ limit: 50 })).jobs).toHaveLength(50)
})

test('a place that is no journal is told in words, and a cursor that is none', async () => {
  await using missing = new RecordDesk(join(newFolder(), 'missing'))
  await expect(missing.page({ limit: 1 })).rejects.toThrow('does not exist')
  const folder = newFolder()
  await leave(folder, { failed: 1 })
  await using desk = new RecordDesk(folder)
  await expect(desk.page({ limit: 1, cursor: 'none' })).rejects.toThrow('The cursor is none of this store')
})
