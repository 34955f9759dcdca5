import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll } from 'vitest'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { Afterword } from '../../src/index.ts'
import { testPostgres } from '../support/postgres.ts'
import { freshSchema } from './boss.ts'
import { describeStore, type Store } from './store-contract.ts'

let postgres: Awaited<ReturnType<typeof testPostgres>>
beforeAll(async () => void (postgres = await testPostgres()))
afterAll(() => postgres[Symbol.asyncDispose]())

const folders = () => mkdtempSync(join(tmpdir(), 'afterword-contract-'))

describeStore({
  name: 'in memory',
  forgets: true,
  open: async () => ({
    start: ({ worker: _worker, ...options } = {}) => new Afterword({ signals: false, ...options }),
    async remove() {},
  }),
})

describeStore({ name: 'in a folder', open: async () => inFolder({}) })

describeStore({
  name: "in an app's own database",
  async open() {
    const folder = folders()
    const databases: DatabaseSync[] = []
    return {
      start(options) {
        const database = new DatabaseSync(join(folder, 'app.db'))
        databases.push(database)
        return new Afterword({ journal: { database }, signals: false, ...options })
      },
      async remove() {
        for (const database of databases) database.close()
        rmSync(folder, { recursive: true })
      },
    }
  },
})

describeStore({
  name: 'by pg-boss',
  async open() {
    const engine = pgBoss({ connectionString: postgres.url, schema: freshSchema() })
    return { start: (options) => new Afterword({ engine, signals: false, ...options }), async remove() {} }
  },
})

describeStore({
  name: 'in a folder before pg-boss',
  open: async () => inFolder({ engine: pgBoss({ connectionString: postgres.url, schema: freshSchema() }) }),
})

function inFolder(more: { engine?: ReturnType<typeof pgBoss> }): Store {
  const folder = folders()
  return {
    start: (options) => new Afterword({ journal: folder, signals: false, ...more, ...options }),
    async remove() {
      rmSync(folder, { recursive: true })
    },
  }
}
