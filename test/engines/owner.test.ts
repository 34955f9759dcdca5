import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Daemon } from '../support/daemon.ts'
import { postgresUrl, startPostgres } from '../support/postgres.ts'
import { type Message, Program } from '../support/program.ts'
import { freshSchema, Tables } from './boss.ts'
import type { WorkerSettings } from './programs/worker.ts'

let postgres: Daemon
let settings: Pick<WorkerSettings, 'url'> & { schema: string }
beforeAll(async () => void (postgres = await startPostgres()))
afterAll(() => postgres[Symbol.asyncDispose]())
beforeEach(() => void (settings = { url: postgresUrl(postgres), schema: freshSchema() }))

async function startWorker(more: Partial<WorkerSettings> = {}): Promise<Program> {
  const args = [JSON.stringify({ ...settings, ...more })]
  const program = new Program(new URL('programs/worker.ts', import.meta.url), { args })
  await program.message('ready')
  return program
}

const sql = async <T>(text: string, ...values: unknown[]): Promise<T[]> => {
  await using tables = new Tables(settings.url, settings.schema)
  await tables.boss.start()
  return (await tables.boss.getDb().executeSql(text, values)).rows as T[]
}

/** The numbers of the owners that hold their locks. */
async function owners(): Promise<string[]> {
  const held = `SELECT objid::text FROM pg_locks WHERE locktype = 'advisory' AND classid = ${0x4146544f} ORDER BY objid`
  return (await sql<{ objid: string }>(held)).map(({ objid }) => objid)
}

/** The number of runs that the table knows as claims of these owners. */
async function claims(of: readonly string[]): Promise<number> {
  const rows = await sql<{ owner: string; attempts: string }>(
    `SELECT owner::text, attempts FROM ${settings.schema}.afterword_claim WHERE owner::text = ANY($1)`,
    of,
  )
  return rows.reduce((sum, { attempts }) => sum + JSON.parse(attempts).length, 0)
}

/** The worker runs calls, and its claims are in the table. */
async function running(worker: Program, ...whats: string[]): Promise<void> {
  for (const what of whats) worker.send({ type: 'dispatch', what })
  for (const what of whats) await worker.message('ran', (message) => message.what === what)
}

test('kill -9 of a worker: its claims are handed back since its lock is free, and not for a heartbeat that is missing', async () => {
  const whats = Array.from({ length: 100 }, (_, n) => String(n))
  await using first = await startWorker({ waits: true })
  await running(first, ...whats)
  await expect.poll(async () => claims(await owners())).toBe(100)
  await using second = await startWorker({ waits: true })
  await expect.poll(owners).toHaveLength(2)
  first.kill()
  await first.exited
  for (const what of whats) {
    expect(await second.message('ran', (message) => message.what === what)).toMatchObject({ attempt: 1 })
  }
  const words = await sql<{ error: string }>(
    `SELECT DISTINCT output->>'error' AS error FROM ${settings.schema}.job WHERE state = 'active'`,
  )
  expect(words).toEqual([{ error: 'the process of the worker has died' }])
})

test('a worker that starts after the only one was killed as soon as a run began hands its claims back', async () => {
  await using first = await startWorker({ waits: true })
  await running(first, 'a')
  // The claim is in the table before its run begins.
  first.kill()
  await first.exited
  await using second = await startWorker({ waits: true })
  await second.message('ran', ({ what }) => what === 'a')
  const [row] = await sql<{ error: string }>(
    `SELECT output->>'error' AS error FROM ${settings.schema}.job WHERE state = 'active'`,
  )
  expect(row?.error).toBe('the process of the worker has died')
})

test('a worker whose connections were ended takes its lock again: its claims stay its own', async () => {
  await using one = await startWorker({ waits: true })
  await running(one, 'one')
  await using two = await startWorker({ waits: true, url: settings.url })
  await expect.poll(owners).toHaveLength(2)
  two.send({ type: 'dispatch', what: 'two' })
  const { pid } = (await Promise.race([
    one.message('ran', ({ what }) => what === 'two'),
    two.message('ran'),
  ])) as Message & {
    pid: number
  }
  const [dying, living] = pid === one.pid ? [one, two] : [two, one]
  const before = await owners()
  await sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'pgboss'`,
  )
  const after = async () => (await owners()).filter((owner) => !before.includes(owner))
  await expect.poll(async () => claims(await after())).toBe(2)
  dying.kill()
  await dying.exited
  const lost = dying === one ? ['one', 'two'] : ['two']
  for (const what of lost) await living.message('ran', (message) => message.what === what)
  const rows = await sql<{ what: string; runs: number }>(
    `SELECT data->>'args' AS what, retry_count AS runs FROM ${settings.schema}.job WHERE state = 'active' ORDER BY 1`,
  )
  const runs = (what: string) => ({ what: `["${what}"]`, runs: lost.includes(what) ? 1 : 0 })
  expect(rows).toEqual([runs('one'), runs('two')])
})

test('without the right to make a table calls run as ever', async () => {
  await using first = await startWorker()
  await running(first, 'a')
  await sql(`CREATE ROLE plain LOGIN`)
  await sql(`DROP TABLE ${settings.schema}.afterword_claim`)
  await sql(`GRANT USAGE ON SCHEMA ${settings.schema} TO plain`)
  await sql(`GRANT ALL ON ALL TABLES IN SCHEMA ${settings.schema} TO plain`)
  await sql(`GRANT ALL ON ALL FUNCTIONS IN SCHEMA ${settings.schema} TO plain`)
  first.kill()
  await first.exited
  await using second = await startWorker({ url: settings.url.replace('postgres@', 'plain@') })
  await running(second, 'b')
  expect(await owners()).toEqual([])
})
