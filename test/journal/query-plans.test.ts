import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { migrate } from '../../src/journal/files/schema.ts'
import { RecordTable } from '../../src/journal/server/record-table.ts'
import type { Database, Statement } from '../../src/options/app-database.ts'

/** A database that tells the plan of each statement that is prepared. */
function planned(plans: Map<string, string[]>): Database {
  const database = new DatabaseSync(':memory:')
  migrate(database, ':memory:')
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const steps = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]
      plans.set(
        sql,
        steps.map(({ detail }) => detail),
      )
      return database.prepare(sql)
    },
  }
}

/** All records, or all that are loose. */
const endless = /^(SCAN|SEARCH) afterword_records( USING (COVERING )?INDEX \w+( \(owner[<>]\?\))?)?$/

/** A database that counts the runs of statements. */
function counted(): Database & { runs: number } {
  const database = new DatabaseSync(':memory:')
  migrate(database, ':memory:')
  const counting = {
    runs: 0,
    exec: (sql: string) => database.exec(sql),
    prepare(sql: string): Statement {
      const statement = database.prepare(sql)
      const count = <T>(value: T) => {
        counting.runs++
        return value
      }
      return {
        run: (...values) => count(statement.run(...values)),
        get: (...values) => count(statement.get(...values)),
        all: (...values) => count(statement.all(...values)),
      }
    },
  }
  return counting
}

test('claims take as many statements for a thousand jobs as for one', () => {
  const runsFor = (jobs: number) => {
    const database = counted()
    const store = new RecordTable(database, { store: 'shared', process: 2 ** 44, sync: 'normal' })
    const known = Array.from({ length: jobs }, (_, i) => [`job-${i}`, 1] as const)
    for (const [i, job] of ['unknown', 'job-0', 'job-0'].entries()) {
      store.added.share([2 ** 44 + 2 + i, job, 1, '[]', null, 0, 0, 0, 0, 0, null])
    }
    database.runs = 0
    const runnable = { known, shared: known }
    expect(store.claimable.outlook(runnable, new Map())).toMatchObject({ due: true })
    expect(store.claimable.claim(runnable, 64, new Map())).toHaveLength(2)
    expect(store.claimable.outlook(runnable, new Map())).toMatchObject({ due: false })
    return database.runs
  }
  expect(runsFor(1000)).toBe(runsFor(1))
})

// With a million of them, that would be many milliseconds for each page of 64.
test('frequent statements use an index and scan no other records', () => {
  const plans = new Map<string, string[]>()
  const store = new RecordTable(planned(plans), { store: 'own', process: 2 ** 44, sync: 'normal', adopted: true })
  const jobs = { known: [['a', 1]], shared: [['a', 1]] } as const
  store.atomically(() => {
    store.claimable.takeOver()
    store.suspects.quarantine()
    store.claimable.claim(jobs, 64, new Map())
    store.suspects.claim([2 ** 44 + 1])
    store.claimable.suspects(jobs)
    store.added.insert([2 ** 44 + 1, 'a', 1, '[]', null, 0, 0, 0, 0, 2 ** 44, null])
    store.added.share([2 ** 44 + 2, 'a', 1, '[]', null, 0, 0, 0, 0, 0, 'single'], '["single"]')
    store.suspects.note(2 ** 44 + 1, 1)
    store.suspects.lasted(2 ** 44 + 1, 250)
    store.retry(2 ** 44 + 1, 1, 0, true)
    store.handBack(2 ** 44 + 1)
    store.failed(2 ** 44 + 1, 1, 'failed', null)
    store.done([2 ** 44 + 1, 2 ** 44 + 2])
  })
  store.claimable.outlook(jobs, new Map())
  store.claimable.encryptedByOthers(jobs)
  store.claimable.isFor(jobs)
  store.upkeep.release(2)
  store.upkeep.leave()
  store.upkeep.resetClock()
  store.upkeep.forget(0, 10)
  expect(plans.size).toBeGreaterThan(15)
  // These pass over no more than the claims of this process.
  const orphans = /owner > 0 AND NOT owner IN \(\d+, \d+\) LIMIT (1|1000\))$/
  const slow = [...plans].filter(([sql, steps]) => !orphans.test(sql) && steps.some((step) => endless.test(step)))
  expect(slow.map(([sql]) => sql)).toEqual([])
})
