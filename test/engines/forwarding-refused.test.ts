import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { Afterword, type AfterwordOptions } from '../../src/index.ts'
import { FailedRecords } from '../../src/journal/failed-records.ts'
import type { ListedRecord } from '../../src/journal/inspection/listed.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { testPostgres } from '../support/postgres.ts'
import { Reports } from '../support/reports.ts'
import { freshSchema, Tables } from './boss.ts'

let postgres: Awaited<ReturnType<typeof testPostgres>>
let schema: string
let folder: string
beforeAll(async () => void (postgres = await testPostgres()))
afterAll(() => postgres[Symbol.asyncDispose]())
beforeEach(() => {
  schema = freshSchema()
  folder = mkdtempSync(join(tmpdir(), 'afterword-forwarding-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function start(options: AfterwordOptions = {}): Afterword {
  const engine = pgBoss({ connectionString: postgres.url, schema })
  return new Afterword({ engine, journal: folder, signals: false, ...options })
}

test('a call that the database refuses is listed as failed in the folder, reported once, and forwarded after a retry', async () => {
  await using afterword = start({ worker: false })
  using reports = new Reports()
  const Send = afterword.job('send', (_what: string) => {})
  const Later = afterword.job('later', (_n: number) => {})
  await Later.dispatch(-1)
  await using tables = new Tables(postgres.url, schema)
  while ((await tables.calls('later').catch(() => [])).length === 0);
  const refuse = `CREATE FUNCTION ${schema}.refuse() RETURNS trigger AS $$ BEGIN RAISE 'not this one'; END $$ LANGUAGE plpgsql`
  await tables.boss.getDb().executeSql(refuse)
  const isBad = `WHEN (NEW.data->>'args' = '["bad"]')`
  const trigger = `CREATE TRIGGER refuse BEFORE INSERT ON ${schema}.job FOR EACH ROW ${isBad} EXECUTE FUNCTION ${schema}.refuse()`
  await tables.boss.getDb().executeSql(trigger)
  const told = reports.next
  await Send.dispatch('good')
  const bad = await Send.dispatch('bad')
  for (let call = 0; call < 20; call++) await Later.dispatch(call)
  const { error } = await told
  expect(error).toMatchObject({ code: 'AFTERWORD_CALL_REFUSED', cause: { message: 'not this one' } })
  expect(error.message).toContain(`refuses the call of the job "send" (${bad}): not this one.`)
  while ((await tables.calls('later')).length < 21);
  while ((await tables.calls('send')).length < 1);
  expect((await tables.calls('send')).map(({ data }) => data.args)).toEqual(['["good"]'])
  expect(afterword.status()).toMatchObject({ engineAway: 0 })
  expect(reports.codes).toEqual(['AFTERWORD_CALL_REFUSED'])

  await using inspector = new Inspector(folder)
  const failed = async () => {
    const pages: ListedRecord[] = []
    for await (const page of inspector.records({ state: 'failed' })) pages.push(...page)
    return pages
  }
  await expect.poll(async () => (await failed()).map(({ job }) => job), { timeout: 60_000 }).toEqual(['send'])
  expect((await failed())[0]?.error).toContain('not this one')
  await tables.boss.getDb().executeSql(`DROP TRIGGER refuse ON ${schema}.job`)
  await using failures = new FailedRecords(folder)
  for await (const page of failures.retry([bad])) expect(page).toEqual([{ id: bad, done: true }])
  while ((await tables.calls('send')).length < 2);
  expect((await tables.calls('send')).map(({ id }) => id)).toContain(bad)
})
