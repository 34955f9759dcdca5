import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import type { Daemon } from '../support/daemon.ts'
import { postgresUrl, startPostgres } from '../support/postgres.ts'
import { type Host, hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

let postgres: Daemon
beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres?.[Symbol.asyncDispose]())

/** Opens a site, with a first request, which opens the connection of the pool. */
async function open(host: Host): Promise<Site> {
  const args = [postgresUrl(postgres)]
  const site = await Site.open(new URL('programs/postgres-pool.ts', import.meta.url), { host, args })
  expect(await site.ask('/opens')).toMatchObject({ complete: true })
  return site
}

describe.each(hosts.filter(({ protocol }) => protocol === 'HTTP/1.1' || protocol === 'h2'))(
  'the pool of pg, $protocol on Node $node',
  (host) => {
    test.each([
      ['defer.in() and job.in() of a callback', '/addressed', ['defer: 1', 'job']],
      ['a callback of bind()', '/bound', ['bound']],
      ['code behind an await', '/awaited', ['awaited']],
      ['code of a transaction', '/client', ['client']],
    ])('the tasks of %s belong to their request', async (_what, path, tasks) => {
      await using site = await open(host)
      for (let round = 0; round < 2; round++) {
        await site.ask(path)
        expect(await site.account()).toEqual(account(tasks.map((task) => run({ path }, task))))
      }
    })

    test('defer() of a callback is reported once, as that of a shared connection', async () => {
      await using site = await open(host)
      for (let round = 0; round < 2; round++) await site.ask('/plain')
      const wrong = run({ path: '/opens' }, 'plain')
      expect(await site.account()).toEqual(account([wrong, wrong], ['AFTERWORD_SHARED_CONNECTION']))
    })
  },
)
