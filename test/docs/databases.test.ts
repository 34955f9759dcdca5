import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Afterword, defer } from '../../src/index.ts'
import { runInline } from '../../src/testing/index.ts'

describe('docs/databases.md', () => {
  let folder: string
  let writer: DatabaseSync
  let reader: DatabaseSync
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'afterword-databases-'))
    writer = new DatabaseSync(join(folder, 'app.db'))
    writer.exec('PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY)')
    reader = new DatabaseSync(join(folder, 'app.db'))
  })
  afterEach(async () => {
    writer.close()
    reader.close()
    await rm(folder, { recursive: true })
  })

  const orders = () => (reader.prepare('SELECT count(*) AS count FROM orders').get() as { count: number }).count

  it('dispatch in a transaction runs before the commit, and does not see the row', async () => {
    await using afterword = new Afterword({ journal: join(folder, 'jobs') })
    const seen = Promise.withResolvers<number>()
    const ship = afterword.job('ship', () => seen.resolve(orders()))
    writer.exec('BEGIN; INSERT INTO orders VALUES (7)')
    await ship.dispatch()
    expect(await seen.promise).toBe(0)
    writer.exec('COMMIT')
    expect(orders()).toBe(1)
  })

  it('defer in a handler that commits before it answers runs after the commit', async () => {
    const { outcomes } = await runInline(async () => {
      writer.exec('BEGIN; INSERT INTO orders VALUES (7)')
      defer(orders)
      await Promise.resolve()
      writer.exec('COMMIT')
    })
    expect(outcomes).toEqual([{ status: 'done', value: 1 }])
  })

  it('defer in a transaction that is rolled back runs all the same; with when: success it does not', async () => {
    const { outcomes } = await runInline(
      () => {
        writer.exec('BEGIN; INSERT INTO orders VALUES (7)')
        defer(orders)
        defer.with({ when: 'success' })(orders)
        writer.exec('ROLLBACK')
      },
      { status: 500 },
    )
    expect(outcomes).toEqual([
      { status: 'done', value: 0 },
      { status: 'cancelled', reason: 'when' },
    ])
  })
})
