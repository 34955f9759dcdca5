import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { Afterword } from '../../src/index.ts'
import { testPostgres } from '../support/postgres.ts'
import { freshSchema } from './boss.ts'
import { cli, describeEngineCommand } from './engine-command.ts'

let postgres: Awaited<ReturnType<typeof testPostgres>>
let schema: string
let place: string
beforeAll(async () => void (postgres = await testPostgres()))
afterAll(() => postgres[Symbol.asyncDispose]())
beforeEach(() => {
  schema = freshSchema()
  const url = new URL(postgres.url)
  url.searchParams.set('schema', schema)
  place = url.href
})

function start(options: { worker?: boolean } = {}): Afterword {
  return new Afterword({ engine: pgBoss({ connectionString: postgres.url, schema }), signals: false, ...options })
}

describeEngineCommand({ engine: 'pg-boss', parameter: 'schema', backup: 'pg_dump', place: () => place, start })

test('a database without tables of pg-boss, and a server that is away, are errors', async () => {
  const { code, stderr } = await cli('list', place)
  expect(code).toBe(1)
  expect(stderr).toBe(`There are no tables of pg-boss in the schema "${schema}".\n`)
  const away = await cli('list', 'postgres://127.0.0.1:1/none')
  expect(away).toEqual({
    code: 1,
    stdout: '',
    stderr: "The database can't be read: connect ECONNREFUSED 127.0.0.1:1\n",
  })
  const none = new URL(place)
  none.pathname = '/none'
  expect(await cli('retry', none.href, '--all')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'The database can\'t be read: database "none" does not exist\n',
  })
})
