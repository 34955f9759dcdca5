import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-modes-'))))
afterEach(() => rmSync(folder, { recursive: true }))

test.each([
  ['BigInts of node:sqlite', (path: string) => new DatabaseSync(path, { readBigInts: true })],
  ['arrays of node:sqlite', (path: string) => new DatabaseSync(path, { returnArrays: true })],
  ['named parameters of node:sqlite', (path: string) => new DatabaseSync(path, { allowBareNamedParameters: false })],
  ['safe integers of better-sqlite3', (path: string) => new BetterSqlite3(path).defaultSafeIntegers(true)],
])("an app's own database keeps jobs with its mode of values: %s", async (_mode, open) => {
  using reports = new Reports()
  const path = join(folder, 'app.db')
  const database = open(path)
  const ran: unknown[] = []
  const delayed = Promise.withResolvers<void>()
  let cancelled: string
  {
    await using afterword = new Afterword({ journal: { database } })
    const Run = afterword.job('run', (what: unknown) => {
      ran.push(what)
      if (what === 'delayed') delayed.resolve()
    })
    const Fail = afterword.job('fail', () => Promise.reject(new Error('no')), { retries: 0 })
    database.exec('BEGIN')
    Run.defer('rolled back')
    database.exec('ROLLBACK')
    database.exec('BEGIN')
    const committed = Run.defer('committed')
    database.exec('COMMIT')
    expect(await committed.outcome).toMatchObject({ status: 'done' })
    expect(await Fail.defer().outcome).toMatchObject({ status: 'failed' })
    const keyed = [Run.with({ key: 'k' }).defer('first'), Run.with({ key: 'k' }).defer('second')]
    expect(await Promise.all(keyed.map(({ outcome }) => outcome))).toMatchObject([
      { status: 'done' },
      { status: 'cancelled', reason: 'duplicate' },
    ])
    await Run.with({ delay: 1 }).dispatch('delayed')
    cancelled = await Run.with({ delay: 3_600_000 }).dispatch('cancelled')
    await delayed.promise
    expect(await afterword.cancel(cancelled)).toBe(true)
    await Run.with({ delay: 3_600_000 }).dispatch('left')
  }
  expect(ran).toEqual(['committed', 'first', 'delayed'])
  await using inspector = new Inspector(path)
  expect(await inspector.databases()).toMatchObject([{ pending: 1, failed: 1, running: 0 }])
  expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
})
