import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { bullmq } from '../../src/engines/bullmq.ts'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { Afterword, type EngineOption } from '../../src/index.ts'
import { type Store, StoreContract, type StoreContractOptions } from '../../src/testing/index.ts'
import { testPostgres } from '../support/postgres.ts'
import { testRedis } from '../support/redis.ts'
import { freshSchema } from './boss.ts'
import { freshPrefix } from './bull.ts'
import { Queues } from './queues.ts'

let postgres: Awaited<ReturnType<typeof testPostgres>>
let redis: Awaited<ReturnType<typeof testRedis>>
beforeAll(async () => void ([postgres, redis] = await Promise.all([testPostgres(), testRedis()])))
afterAll(async () => {
  await postgres[Symbol.asyncDispose]()
  await redis[Symbol.asyncDispose]()
})

/** Runs the contract that `afterword/testing` has for every store. */
function describeStore({ name, ...options }: StoreContractOptions & { name: string }): void {
  describe(`calls that are kept ${name}`, () => {
    for (const { title, run } of new StoreContract(options).cases) test(title, run)
  })
}

const folders = () => mkdtempSync(join(tmpdir(), 'afterword-contract-'))

describeStore({
  name: 'in memory',
  limits: { survives: false },
  open: async () => ({
    start: ({ worker: _worker, ...options }) => new Afterword(options),
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
        return new Afterword({ journal: { database }, ...options })
      },
      async remove() {
        for (const database of databases) database.close()
        rmSync(folder, { recursive: true })
      },
    }
  },
})

describeStore({ name: 'by pg-boss', open: async () => onEngine(boss()) })
describeStore({ name: 'in a folder before pg-boss', open: async () => inFolder({ engine: boss() }) })
describeStore({ name: 'by BullMQ', open: async () => onEngine(bull()) })
describeStore({ name: 'in a folder before BullMQ', open: async () => inFolder({ engine: bull() }) })

describeStore({ name: 'by Cloudflare Queues', limits: { keys: false, cancels: false }, open: () => Queues.open() })

const boss = () => pgBoss({ connectionString: postgres.url, schema: freshSchema() })
const bull = () => bullmq({ connection: redis.url, prefix: freshPrefix() })

function onEngine(engine: EngineOption): Store {
  return { start: (options) => new Afterword({ engine, ...options }), async remove() {} }
}

function inFolder(more: { engine?: EngineOption }): Store {
  const folder = folders()
  return {
    start: (options) => new Afterword({ journal: folder, ...more, ...options }),
    async remove() {
      rmSync(folder, { recursive: true })
    },
  }
}
