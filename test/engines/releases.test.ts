import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bullmq } from '../../src/engines/bullmq.ts'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { Afterword, type AfterwordOptions, type EngineOption } from '../../src/index.ts'
import { ended } from '../../src/testing/store-watch.ts'
import { testPostgres } from '../support/postgres.ts'
import { testRedis } from '../support/redis.ts'
import { freshSchema } from './boss.ts'
import { freshPrefix } from './bull.ts'

let postgres: Awaited<ReturnType<typeof testPostgres>>
let redis: Awaited<ReturnType<typeof testRedis>>
beforeAll(async () => void ([postgres, redis] = await Promise.all([testPostgres(), testRedis()])))
afterAll(async () => {
  await postgres[Symbol.asyncDispose]()
  await redis[Symbol.asyncDispose]()
})

const engines: Record<string, () => EngineOption> = {
  'pg-boss': () => pgBoss({ connectionString: postgres.url, schema: freshSchema() }),
  BullMQ: () => bullmq({ connection: redis.url, prefix: freshPrefix() }),
}

describe.each(Object.keys(engines))('two releases of an app on %s', (name) => {
  let engine: EngineOption
  beforeEach(() => void (engine = (engines[name] as () => EngineOption)()))

  function start(options: AfterwordOptions = {}): Afterword {
    return new Afterword({ engine, signals: false, ...options })
  }

  test('a call of a version that the older one does not know waits for the newer one', async () => {
    await using older = start()
    await using newer = start({ worker: false })
    const seen: unknown[] = []
    older.job('mail', (to: string) => void seen.push(['older', to]))
    const Mail = newer.job('mail', (to: { address: string }) => void seen.push(['newer', to]), {
      version: 2,
      upgrade: (args: [string]) => [{ address: args[0] }],
    })
    const first = ended('mail')
    await Mail.with<[string]>({ version: 1 }).dispatch('ada')
    await first
    await Mail.dispatch({ address: 'bob' })
    // The older process works on, and leaves it alone.
    const another = ended('mail')
    await Mail.with<[string]>({ version: 1 }).dispatch('eve')
    await another
    expect(seen).toEqual([
      ['older', 'ada'],
      ['older', 'eve'],
    ])
    const last = ended('mail')
    newer.work()
    await last
    expect(seen.slice(2)).toEqual([['newer', { address: 'bob' }]])
  })

  test('calls of the older one run in the newer one, their arguments upgraded', async () => {
    await using older = start({ worker: false })
    await older.job('mail', (_to: string) => {}).dispatch('ada')
    await using newer = start()
    const seen: unknown[] = []
    const ran = ended('mail')
    newer.job('mail', (to: { address: string }) => void seen.push(to), {
      version: 2,
      upgrade: (args: [string]) => [{ address: args[0] }],
    })
    await ran
    expect(seen).toEqual([{ address: 'ada' }])
  })

  test('a call of a job that the older one does not define waits for the newer one', async () => {
    await using older = start()
    await using newer = start({ worker: false })
    const seen: string[] = []
    const Mail = older.job('mail', () => void seen.push('mail'))
    const Invoice = newer.job('invoice', () => void seen.push('invoice'))
    await Invoice.dispatch()
    // The older process works on, and leaves it alone.
    const ran = ended('mail')
    await Mail.dispatch()
    await ran
    const last = ended('invoice')
    newer.work()
    expect(await last).toMatchObject([{ attempt: 1, status: 'done' }])
    expect(seen).toEqual(['mail', 'invoice'])
  })
})
