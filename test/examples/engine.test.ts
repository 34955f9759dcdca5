import { Afterword } from 'afterword'
import { StoreContract } from 'afterword/testing'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { tableEngine } from '../../examples/engine/table-engine.ts'
import { freshSchema } from '../engines/boss.ts'
import { testPostgres } from '../support/postgres.ts'

let postgres: Awaited<ReturnType<typeof testPostgres>>
beforeAll(async () => void (postgres = await testPostgres()))
afterAll(() => postgres[Symbol.asyncDispose]())

describe('calls that are kept by the engine of examples/engine', () => {
  const { cases } = new StoreContract({
    async open() {
      const schema = freshSchema()
      const pool = new Pool({ connectionString: postgres.url, options: `-c search_path=${schema}` })
      await pool.query(`CREATE SCHEMA ${schema}`)
      return {
        start: (options) => new Afterword({ engine: tableEngine(pool), ...options }),
        remove: () => pool.end(),
      }
    },
  })
  for (const { title, run } of cases) test(title, run)
})
